// The events of an incident as the page draws and searches them: placed by the corrected time, each with the places
// it may have in the order. Lists are in order, so everything is found by halving, also among 50,000.
import type { EventCategory, Severity, TimelineEvent } from '@/api/types';
import { withoutIsolates } from '@/i18n/icu';

export interface Moment {
  item: TimelineEvent;
  /** Time at the source, corrected by what is known of its clock. */
  at: number;
  /** First and last place in the order it can have; the same for one whose place is certain. */
  first: number;
  last: number;
}

/** The server sends events in order, each with the places that what is certain leaves it. */
export function momentsOf(events: TimelineEvent[]): Moment[] {
  const moments = events.map((item) => ({ item, at: item.event.event_time - item.event.time_offset_ms, first: item.first_place, last: item.last_place }));
  // A tie may stand in an order of its own; places on the axis must rise.
  return moments.sort((a, b) => a.at - b.at);
}

/** The number of an instrument loop ("200-VT-20207") that a sentence names; null where it names none. An asset's code has two parts. */
export const loopIn = (message: string): string | null => /(?<![\w-])\d{2,4}-[A-Z]{1,5}-\d{3,6}[A-Z]?(?![\w-])/.exec(message)?.[0] ?? null;

export const isTie = (m: Moment): boolean => m.first !== m.last;
export const isCriticalMoment = (m: Moment): boolean => m.item.event.severity === 'critical';

/** Index of the first moment at or after `at` (or, with `after`, strictly after it). */
export function indexFrom(moments: Moment[], at: number, after = false): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const t = moments[middle]!.at;
    if (after ? t <= at : t < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the moment the cursor stands on or has just passed; -1 before the first. */
export const passedIndex = (moments: Moment[], at: number | null): number => (at === null ? -1 : indexFrom(moments, at + 1, true) - 1);

/** A time of the axis by the clock of the source, as the twin, alerts and samples have it: that of the event that stands there. */
export function atSource(moments: Moment[], at: number): number {
  const moment = moments[passedIndex(moments, at)];
  return moment && Math.round(moment.at) === Math.round(at) ? moment.item.event.event_time : at;
}

/** Time of the nearest moment strictly after (way = 1) or before (way = -1) `at`; null at the end. */
export function nextAt(moments: Moment[], at: number, way: 1 | -1, accept: (m: Moment) => boolean = () => true): number | null {
  let i = way === 1 ? indexFrom(moments, at, true) : indexFrom(moments, at) - 1;
  for (; i >= 0 && i < moments.length; i += way) if (accept(moments[i]!)) return moments[i]!.at;
  return null;
}

/** Moments inside a stretch of time, borders included. */
export const between = (moments: Moment[], from: number, to: number): Moment[] => moments.slice(indexFrom(moments, from), indexFrom(moments, to, true));

export interface Wanted {
  q: string;
  category: EventCategory | '';
  severity: Severity | '';
}

/** All words of the search must occur; Arabic and Latin case and the marks around arguments don't matter. */
export function filtered(moments: Moment[], { q, category, severity }: Wanted, texts: WeakMap<Moment, string>): Moment[] {
  const words = q.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && !category && !severity) return moments;
  return moments.filter((m) => {
    const { event } = m.item;
    if ((category && event.category !== category) || (severity && event.severity !== severity)) return false;
    if (words.length === 0) return true;
    let text = texts.get(m);
    if (text === undefined) {
      text = withoutIsolates([event.message, event.asset_code, event.tag, event.source_system, event.source_id].join(' ')).toLocaleLowerCase();
      texts.set(m, text);
    }
    return words.every((word) => text.includes(word));
  });
}

const RANK: Record<Severity, number> = { info: 0, warning: 1, critical: 2 };

export interface Slot {
  /** Share of the view, 0 to 1, of its first event. */
  x: number;
  severity: Severity;
  n: number;
  first: Moment;
}

/** One mark per slot of a lane, at its first event, as severe as the worst in it. Only the view is looked at. */
export function slotsOf(moments: Moment[], from: number, to: number, slots: number): Slot[] {
  const found: Slot[] = [];
  const size = (to - from) / slots;
  let current = -1;
  for (let i = indexFrom(moments, from); i < moments.length && moments[i]!.at <= to; i += 1) {
    const moment = moments[i]!;
    const slot = Math.floor((moment.at - from) / size);
    const mark = found[found.length - 1];
    const { severity } = moment.item.event;
    if (slot !== current || !mark) {
      current = slot;
      found.push({ x: (moment.at - from) / (to - from), severity, n: 1, first: moment });
    } else {
      mark.n += 1;
      if (RANK[severity] > RANK[mark.severity]) mark.severity = severity;
    }
  }
  return found;
}

export interface Tie {
  from: number;
  to: number;
  first: number;
  last: number;
  /** How many groups stand here that can't be drawn apart; 1 is one group, whose places these are. */
  groups: number;
  /** The number that the events of the last chain share. */
  order: number;
}

/**
 * Stretches in which the order can't be known, in order; those of the view. Groups are drawn apart: two that come closer
 * than `gap` are one stretch of two groups where nothing certain stands between them, and any that share a `pixel`.
 */
export function tiesOf(moments: Moment[], from: number, to: number, gap: number, pixel = gap / 6): Tie[] {
  const ties: Tie[] = [];
  let isCertainBetween = false;
  for (const m of between(moments, from, to)) {
    if (!isTie(m)) {
      isCertainBetween = true;
      continue;
    }
    const half = m.item.event.time_uncertainty_ms;
    const last = ties[ties.length - 1];
    const isSame = last?.order === m.item.order;
    const away = last ? m.at - half - last.to : Infinity;
    if (last && (isSame || away < (isCertainBetween ? pixel : gap))) {
      last.to = Math.max(last.to, m.at + half);
      last.from = Math.min(last.from, m.at - half);
      last.first = Math.min(last.first, m.first);
      last.last = Math.max(last.last, m.last);
      if (!isSame) last.groups += 1;
      last.order = m.item.order;
    } else {
      ties.push({ from: m.at - half, to: m.at + half, first: m.first, last: m.last, groups: 1, order: m.item.order });
    }
    isCertainBetween = false;
  }
  return ties;
}
