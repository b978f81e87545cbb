// Where a chosen tag goes before a person has touched it.
import { describe, expect, it } from 'vitest';
import type { Candidate } from '@/api/types';
import { firstChoices, placesOf } from '@/pages/parts/mapping-review';

const candidate = (asset: string, metric: string, score: number): Candidate => ({ asset_id: asset, asset_code: asset, metric_name: metric, score, reasons: ['why'] });
const flow = candidate('p1', 'flow', 0.9);
const level = candidate('p2', 'level', 0.7);
const suggestions = new Map([['T1', [flow, level]]]);

describe('places of chosen tags', () => {
  it('takes what the pattern names before any suggestion', () => {
    const places = placesOf([{ tag: 'T1', name: 'T1', asset_id: 'p9', metric_name: 'speed' }], suggestions, new Set());
    expect(places.get('T1')).toEqual({ asset_id: 'p9', metric_name: 'speed', by: 'pattern' });
  });

  it('lets a named asset choose among the suggestions', () => {
    const places = placesOf([{ tag: 'T1', name: 'T1', asset_id: 'p2' }], suggestions, new Set());
    expect(places.get('T1')).toMatchObject({ asset_id: 'p2', metric_name: 'level', by: 'suggestion' });
  });

  it('moves on to the next suggestion when one is refused, and ends with none', () => {
    const tag = { tag: 'T1', name: 'T1' };
    expect(placesOf([tag], suggestions, new Set()).get('T1')?.candidate).toBe(flow);
    expect(placesOf([tag], suggestions, new Set(['T1\np1\nflow'])).get('T1')?.candidate).toBe(level);
    expect(placesOf([tag], suggestions, new Set(['T1\np1\nflow', 'T1\np2\nlevel'])).size).toBe(0);
  });
});

describe('the first choice for a place', () => {
  const [point, attribute, other] = ['T1', 'T2', 'T3'].map((tag) => ({ tag, name: tag }));
  const of = (list: [string, Candidate][]) => new Map(list.map(([tag, c]) => [tag, { asset_id: c.asset_id, metric_name: c.metric_name, by: 'suggestion' as const, candidate: c }]));
  const places = of([['T1', flow], ['T2', candidate('p1', 'flow', 0.95)], ['T3', level]]);

  it('is the surest tag, and one tag only', () => {
    expect(firstChoices([point!, attribute!, other!], places)).toEqual(new Set(['T2', 'T3']));
  });

  it('is the tag that stands there already, whatever is surer', () => {
    expect(firstChoices([{ ...point!, mapped: true }, attribute!], places)).toEqual(new Set(['T1']));
  });

  it('is the earlier of two that are as sure', () => {
    expect(firstChoices([attribute!, point!], of([['T1', flow], ['T2', flow]]))).toEqual(new Set(['T2']));
  });
});
