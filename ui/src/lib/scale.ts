// Where a value, its limits and its normal band stand on a drawn scale.
import type { AssetStatus, Limits } from '@/api/types';

export interface Scale {
  low: number;
  high: number;
}

const present = (x: number | null | undefined): x is number => x !== null && x !== undefined && Number.isFinite(x);

export const limitValues = (limits: Limits | null | undefined): number[] =>
  [limits?.low_low, limits?.low, limits?.high, limits?.high_high].filter(present);

/** The drawn scale: the template's, else from limits, band and value with a margin; null when nothing is known. */
export function scaleOf(low: number | null | undefined, high: number | null | undefined, limits: Limits | null | undefined, band: Scale | null, value: number | null | undefined): Scale | null {
  if (present(low) && present(high) && low < high) {
    const top = present(value) ? Math.max(high, value) : high;
    const bottom = present(value) ? Math.min(low, value) : low;
    return { low: bottom, high: top };
  }
  const known = [...limitValues(limits), ...(band ? [band.low, band.high] : []), ...(present(value) ? [value] : [])];
  if (known.length < 2) return null;
  const min = Math.min(...known);
  const max = Math.max(...known);
  if (min === max) return null;
  const margin = (max - min) * 0.2;
  return { low: min - margin, high: max + margin };
}

/** Position on the scale in percent, kept inside it. */
export function positionOn(scale: Scale, value: number): number {
  return Math.min(100, Math.max(0, ((value - scale.low) / (scale.high - scale.low)) * 100));
}

/** Status of a value by its limits. */
export function statusOf(value: number | null | undefined, limits: Limits | null | undefined): AssetStatus {
  if (!present(value)) return 'unknown';
  if ((present(limits?.high_high) && value >= limits.high_high) || (present(limits?.low_low) && value <= limits.low_low)) return 'critical';
  if ((present(limits?.high) && value >= limits.high) || (present(limits?.low) && value <= limits.low)) return 'warning';
  return 'normal';
}

/** The last drawn value at or before a moment; null in a gap. */
export function valueAt(t: number[], v: (number | null)[], at: number): number | null {
  let low = 0;
  let high = t.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (t[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return v[low - 1] ?? null;
}

/** Samples of a source whose clock is `ahead` ms ahead, placed on the axis of the corrected clock. */
export const onAxis = <S extends { t: number[]; from: number; to: number }>(series: S, ahead: number, from: number, to: number): S => ({ ...series, t: ahead === 0 ? series.t : series.t.map((x) => x - ahead), from, to });
