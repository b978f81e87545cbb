// What the frame does with the account's looks and with a store that takes no writes.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { WRITE_REFUSED } from '@/api/http';
import { SessionProvider, type SessionState, useSession } from '@/api/session';
import type { SessionInfo } from '@/api/types';
import { stateWord } from '@/components/metrics';
import { changePreferences, startI18n, wholeSentence } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { pathTail } from '@/pages/parts/browse-tree';
import { StoreBanner } from '@/shell/store-banner';
import type { ReactNode } from 'react';

const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
beforeEach(async () => {
  localStorage.clear();
  await changePreferences({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

const frame = (children: ReactNode) => render(
  <MantineProvider><QueryClientProvider client={new QueryClient()}>{children}</QueryClientProvider></MantineProvider>,
);

describe('a store that takes no writes', () => {
  const banner = () => screen.queryByRole('alert');

  it('is told at once after a write was refused, and no longer than it lasts', async () => {
    let now = answer(200, { status: 'ok' });
    vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(now.clone())));
    frame(<StoreBanner />);
    await waitFor(() => expect(fetch).toHaveBeenCalledTimes(1));
    expect(banner()).toBeNull();
    now = answer(503, { status: 'store_takes_no_writes' });
    act(() => void window.dispatchEvent(new CustomEvent(WRITE_REFUSED)));
    await waitFor(() => expect(banner()?.textContent).toContain('not being stored'));
    now = answer(200, { status: 'ok' });
    act(() => void window.dispatchEvent(new CustomEvent(WRITE_REFUSED)));
    await waitFor(() => expect(banner()).toBeNull());
  });

  it('is not taken for a program that closes', async () => {
    vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(answer(503, { status: 'closing' }))));
    frame(<StoreBanner />);
    await waitFor(() => expect(fetch).toHaveBeenCalled());
    await act(async () => { await Promise.resolve(); });
    expect(banner()).toBeNull();
  });
});

describe('looks of an account', () => {
  const session = { csrf_token: 'x', permissions: [], settings: { language: 'ar', digits: 'latn', calendar: 'gregory', theme: 'dark' } } as unknown as SessionInfo;
  const signedOut = async (): Promise<() => SessionState> => {
    vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(answer(401, { code: 'auth.signed_out' }))));
    let state: SessionState | undefined;
    const Probe = () => { state = useSession(); return null; };
    frame(<SessionProvider><Probe /></SessionProvider>);
    await waitFor(() => expect(state?.loading).toBe(false));
    return () => state!;
  };
  const looks = () => [document.documentElement.lang, document.documentElement.getAttribute('data-mantine-color-scheme')];

  it('apply after sign-in', async () => {
    const state = await signedOut();
    await act(() => state().enter(session));
    expect(looks()).toEqual(['ar', 'dark']);
  });

  it('yield to the language chosen on the sign-in page', async () => {
    const state = await signedOut();
    act(() => state().chose('language'));
    await act(() => state().enter(session));
    expect(looks()).toEqual(['en', 'dark']);
    // From then on it is the account's.
    const [path, sent] = vi.mocked(fetch).mock.calls.at(-1)!;
    expect([path, sent?.method, JSON.parse(String(sent?.body))]).toEqual(['/api/settings', 'PUT', { ...session.settings, language: 'en' }]);
  });
});

describe('words for what is no quantity', () => {
  it('names the two states and leaves a mean of them a number', () => {
    expect([stateWord('trip', 1), stateWord('trip', 0), stateWord('run_status', 1)]).toEqual(['tripped', 'normal', 'running']);
    expect([stateWord('trip', 0.5), stateWord('speed', 1), stateWord('trip', null)]).toEqual([undefined, undefined, undefined]);
  });

  it('says a stored outcome again only when it needs no values', () => {
    expect(wholeSentence('errors', 'store.disk_full')).toContain('disk is full');
    expect(wholeSentence('errors', 'store.newer')).toBeUndefined();
  });

  it('keeps the end of a path, whatever parts it', () => {
    expect([pathTail('Objects/Plant/P-102A/Flow'), pathTail('\\\\srv\\db\\P-102A|Flow'), pathTail('P-102A/Flow')]).toEqual(['…/P-102A/Flow', '…/P-102A|Flow', 'P-102A/Flow']);
  });
});
