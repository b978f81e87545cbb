// The application's one time: `?t=` (UTC ms; absent = now), `?known=1` and `?range=`. Every page asks its data as of this T.
// With `known`, alerts, scores and events count only as far as they had been recorded by then; values always count by source time.
import { useCallback, useEffect, useState } from 'react';
import { useParameters } from './url';
import { zoneOffset } from './zone';

export const RANGES = { '1h': 3_600_000, '8h': 28_800_000, '24h': 86_400_000, '7d': 604_800_000 } as const;
export type Range = keyof typeof RANGES;

export interface Cursor {
  /** The chosen past moment, or null for now. */
  t: number | null;
  /** The moment shown, now included. */
  at: number;
  now: number;
  range: Range;
  from: number;
  to: number;
  /** Only what was known at the past moment. */
  known: boolean;
  /** What every question of a page carries. */
  asOf: { t: number | null; known_at: number | null };
}

/** A whole number of milliseconds not in the future; anything else means now. */
export function parseT(text: string | null, now: number): number | null {
  if (!text || !/^\d{1,15}$/.test(text)) return null;
  const t = Number(text);
  return t > 0 && t < now ? t : null;
}

export function parseRange(text: string | null): Range {
  return text !== null && text in RANGES ? (text as Range) : '24h';
}

/** The window the bar shows: ends now, or moves back so that the chosen moment stays in its last quarter. */
export function windowOf(t: number | null, range: Range, now: number): { from: number; to: number } {
  const length = RANGES[range];
  if (t === null || t >= now - length) return { from: now - length, to: now };
  const to = Math.min(now, t + length / 4);
  return { from: to - length, to };
}

export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function useCursor(everyMs = 10_000): Cursor & { setT: (t: number | null) => void; setKnown: (known: boolean) => void; setRange: (r: Range) => void } {
  const [parameters, change] = useParameters();
  const now = useNow(everyMs);
  const t = parseT(parameters.get('t'), now);
  const range = parseRange(parameters.get('range'));
  const known = t !== null && parameters.get('known') === '1';
  // The same as long as the page lives: a timer that steps the cursor must not start anew with every render.
  const setT = useCallback((value: number | null) => change({ t: value === null || value >= Date.now() - 1000 ? null : String(Math.round(value)) }), [change]);
  return {
    known, asOf: { t, known_at: known ? t : null },
    t, now, range, at: t ?? now, ...windowOf(t, range, now),
    setT,
    setKnown: (value) => change({ known: value ? '1' : null, 'incidents.page': null, 'events.page': null }),
    setRange: (value) => change({ range: value === '24h' ? null : value }),
  };
}

/** Round tick moments inside a window, at most `most` of them, on boundaries of the wall clock. */
export function ticksIn(from: number, to: number, most: number): number[] {
  const steps = [500, 1_000, 5_000, 15_000, 30_000, 60_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000];
  // Beyond days it is whole weeks, as many as it takes.
  const step = steps.find((s) => (to - from) / s <= most) ?? 604_800_000 * Math.max(1, Math.ceil((to - from) / 604_800_000 / most));
  const zone = -zoneOffset(from);
  const ticks: number[] = [];
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step) ticks.push(t);
  return ticks;
}

/** Ticks whose label, set in their middle, has room: one at an end would stand outside of the axis. */
export function labelsIn(from: number, to: number, narrow: boolean): number[] {
  const edge = (to - from) * (narrow ? 0.08 : 0.03);
  const all = ticksIn(from, to, narrow ? 4 : 7);
  const inside = all.filter((t) => t - from >= edge && to - t >= edge);
  return inside.length > 0 ? inside : all;
}
