// Whose language and theme count after a sign-in: what was picked at the door, then what the account has stored;
// never what was only guessed from the browser.
import { MantineProvider, useMantineColorScheme } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, render, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SessionProvider, type SessionState, useSession } from '@/api/session';
import { ToastProvider } from '@/components/dialog';
import { preferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

type Session = NonNullable<SessionState['session']>;
type Saved = { language: string; theme: string };

const account = (language: string, theme: string, more: object = {}) =>
  ({ csrf_token: 'x', permissions: [], must_change_password: false, settings: { language, digits: 'latn', calendar: 'gregory', theme, time_zone: 'UTC' }, ...more }) as unknown as Session;
const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

let saved: Saved[] = [];
let state: SessionState;
let scheme: ReturnType<typeof useMantineColorScheme>;

/** An English browser that was given no word of anybody. */
async function door(found: Session | null = null): Promise<void> {
  vi.stubGlobal('fetch', vi.fn<typeof fetch>((input, sent) => {
    if (String(input) === '/api/settings' && sent?.method === 'PUT') {
      saved.push(JSON.parse(sent.body as string) as Saved);
      return Promise.resolve(answer(200, saved.at(-1)));
    }
    return Promise.resolve(found ? answer(200, found) : answer(401, { code: 'session.required', message: '', params: {}, request_id: 'r', fields: [] }));
  }));
  const Probe = () => { state = useSession(); scheme = useMantineColorScheme(); return null; };
  render(
    <MantineProvider><QueryClientProvider client={new QueryClient()}><ToastProvider><SessionProvider><Probe /></SessionProvider></ToastProvider></QueryClientProvider></MantineProvider>,
  );
  await waitFor(() => expect(state.loading).toBe(false));
}

beforeEach(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  localStorage.clear();
  sessionStorage.clear();
  saved = [];
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

it('takes the account’s looks over what was guessed, and stores nothing', async () => {
  await door();
  await act(() => state.enter(account('ar', 'dark')));
  expect([preferences().language, scheme.colorScheme, saved]).toEqual(['ar', 'dark', []]);
});

it('keeps what was picked at the door, and stores it with the account', async () => {
  await door();
  act(() => { scheme.setColorScheme('dark'); state.chose('theme'); state.chose('language'); });
  await act(() => state.enter(account('ar', 'light')));
  expect([preferences().language, scheme.colorScheme]).toEqual(['en', 'dark']);
  expect(saved).toMatchObject([{ language: 'en', theme: 'dark' }]);
  // The next person in this window has picked nothing.
  await act(() => state.enter(account('ar', 'light')));
  expect([preferences().language, scheme.colorScheme, saved.length]).toEqual(['ar', 'light', 1]);
});

it('takes the looks of an account that an identity provider brought in, not those of the browser', async () => {
  await door(account('ar', 'dark'));
  expect([preferences().language, scheme.colorScheme, saved]).toEqual(['ar', 'dark', []]);
});

it('remembers what was picked while an identity provider had the page', async () => {
  await door();
  act(() => state.chose('language'));
  cleanup();
  await door(account('ar', 'dark'));
  expect([preferences().language, scheme.colorScheme]).toEqual(['en', 'dark']);
  expect(saved).toMatchObject([{ language: 'en', theme: 'dark' }]);
});

it('stores what was picked once a temporary password was changed', async () => {
  await door();
  act(() => state.chose('language'));
  await act(() => state.enter(account('ar', 'light', { must_change_password: true })));
  expect([preferences().language, saved]).toEqual(['en', []]);
  await act(() => state.accept(account('ar', 'light')));
  expect(saved).toMatchObject([{ language: 'en', theme: 'light' }]);
});

it('does not give an account the looks of a browser when a profile is saved', async () => {
  await door(account('ar', 'dark'));
  await act(() => state.accept(account('ar', 'dark')));
  expect(saved).toEqual([]);
});
