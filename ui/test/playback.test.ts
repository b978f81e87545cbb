import { describe, expect, it } from 'vitest';
import { EventReader } from '@/api/stages';
import type { Severity, TimelineEvent } from '@/api/types';
import { rowsOf } from '@/components/staged-test';
import { currentIndex, isCritical, marksOf, neighbour, valueAt } from '@/lib/playback';
import { positionOn, scaleOf, statusOf } from '@/lib/scale';

const at = (t: number, severity: Severity = 'info') => ({ event: { id: String(t), event_time: t, severity }, relation: 'trigger', order: 1, order_confidence: 'certain' }) as TimelineEvent;
const events = [at(10), at(20, 'warning'), at(30, 'critical'), at(40)];

describe('playback', () => {
  it('steps to the next and previous event, and to critical ones alone', () => {
    expect([neighbour(events, 20, 1), neighbour(events, 20, -1), neighbour(events, 10, 1, isCritical), neighbour(events, 40, 1)]).toEqual([30, 10, 30, null]);
  });
  it('draws one mark for a crowd, as severe as its worst', () => {
    expect(marksOf([at(11), at(12, 'critical'), at(13), at(90)], 0, 100, 10)).toEqual([{ t: 11, severity: 'critical', n: 3 }, { t: 90, severity: 'info', n: 1 }]);
  });
  it('knows the event that was last passed', () => {
    expect([currentIndex(events, null), currentIndex(events, 5), currentIndex(events, 35)]).toEqual([-1, -1, 2]);
  });
  it('reads no value inside a gap', () => {
    expect([valueAt([1, 2, 3], [5, null, 7], 1.5), valueAt([1, 2, 3], [5, null, 7], 2.5), valueAt([1], [5], 0)]).toEqual([5, null, null]);
  });
});

describe('staged test', () => {
  it('joins events that arrive in pieces', () => {
    const reader = new EventReader();
    expect(reader.push('event: stage\nda')).toEqual([]);
    expect(reader.push('ta: {"key":"dns"}\n\nevent: done\ndata: {}\n\n: ping')).toEqual([{ event: 'stage', data: '{"key":"dns"}' }, { event: 'done', data: '{}' }]);
  });
  it('shows the first open step as running and the rest as not tried', () => {
    const rows = rowsOf([{ key: 'dns', status: 'ok', ms: 3, message: null }], true);
    expect(rows.map((r) => r.status)).toEqual(['ok', 'running', 'skipped', 'skipped', 'skipped', 'skipped']);
  });
});

describe('scale', () => {
  it('judges a value by its limits', () => {
    const limits = { low: 2, high: 8, high_high: 10 };
    expect([1, 5, 8, 10, null].map((v) => statusOf(v, limits))).toEqual(['warning', 'normal', 'warning', 'critical', 'unknown']);
  });
  it('keeps the pointer on the scale and draws none without a basis', () => {
    expect(positionOn({ low: 0, high: 10 }, 12)).toBe(100);
    expect(scaleOf(null, null, null, null, 5)).toBeNull();
    expect(scaleOf(0, 10, null, null, 14)).toEqual({ low: 0, high: 14 });
  });
});
