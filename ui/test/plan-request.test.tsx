// The form of a plan: what is typed in any digits is read strictly, and only what is right is sent.
import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionContext, type SessionState } from '@/api/session';
import type { OptimizationStatus } from '@/api/types';
import { changePreferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { FIRST_TEXTS, type PlanChoices, planRequest } from '@/lib/plan-request';
import { PlanForm } from '@/pages/parts/plan-form';

const status = {
  is_enabled: true, message: null, cost_model_version: 1, currency: 'SAR', risk_appetite: 0.5, technicians: [], job: null,
  assets: [{ id: 'a1', code: 'P-101A', names: { en: 'Pump', ar: 'مضخة' } }],
} as unknown as OptimizationStatus;
const choices: PlanChoices = { model: '', site_id: '', horizon_days: 14, risk_appetite: 0.5, production_factor: 1, crew_factor: 1, away: [] };
const read = (typed: Partial<typeof FIRST_TEXTS>, chosen: Partial<PlanChoices> = {}) => planRequest({ ...FIRST_TEXTS, ...typed }, { ...choices, ...chosen }, status);

describe('what is typed', () => {
  it('becomes what is asked, in any digits', () => {
    const { body, problems } = read({ overtime_minutes: '٩٠', travel_minutes: '1,440', budget: '٢٬٥٠٠٫٥', must_do: 'p-101a' }, { site_id: 's1' });
    expect(problems).toEqual({});
    expect(body).toMatchObject({ overtime_minutes: 90, travel_minutes: 1440, budget: 2500.5, must_do: ['a1'], site_id: 's1', risk_appetite: null });
    expect(read({ overtime_minutes: '0' }).body).toMatchObject({ overtime_minutes: 0, site_id: null, budget: null });
  });

  it('is refused beside its field, and never replaced by another value', () => {
    for (const wrong of ['', 'two', '481', '-1', '1.5', '1e2', '0x10']) expect(read({ overtime_minutes: wrong }).problems).toEqual({ overtime_minutes: { kind: 'whole', min: 0, max: 480 } });
    expect(read({ travel_minutes: '1441' }).problems).toEqual({ travel_minutes: { kind: 'whole', min: 0, max: 1440 } });
    expect(read({ seed: 'x', iterations: '0' }).problems).toMatchObject({ seed: { kind: 'whole' }, iterations: { kind: 'whole', min: 1 } });
    expect(read({ budget: 'much' }).problems).toEqual({ budget: { kind: 'amount' } });
    expect(read({ must_do: 'P-101A, K-9' }).problems).toEqual({ must_do: { kind: 'asset', code: 'K-9' } });
  });
});

describe('the form', () => {
  const sent: Record<string, unknown>[] = [];
  const answer = (code: number, body: unknown) => new Response(JSON.stringify(body), { status: code, headers: { 'content-type': 'application/json' } });
  beforeAll(async () => {
    vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
    vi.stubGlobal('fetch', vi.fn((url: string, init?: RequestInit) => {
      if (init?.method === 'POST') {
        sent.push(JSON.parse(String(init.body)) as Record<string, unknown>);
        return Promise.resolve(answer(202, { scenario_id: 'r1', job: {} }));
      }
      return Promise.resolve(answer(200, String(url).includes('/sites') ? [{ id: 's1', code: 'RAS', names: { en: 'Ras Plant', ar: 'مصنع رأس' }, time_zone: 'Asia/Riyadh' }] : []));
    }));
    await startI18n({ ...DEFAULTS, language: 'en' });
  });
  afterEach(cleanup);

  const draw = () => {
    const started = vi.fn();
    const session = { session: null, may: () => true } as unknown as SessionState;
    render(<MantineProvider><QueryClientProvider client={new QueryClient()}><SessionContext.Provider value={session}><PlanForm status={status} busy={false} onStarted={started} /></SessionContext.Provider></QueryClientProvider></MantineProvider>);
    return started;
  };

  it.each([
    ['en', 'Site', 'Overtime per shift, in minutes', 'Way between sites, in minutes', 'Ras Plant', /whole number from 0 to 480/],
    ['ar', 'الموقع', 'العمل الإضافي لكل وردية، بالدقائق', 'زمن التنقل بين المواقع، بالدقائق', 'مصنع رأس', /عدد صحيح من 0 إلى 480/],
  ] as const)('asks for site, overtime and travel in %s, and sends nothing that is wrong', async (language, site, overtime, travel, plant, refusal) => {
    await changePreferences({ ...DEFAULTS, language });
    sent.length = 0;
    const started = draw();
    await screen.findByRole('option', { name: plant });
    fireEvent.change(screen.getByLabelText(site), { target: { value: 's1' } });
    fireEvent.change(screen.getByLabelText(travel), { target: { value: '30' } });
    const field = screen.getByLabelText(overtime);
    fireEvent.change(field, { target: { value: '600' } });
    const form = field.closest('form')!;
    fireEvent.submit(form);
    expect(form.textContent.replace(/[\u2066-\u2069]/g, '')).toMatch(refusal);
    expect(field.getAttribute('aria-invalid')).toBe('true');
    expect(sent).toEqual([]);
    fireEvent.change(field, { target: { value: '60' } });
    fireEvent.submit(form);
    await waitFor(() => expect(started).toHaveBeenCalledWith('r1'));
    expect(sent).toMatchObject([{ site_id: 's1', overtime_minutes: 60, travel_minutes: 30 }]);
  });
});
