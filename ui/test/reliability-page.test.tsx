// What the pages of failures say where there is little to count.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { SessionContext, type SessionState } from '@/api/session';
import { changePreferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { longDay } from '@/lib/format';
import { AssetReliability, Reliability } from '@/pages/parts/reliability';

const SINCE = Date.UTC(2026, 10, 2, 6, 30);
const FIGURES = { assets: 1, failures: 0, operating_h: 0, basis: null, service_h: 0, down_h: 0, planned_h: 0, mtbf: null, mtbf_at_least_h: null, mttr: null, mdt: null, inherent: null, operational: null, withheld: { mtbf: 'no_failure', mttr: null, mdt: null, inherent: null, operational: null } };
const REPORT = { from: Date.UTC(2025, 10, 22), to: Date.UTC(2026, 10, 22), known_since: SINCE, confidence: 0.9, min_hours: 168, made_up: 0, total: FIGURES, groups: [], assets: [], failure_types: ['M2', 'ZB'] };

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

function draw(report: unknown, page: ReactNode): void {
  vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(new Response(JSON.stringify(report), { status: 200, headers: { 'content-type': 'application/json' } }))));
  const session = { session: null, may: () => true } as unknown as SessionState;
  render(<MantineProvider><QueryClientProvider client={new QueryClient()}><SessionContext.Provider value={session}>{page}</SessionContext.Provider></QueryClientProvider></MantineProvider>);
}

it('says since when failures are known, inside the sentence, and lists types in the words of the language', async () => {
  for (const [language, between] of [['en', 'M2, ZB'], ['ar', 'M2، ZB']] as const) {
    await changePreferences({ ...DEFAULTS, language });
    draw(REPORT, <Reliability t={null} />);
    await screen.findByText((text) => text.includes(longDay({ ...DEFAULTS, language }, SINCE)));
    expect(document.body.textContent).toContain(between);
    cleanup();
  }
  await changePreferences({ ...DEFAULTS, language: 'en' });
});

it('tells an asset that is left out from a plant without orders', async () => {
  draw({ ...REPORT, made_up: 1 }, <AssetReliability id="a1" t={null} />);
  expect((await screen.findByText(/left out: all its values come from a demonstration/)).textContent).not.toContain('order');
  cleanup();
  draw({ ...REPORT, known_since: null }, <AssetReliability id="a1" t={null} />);
  await screen.findByText(/No work order is known/);
});
