// The scales of the plot of hindsight: chances of rare failures crowd near zero, so each axis goes as far as what is drawn.
import type { ModelHindsight } from '@/api/types';

type Group = ModelHindsight['groups'][number];

export interface HindsightScale {
  /** Chance at the end of the axis along. */
  x: number;
  /** Share at the end of the axis up. */
  y: number;
  /** Chance up to which the line of those that held exactly can be drawn. */
  line: number;
}

/** The next of 1, 2, 5, 10, … per mil at or above. */
export function roundedUp(share: number): number {
  for (let unit = 0.001; unit < 1; unit *= 10) {
    for (const step of [1, 2, 5]) if (share <= unit * step + 1e-12) return Math.min(1, unit * step);
  }
  return 1;
}

export function scaleOf(groups: Group[]): HindsightScale {
  const x = roundedUp(Math.max(...groups.map((g) => g.predicted), 0));
  const y = roundedUp(Math.max(...groups.map((g) => Math.max(g.observed_high, g.predicted)), 0));
  return { x, y, line: Math.min(x, y) };
}
