// A session of the appliance that ended says so at the sign-in page, and why; who signs out is told nothing.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { request } from '@/api/http';
import { SessionProvider, type SessionState, useSession } from '@/api/session';
import { ToastProvider } from '@/components/dialog';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import LoginPage from '@/pages/login';

beforeAll(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  vi.stubGlobal('ResizeObserver', class { observe = () => undefined; unobserve = () => undefined; disconnect = () => undefined; });
  return startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

const SESSION = {
  csrf_token: 'x', permissions: [], must_change_password: false,
  settings: { language: 'en', digits: 'latn', calendar: 'gregory', theme: 'light', time_zone: 'UTC' },
};
const WHY = 'It was not used for a while.';
const answer = (status: number, body: unknown) => new Response(status === 204 ? null : JSON.stringify(body), { status });
const refused = (code: string) => answer(401, { code, message: code === 'session.required' ? 'No one is signed in.' : WHY, params: {}, request_id: 'r', fields: [] });

/** Lets the sign-out be answered. */
let leave = () => undefined as void;

/** The door of an appliance whose session and pages answer as given, and the state of its session. */
async function door(session: () => Response, pages: () => Response): Promise<() => SessionState> {
  vi.stubGlobal('fetch', vi.fn<typeof fetch>((input, sent) => {
    const path = String(input);
    if (path === '/api/setup') return Promise.resolve(answer(200, { needs_setup: false, version: '1', appliance: 'a' }));
    if (path === '/api/session' && sent?.method === 'DELETE') return new Promise((resolve) => { leave = () => resolve(answer(204, null)); });
    if (path === '/api/session') return Promise.resolve(session());
    return Promise.resolve(path === '/api/sites' ? pages() : answer(200, []));
  }));
  let state: SessionState | undefined;
  const Probe = () => { state = useSession(); return state.session || state.loading ? null : <LoginPage />; };
  render(
    <MantineProvider><QueryClientProvider client={new QueryClient()}><ToastProvider><SessionProvider><Probe /></SessionProvider></ToastProvider></QueryClientProvider></MantineProvider>,
  );
  await waitFor(() => expect(state?.loading).toBe(false));
  return () => state!;
}
const username = () => document.querySelector('input[name="username"]');
const ask = () => act(async () => { await request('GET', '/api/sites').catch(() => undefined); });

it('tells how the session ended that was open here, until somebody signs in', async () => {
  const state = await door(() => answer(200, SESSION), () => refused('session.expired'));
  expect(username()).toBeNull();
  await ask();
  await screen.findByText(WHY);
  expect(username()).not.toBeNull();
  await act(() => state().enter(SESSION as unknown as NonNullable<SessionState['session']>));
  expect([state().why, username()]).toEqual([null, null]);
});

it('tells it also to who comes back later', async () => {
  await door(() => refused('session.ended'), () => refused('session.ended'));
  await screen.findByText(WHY);
});

it('tells nothing to who signs out, or was not signed in', async () => {
  const state = await door(() => answer(200, SESSION), () => refused('session.ended'));
  // Requests that were on their way are answered when the session is gone, before and after the sign-out is.
  const out = state().signOut();
  await ask();
  await act(() => { leave(); return out; });
  await ask();
  await waitFor(() => expect(username()).not.toBeNull());
  expect(screen.queryByText(WHY)).toBeNull();
  cleanup();
  await door(() => refused('session.required'), () => refused('session.required'));
  await waitFor(() => expect(username()).not.toBeNull());
  expect(document.querySelector('.note.warning')).toBeNull();
});
