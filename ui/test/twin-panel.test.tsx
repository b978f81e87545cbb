// From an asset of the twin to its incidents: to the open one, else to those of its past.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { SessionContext, type SessionState } from '@/api/session';
import { TwinPanel } from '@/components/twin-panel';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

const asset = (open_incident_id: string | null) => ({
  id: 'a1', site_id: 's1', unit_id: 'u1', code: 'P-101', names: { en: 'Feed pump', ar: 'مضخة' }, family: 'centrifugal_pump', criticality: 'high', upstream: [], downstream: [],
  status: 'normal', status_reason: null, connectivity: 'live', is_data_connected: true, data_age_ms: 1_000, is_running: true, health: null, anomaly: null, assessment: null,
  key_signal: null, signals: [], open_incident_id, active_alerts: 0,
});

it.each([[null, 'Incidents', '/blackbox?asset=a1'], ['i1', 'Incident', '/blackbox/incidents/i1']])('with the open incident %s it leads to %s', async (open, name, path) => {
  vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(new Response(JSON.stringify(asset(open)), { status: 200, headers: { 'content-type': 'application/json' } }))));
  const session = { session: null, may: () => true } as unknown as SessionState;
  render(<MantineProvider><QueryClientProvider client={new QueryClient()}><SessionContext.Provider value={session}><TwinPanel id="a1" onClose={() => undefined}>{null}</TwinPanel></SessionContext.Provider></QueryClientProvider></MantineProvider>);
  const link = await screen.findByRole('link', { name });
  expect(link.getAttribute('href')).toBe(path);
});
