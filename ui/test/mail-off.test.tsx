// A test mail is offered where there is a server to send it, and nowhere else.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { MailPane } from '@/pages/parts/mail-settings';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

async function button(mail: object): Promise<HTMLButtonElement> {
  const body = { is_on: false, server: null, from: null, security: null, problem: null, queued: 0, sent: 0, failed: 0, newest: [], ...mail };
  vi.stubGlobal('fetch', vi.fn<typeof fetch>(() => Promise.resolve(new Response(JSON.stringify(body)))));
  render(<MantineProvider><QueryClientProvider client={new QueryClient()}><MailPane /></QueryClientProvider></MantineProvider>);
  return screen.findByRole<HTMLButtonElement>('button', { name: /test/i });
}

it('offers no test while mail is off, and says why', async () => {
  const off = await button({});
  expect(off.disabled).toBe(true);
  expect(document.getElementById(off.getAttribute('aria-describedby')!)?.textContent).toContain('SMTP_URL');
});

it('offers it where mail is on, or on and wrong', async () => {
  expect((await button({ is_on: true, server: 'mail.plant', from: 'a@plant', security: 'tls' })).disabled).toBe(false);
  cleanup();
  expect((await button({ problem: { code: 'mail.config_wrong', message: 'SMTP_URL can’t be used', params: {} } })).disabled).toBe(false);
});
