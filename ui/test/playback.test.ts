import { describe, expect, it } from 'vitest';
import { EventReader } from '@/api/stages';
import type { Severity, TimelineEvent } from '@/api/types';
import { rowsOf } from '@/components/staged-test';
import { filtered, isCriticalMoment, isTie, momentsOf, nextAt, passedIndex, slotsOf, tiesOf } from '@/lib/moments';
import { Player } from '@/lib/player';
import { positionOn, scaleOf, statusOf, valueAt } from '@/lib/scale';

const at = (t: number, severity: Severity = 'info', more: { order?: number; places?: [number, number]; offset?: number; uncertainty?: number; message?: string } = {}) =>
  ({ event: { id: String(t), event_time: t, time_offset_ms: more.offset ?? 0, time_uncertainty_ms: more.uncertainty ?? 0, severity, category: 'SENSOR', source_system: 'DCS', message: more.message ?? '' }, relation: 'trigger', order: more.order ?? t, first_place: more.places?.[0] ?? 1, last_place: more.places?.[1] ?? 1, order_confidence: 'certain' }) as unknown as TimelineEvent;
const moments = momentsOf([at(10), at(20, 'warning'), at(30, 'critical'), at(40)]);

describe('moments', () => {
  it('steps to the next and previous one, and to critical ones alone', () => {
    expect([nextAt(moments, 20, 1), nextAt(moments, 20, -1), nextAt(moments, 10, 1, isCriticalMoment), nextAt(moments, 40, 1), nextAt(moments, 10, -1)]).toEqual([30, 10, 30, null, null]);
  });
  it('gives those that cannot be told apart the places they may have, and the next its own', () => {
    const places: [number, number][] = [[1, 1], [2, 3], [2, 3], [4, 4]];
    const tied = momentsOf(places.map((own, i) => at(i, 'info', { order: own[0], places: own })));
    expect(tied.map((m) => [m.first, m.last, isTie(m)])).toEqual([[1, 1, false], [2, 3, true], [2, 3, true], [4, 4, false]]);
  });
  it('stands where a wrong clock is corrected to', () => {
    expect(momentsOf([at(1900, 'info', { order: 1, offset: 1000 }), at(1000, 'info', { order: 2 })]).map((m) => m.at)).toEqual([900, 1000]);
  });
  it('draws one mark for a crowd, as severe as its worst, and only what is in view', () => {
    const crowd = momentsOf([at(5), at(11), at(12, 'critical'), at(13), at(90), at(101)]);
    expect(slotsOf(crowd, 10, 100, 9).map((s) => [Math.round(10 + s.x * 90), s.severity, s.n])).toEqual([[11, 'critical', 3], [90, 'info', 1]]);
  });
  it('brackets what is uncertain over the whole reach of its clocks', () => {
    const tied = momentsOf([at(100, 'info', { order: 1 }), at(200, 'info', { order: 2, places: [2, 3], uncertainty: 50 }), at(210, 'info', { order: 2, places: [2, 3], uncertainty: 60 })]);
    expect(tiesOf(tied, 0, 1000, 1)).toEqual([{ from: 150, to: 270, first: 2, last: 3, groups: 1, order: 2 }]);
  });
  it('draws groups of ties apart, and says of those that touch how many they are, never that they are one', () => {
    const pair = (t: number, first: number) => [t, t + 2].map((one) => at(one, 'info', { order: first, places: [first, first + 1], uncertainty: 5 }));
    const two = momentsOf([...pair(100, 1), ...pair(130, 3)]);
    const places = (gap: number, of = two) => tiesOf(of, 0, 1000, gap).map((tie) => [tie.first, tie.last, tie.groups]);
    expect(places(10)).toEqual([[1, 2, 1], [3, 4, 1]]);
    expect(places(60)).toEqual([[1, 4, 2]]);
    // What is certain stands between them: they are two, until they share a pixel.
    const apart = momentsOf([...pair(100, 1), at(118, 'info', { order: 3, places: [3, 3] }), ...pair(130, 4)]);
    expect(places(60, apart)).toEqual([[1, 2, 1], [4, 5, 1]]);
    expect(places(600, apart)).toEqual([[1, 5, 2]]);
  });
  it('brackets a chain of ties as one, though each of its events has places of its own', () => {
    const places: [number, number][] = [[1, 2], [1, 3], [2, 3]];
    const chain = momentsOf(places.map((own, i) => at(100 + 8 * i, 'info', { order: 1, places: own, uncertainty: 5 })));
    expect(tiesOf(chain, 0, 1000, 1).map((tie) => [tie.first, tie.last, tie.groups])).toEqual([[1, 3, 1]]);
  });
  it('knows the one that was last passed', () => {
    expect([passedIndex(moments, null), passedIndex(moments, 5), passedIndex(moments, 35)]).toEqual([-1, -1, 2]);
  });
  it('finds words through the marks around arguments', () => {
    const texts = new WeakMap();
    const some = momentsOf([at(1, 'info', { message: 'Protection tripped \u2068P-102A\u2069' }), at(2, 'warning', { message: 'P-102A started' })]);
    const found = (q: string, severity: Severity | '' = '') => filtered(some, { q, category: '', severity }, texts).map((m) => m.at);
    expect([found('tripped p-102a'), found('P-102A'), found('P-102A', 'warning'), found('valve')]).toEqual([[1], [1, 2], [2], []]);
  });
  it('reads no value inside a gap', () => {
    expect([valueAt([1, 2, 3], [5, null, 7], 1.5), valueAt([1, 2, 3], [5, null, 7], 2.5), valueAt([1], [5], 0)]).toEqual([5, null, null]);
  });
});

describe('playback', () => {
  function played() {
    let turn: ((now: number) => void) | null = null;
    const player = new Player(0, 100_000, { request: (next) => { turn = next; return 1; }, cancel: () => { turn = null; } });
    const frame = (now: number) => { const next = turn; turn = null; next?.(now); };
    return { player, frame };
  }
  it('moves by the clock times the speed, and a hidden page does not jump', () => {
    const { player, frame } = played();
    player.setSpeed(60);
    player.play();
    frame(1000);
    frame(1100);
    expect(player.position).toBe(6_000);
    frame(9000);
    expect(player.position).toBe(6_000 + 250 * 60);
  });
  it('stops at the end, or begins again', () => {
    const { player, frame } = played();
    player.setSpeed(1000);
    player.play();
    frame(0);
    frame(200);
    expect([player.position, player.playing]).toEqual([100_000, false]);
    player.setLoop(true);
    player.play();
    frame(1000);
    frame(1120);
    expect([player.position, player.playing]).toEqual([20_000, true]);
  });
  it('tells who listens, and only until they stop', () => {
    const { player } = played();
    let told = 0;
    const stop = player.listen(() => { told += 1; });
    player.seek(5);
    player.seek(5);
    stop();
    player.seek(6);
    expect(told).toBe(1);
  });
  it('knows no speed beyond its ends', () => {
    const { player } = played();
    player.setSpeed(1000);
    player.shift(1);
    expect(player.speed).toBe(1000);
    player.shift(-1);
    expect(player.speed).toBe(300);
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
