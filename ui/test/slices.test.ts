// The bars of the alarm rate: inside the frame whatever the period's length, and as wide as the time they stand for.
import { describe, expect, it } from 'vitest';
import { slicesIn } from '@/lib/plot';

const MINUTE = 60_000;

describe('the slices of a period', () => {
  it('end where the period ends, also when the last one is cut short', () => {
    const { ms, at } = slicesIn([0, 10, 20, 30, 40].map((m) => m * MINUTE), 0, 45 * MINUTE);
    expect(ms).toBe(10 * MINUTE);
    const last = at.at(-1)!;
    expect(last.x + last.width).toBeCloseTo(100);
    expect(last.width).toBeCloseTo(at[0]!.width / 2);
  });

  it('hold a period shorter than one slice', () => {
    expect(slicesIn([0], 0, 3 * MINUTE).at).toEqual([{ x: 0, width: 100 }]);
  });
});
