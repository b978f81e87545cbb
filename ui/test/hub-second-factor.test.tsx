// The second factor is set up by a picture, and the secret in it can be typed.
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Console } from '@/hub/app';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { pathOf, squaresOf } from '@/lib/qr';

// The pages draw trends, and that library asks for the screen as soon as it is read.
vi.hoisted(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  vi.stubGlobal('ResizeObserver', class { observe = () => undefined; unobserve = () => undefined; disconnect = () => undefined; });
});

beforeAll(() => startI18n({ ...DEFAULTS, language: 'en' }));
afterEach(cleanup);

const SESSION = {
  csrf_token: 'c', must_change_password: false, must_set_up_totp: true, name: 'Noura', username: 'noura', role: 'platform_owner',
  permissions: ['tenants.manage'], tenant: { en: 'Hub', ar: 'المركز' }, user_id: 'u',
};
const SECRET = 'JBSWY3DPEHPK3PXP';
const ADDRESS = `otpauth://totp/OPTRIA%20IQ:noura?secret=${SECRET}&issuer=OPTRIA%20IQ`;
const answer = (body: unknown) => new Response(JSON.stringify(body), { status: 200 });

it('shows the address of the authenticator as a picture, and its secret as text', async () => {
  vi.stubGlobal('fetch', vi.fn<typeof fetch>(async (input) => answer(String(input) === '/api/session/totp' ? { secret: SECRET, address: ADDRESS } : SESSION)));
  render(<Console />);
  fireEvent.click(await screen.findByRole('button', { name: 'Show the secret' }));
  const picture = await screen.findByRole('img', { name: 'The secret as a QR code' });
  expect(picture.querySelector('.qr-ink')?.getAttribute('d')).toBe(pathOf(squaresOf(ADDRESS)));
  expect(document.querySelector('[data-secret]')?.textContent).toBe('JBSW Y3DP EHPK 3PXP');
});
