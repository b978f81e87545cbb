import { expect, test } from 'vitest';
import type { ImportFile, InvestigationProposal } from '@/api/types';
import { draftOf, planOf, renamed, spanOf, withAsset, zoneOf } from '@/lib/investigation';

const proposal: InvestigationProposal = {
  integration_id: 'i', mapped: 0, is_cut: false,
  assets: [{ code: 'K-202', family: 'centrifugal_compressor', is_known: false, is_sure: true, tags: 2 }, { code: 'P-1', family: 'centrifugal_pump', is_known: true, is_sure: true, tags: 1 }],
  signals: [
    { tag: 'K-202.FLOW', asset_code: 'K-202', metric: 'suction_flow', unit: 'm3/h', score: 0.9, reasons: [] },
    { tag: 'K-202.TRIP', asset_code: 'K-202', metric: null, unit: '', score: 0, reasons: [] },
    { tag: 'Ambient', asset_code: null, metric: null, unit: 'degC', score: 0, reasons: [] },
    { tag: 'P-1.FLOW', asset_code: 'P-1', metric: 'flow', unit: 'm3/h', score: 0.9, reasons: [] },
  ],
};

test('only what is new is created, and a tag without a place is left out', () => {
  const plan = planOf(draftOf(proposal), 'i', 'Asia/Riyadh');
  expect(plan.assets).toEqual([{ code: 'K-202', family: 'centrifugal_compressor' }]);
  expect(plan.signals.map((s) => s.tag)).toEqual(['K-202.FLOW', 'P-1.FLOW']);
});

test('a renamed asset keeps its signals', () => {
  const plan = planOf(renamed(draftOf(proposal), 'K-202', 'C-7'), 'i', 'UTC');
  expect(plan.assets[0]!.code).toBe('C-7');
  expect(plan.signals[0]!.asset_code).toBe('C-7');
});

test('an asset that is added is created once a tag has it', () => {
  const draft = withAsset(draftOf(proposal), ' KM-202 ', 'electric_motor')!;
  expect(planOf(draft, 'i', 'UTC').assets.map((a) => a.code)).toEqual(['K-202']);
  const placed = { ...draft, signals: draft.signals.map((s) => (s.tag === 'Ambient' ? { ...s, asset: 'KM-202', metric: 'temperature' } : s)) };
  expect(planOf(placed, 'i', 'UTC').assets).toContainEqual({ code: 'KM-202', family: 'electric_motor' });
  expect(planOf(placed, 'i', 'UTC').signals.map((s) => s.asset_code)).toContain('KM-202');
  expect(withAsset(draft, 'km-202', 'tank')).toBeNull();
  expect(withAsset(draft, '  ', 'tank')).toBeNull();
});

test('the span covers all files that have times', () => {
  const file = (first_at: number | null, last_at: number | null) => ({ first_at, last_at }) as ImportFile;
  expect(spanOf([file(5, 9), file(null, null), file(2, 6)])).toEqual({ from: 2, to: 10 });
  expect(spanOf([file(null, null)])).toBeNull();
});

test('the zone of the place is that of files which name none', () => {
  const file = (time_zone: string, names_zone: boolean) => ({ layout: { time_zone }, names_zone }) as ImportFile;
  expect(zoneOf([file('UTC', true), file('Asia/Riyadh', false)])).toBe('Asia/Riyadh');
  expect(zoneOf([file('UTC', true)])).toBe('UTC');
  expect(zoneOf([])).toBe('UTC');
});
