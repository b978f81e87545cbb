// Where the next and previous events lie, and how a lane with many events is drawn without drawing each.
import type { Severity, TimelineEvent } from '@/api/types';

export const SPEEDS = [1, 10, 60, 1000] as const;
export type Speed = (typeof SPEEDS)[number];

const RANK: Record<Severity, number> = { info: 0, warning: 1, critical: 2 };

/** Time of the nearest event strictly after (way = 1) or before (way = -1) `at`; null at the end. */
export function neighbour(events: TimelineEvent[], at: number, way: 1 | -1, accept: (e: TimelineEvent) => boolean = () => true): number | null {
  let best: number | null = null;
  for (const item of events) {
    const t = item.event.event_time;
    if (!accept(item) || (way === 1 ? t <= at : t >= at)) continue;
    if (best === null || (way === 1 ? t < best : t > best)) best = t;
  }
  return best;
}

export const isCritical = (item: TimelineEvent): boolean => item.event.severity === 'critical';

export interface Mark {
  t: number;
  severity: Severity;
  n: number;
}

/** One mark per slot of a lane, at its first event, as severe as the worst in it. */
export function marksOf(events: TimelineEvent[], from: number, to: number, slots: number): Mark[] {
  const size = Math.max(1, (to - from) / slots);
  const bySlot = new Map<number, Mark>();
  for (const { event } of events) {
    if (event.event_time < from || event.event_time > to) continue;
    const slot = Math.floor((event.event_time - from) / size);
    const mark = bySlot.get(slot);
    if (!mark) bySlot.set(slot, { t: event.event_time, severity: event.severity, n: 1 });
    else {
      mark.n += 1;
      if (RANK[event.severity] > RANK[mark.severity]) mark.severity = event.severity;
    }
  }
  return [...bySlot.values()].sort((a, b) => a.t - b.t);
}

/** Index of the event the cursor stands on or has just passed. */
export function currentIndex(events: TimelineEvent[], at: number | null): number {
  if (at === null) return -1;
  let found = -1;
  events.forEach((item, i) => {
    if (item.event.event_time <= at + 1) found = i;
  });
  return found;
}

/** The last drawn value at or before a moment; null in a gap. */
export function valueAt(t: number[], v: (number | null)[], at: number): number | null {
  let value: number | null = null;
  for (let i = 0; i < t.length && t[i]! <= at; i += 1) value = v[i] ?? null;
  return value;
}
