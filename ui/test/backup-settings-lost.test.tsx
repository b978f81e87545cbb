// Settings of backups that were found damaged are told as lost, for as long as nobody has entered them again.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { ToastProvider } from '@/components/dialog';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import BackupsPage from '@/pages/backups';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  vi.stubGlobal('ResizeObserver', class { observe = () => undefined; unobserve = () => undefined; disconnect = () => undefined; });
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

const STATUS = {
  settings: { is_enabled: true, folder: '/mnt/backups', cadence: { every: 'day', minute: 60 }, time_zone: 'UTC', keep_days: 7, keep_months: 0 },
  settings_lost_at: null, folder: '/mnt/backups', key: 'AB12', key_noted_at: 1, next_at: null, work: null, work_on: null, last_at: null, last_error: null, trouble: null, backups: [], is_restore_pending: false,
};

async function page(changes: object): Promise<string> {
  vi.stubGlobal('fetch', vi.fn<typeof fetch>(() => Promise.resolve(new Response(JSON.stringify({ ...STATUS, ...changes })))));
  render(<MantineProvider><QueryClientProvider client={new QueryClient()}><ToastProvider><BackupsPage /></ToastProvider></QueryClientProvider></MantineProvider>);
  await screen.findByText('/mnt/backups');
  return document.body.textContent;
}

it('says that they are lost and where the file is, and nothing where they are not', async () => {
  expect(await page({})).not.toContain('backups.json.damaged');
  cleanup();
  const told = await page({ settings_lost_at: 1_790_000_000_000 });
  expect(told).toContain('backups.json.damaged');
  expect(told).toContain('again');
});
