// A session of the hub that ended says so at the door, and why.
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Console } from '@/hub/app';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

// The pages draw trends, and that library asks for the screen as soon as it is read.
vi.hoisted(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  vi.stubGlobal('ResizeObserver', class { observe = () => undefined; unobserve = () => undefined; disconnect = () => undefined; });
});

beforeAll(() => startI18n({ ...DEFAULTS, language: 'en' }));
afterEach(cleanup);

const SESSION = {
  csrf_token: 'c', must_change_password: false, must_set_up_totp: false, name: 'Noura', username: 'noura', role: 'platform_owner',
  permissions: ['tenants.manage'], tenant: { en: 'Hub', ar: 'المركز' }, user_id: 'u',
};
const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const refused = (code: string, message: string) => answer(401, { code, message, params: {}, request_id: 'r', fields: [] });

it('tells at the door how the session ended', async () => {
  const asked = vi.fn<typeof fetch>(async (input) => {
    const path = String(input);
    if (path.startsWith('/api/session/providers')) return answer(200, []);
    return path === '/api/session' ? answer(200, SESSION) : refused('session.expired', 'It was not used for a while.');
  });
  vi.stubGlobal('fetch', asked);
  render(<Console />);
  await screen.findByText('It was not used for a while.');
  expect(document.querySelector('input[name="username"]')).not.toBeNull();
});
