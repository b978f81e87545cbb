// The axes of the plot of hindsight hold everything that is drawn, however small the chances are.
import { describe, expect, it } from 'vitest';
import { roundedUp, scaleOf } from '@/lib/hindsight';

const group = (predicted: number, observed_high: number) => ({ from: predicted, to: predicted, count: 20, predicted, observed: observed_high / 2, observed_low: 0, observed_high });

describe('the axes of the plot of hindsight', () => {
  it('end at a round share', () => {
    expect([0, 0.0004, 0.0011, 0.02, 0.021, 0.3, 0.7, 1].map(roundedUp).map((v) => Number(v.toFixed(6)))).toEqual([0.001, 0.001, 0.002, 0.02, 0.05, 0.5, 1, 1]);
  });

  it('hold every chance, share and interval', () => {
    const groups = [group(0.003, 0.08), group(0.018, 0.14)];
    const scale = scaleOf(groups);
    expect(scale.x).toBeGreaterThanOrEqual(0.018);
    expect(scale.y).toBeGreaterThanOrEqual(0.14);
    expect(scale.line).toBe(Math.min(scale.x, scale.y));
    // Boastful chances lie to the right of a low axis: the line of those that hold ends with it.
    expect(scaleOf([group(0.6, 0.04)]).y).toBeGreaterThanOrEqual(0.6);
    expect(scaleOf([])).toEqual({ x: 0.001, y: 0.001, line: 0.001 });
  });
});
