import { expect, test } from 'vitest';
import { onAxis, valueAt } from '@/lib/scale';

const series = { t: [10_000, 11_000, 12_000], v: [1, 2, 3] as (number | null)[], from: 9_000, to: 13_000 };

test('samples of a clock that is ahead are drawn earlier, beside the marks they belong to', () => {
  const drawn = onAxis(series, 4_000, 5_000, 9_000);
  expect(drawn.t).toEqual([6_000, 7_000, 8_000]);
  expect([drawn.from, drawn.to]).toEqual([5_000, 9_000]);
  expect(valueAt(drawn.t, drawn.v, 7_000)).toBe(2);
  expect(series.t[0]).toBe(10_000);
});

test('a clock that is right moves nothing', () => {
  expect(onAxis(series, 0, 9_000, 13_000).t).toBe(series.t);
});
