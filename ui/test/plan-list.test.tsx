// The ranked list of a plan: reasons are sentences, and stand under the row instead of in a column among numbers.
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { afterEach, expect, it, vi } from 'vitest';
import { SessionContext, type SessionState } from '@/api/session';
import type { ScenarioDetail } from '@/api/types';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { downloadText } from '@/lib/csv';
import { RankedList } from '@/pages/parts/plan-list';

vi.mock(import('@/lib/csv'), async (original) => ({ ...await original(), downloadText: vi.fn() }));
afterEach(cleanup);

const advice = { id: 'r1', rank: 1, asset_id: 'a1', asset_code: 'P-1', asset_names: { ar: 'مضخة', en: 'Pump' }, score: 30, class: 'low', failure_probability: 0.2, chance: null, expected_cost_avoided: 1, planned_cost: 1, planned_start_at: null, is_advised: true, work_order_id: null, order: null, technicians: [] };
const reasons = [{ code: 'one', message: 'The criticality of its asset.' }, { code: 'two', message: 'It fails soon.' }];

function draw(recommendations: unknown[]): void {
  const detail = { scenario: { id: 's1', run_key: 'k', currency: 'SAR', state: 'done', finished_at: 1 }, recommendations, models: [], notes: [] } as unknown as ScenarioDetail;
  const session = { session: null, may: () => false } as unknown as SessionState;
  render(<QueryClientProvider client={new QueryClient()}><SessionContext.Provider value={session}><RankedList detail={detail} /></SessionContext.Provider></QueryClientProvider>);
}

it('has the reasons on a second line from the asset to the end, and what holds it with them', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  draw([{ ...advice, reasons, held: { code: 'owned', message: 'Kept by SAP PM.' } }, { ...advice, id: 'r2', rank: 2, reasons: [], held: null }]);
  const heads = screen.getAllByRole('columnheader').map((h) => h.textContent);
  expect(heads).not.toContain('Why');
  const [, first, second, ...rest] = screen.getAllByRole('row');
  expect(within(first!).queryByText(/Kept by SAP PM/)).toBeNull();
  const cells = [...second!.querySelectorAll('td')];
  expect(cells.reduce((sum, cell) => sum + cell.colSpan, 0)).toBe(heads.length);
  expect(cells[0]!.colSpan).toBe(heads.indexOf('Asset'));
  expect(cells[1]!.textContent).toBe('Kept by SAP PM.Why · The criticality of its asset.It fails soon.');
  // Without reasons there is no second line.
  expect(rest).toHaveLength(1);
});

it('keeps the reasons in the file', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  draw([{ ...advice, reasons, held: null }]);
  fireEvent.click(screen.getByText('Export CSV'));
  const text = vi.mocked(downloadText).mock.calls[0]?.[1] ?? '';
  expect(text.split('\r\n')[0]).toContain(',why,');
  expect(text).toContain('The criticality of its asset. It fails soon.');
});
