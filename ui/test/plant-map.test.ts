import { describe, expect, it } from 'vitest';
import type { Twin, TwinAsset } from '@/api/types';
import { fitted, nodeAt, nodeToward, pinched, plantMap, zoomed } from '@/lib/plant-map';
import { brushIn } from '@/pages/blackbox';

const asset = (code: string, upstream: string[] = [], downstream: string[] = []) => ({ id: code, code, unit_id: 'u', upstream, downstream }) as unknown as TwinAsset;
const twin = { sites: [{ units: [{ id: 'u', code: '100', names: { en: '', ar: '' } }] }] } as unknown as Twin;
const xs = (assets: TwinAsset[]) => Object.fromEntries(plantMap(twin, assets, new Map()).nodes.map((n) => [n.asset.code, n.x]));

describe('the map', () => {
  it('places assets along the flow, whichever end names the connection', () => {
    const at = xs([asset('C', ['B']), asset('A', [], ['B']), asset('B')]);
    expect(at.A! < at.B! && at.B! < at.C!).toBe(true);
  });
  it('ends on a loop', () => {
    const at = xs([asset('A', ['C']), asset('B', ['A']), asset('C', ['B'])]);
    expect(Object.keys(at)).toHaveLength(3);
  });
  it('draws a connection once', () => {
    expect(plantMap(twin, [asset('A', [], ['B']), asset('B', ['A'])], new Map()).flows).toHaveLength(1);
  });
  it('leaves an asset where it was put, and its unit holds it', () => {
    const map = plantMap(twin, [asset('A'), asset('B')], new Map([['A', { x: 900, y: 700 }]]));
    expect([map.byId.get('A')!.x, map.byId.get('A')!.y]).toEqual([900, 700]);
    expect(map.frames[0]!.w).toBeGreaterThan(900);
  });
  it('keeps a moved asset in its unit, whatever stands before that', () => {
    const units = (ids: string[]) => ({ sites: [{ units: ids.map((id) => ({ id, code: id, names: { en: '', ar: '' } })) }] }) as unknown as Twin;
    const first = { ...asset('A'), unit_id: 'one' };
    const second = { ...asset('B'), unit_id: 'two' };
    const moved = new Map([['B', { x: 300, y: 90 }]]);
    const inUnit = (map: ReturnType<typeof plantMap>) => {
      const { x, y, corner } = map.byId.get('B')!;
      return [x - corner.x, y - corner.y];
    };
    const whole = plantMap(units(['one', 'two']), [first, second], moved);
    const filtered = plantMap(units(['one', 'two']), [second], moved);
    expect([inUnit(whole), inUnit(filtered)]).toEqual([[300, 90], [300, 90]]);
    expect(whole.byId.get('B')!.corner).not.toEqual(filtered.byId.get('B')!.corner);
  });
  it('does not change when a status does', () => {
    const some = [asset('B'), asset('A')];
    expect(xs(some)).toEqual(xs([...some].reverse()));
  });
  it('finds what is under the pointer and what lies in a direction', () => {
    const map = plantMap(twin, [asset('A', [], ['B']), asset('B')], new Map());
    const [a, b] = [map.byId.get('A')!, map.byId.get('B')!];
    expect([nodeAt(map, a.x + 5, a.y), nodeAt(map, -500, 0), nodeToward(map, a, 1, 0), nodeToward(map, a, -1, 0)]).toEqual([a, null, b, null]);
  });
  it('follows two fingers: farther apart is closer, and what lay between them still does', () => {
    const before = { scale: 0.5, x: 20, y: 30 };
    const on = (look: { scale: number; x: number; y: number }, x: number, y: number) => [(x - look.x) / look.scale, (y - look.y) / look.scale];
    const after = pinched(before, [{ x: 100, y: 100 }, { x: 200, y: 100 }], [{ x: 60, y: 140 }, { x: 260, y: 140 }]);
    expect(after.scale).toBeCloseTo(1);
    on(after, 160, 140).forEach((v, i) => expect(v).toBeCloseTo(on(before, 150, 100)[i]!));
    const moved = pinched(before, [{ x: 0, y: 0 }, { x: 50, y: 0 }], [{ x: 10, y: 5 }, { x: 60, y: 5 }]);
    expect(moved).toEqual({ scale: 0.5, x: 30, y: 35 });
  });
  it('keeps the point that is zoomed at in its place', () => {
    const map = plantMap(twin, [asset('A')], new Map());
    const before = fitted(map, 800, 600);
    const after = zoomed(before, 2, 100, 50);
    expect((100 - after.x) / after.scale).toBeCloseTo((100 - before.x) / before.scale);
  });
  it('places ten thousand assets, and says how long it took', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => asset(`P-${i}`, i > 0 ? [`P-${i - 1}`] : []));
    const began = performance.now();
    expect(plantMap(twin, many, new Map()).nodes).toHaveLength(10_000);
    console.log(`ten thousand assets placed in ${Math.round(performance.now() - began)} ms`);
  });
});

describe('events over time', () => {
  it('takes a window from the address only where it lies inside what is shown', () => {
    const window = { from: 100, to: 200 };
    expect([brushIn('120', '150', window), brushIn('50', '150', window), brushIn('300', '400', window), brushIn('x', '150', window), brushIn(null, null, window)]).toEqual([{ from: 120, to: 150 }, { from: 100, to: 150 }, null, null, null]);
  });
});
