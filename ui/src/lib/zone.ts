// The zone times are written in, for the functions that have no preferences at hand: one for the whole page.

let zone: string | undefined;
let reader = new Intl.DateTimeFormat('en-GB', options(zone));
/** Readers of zones that are not the page's: a file's, beside what is written in it. */
const others = new Map<string, Intl.DateTimeFormat>();

function options(timeZone: string | undefined): Intl.DateTimeFormatOptions {
  return { timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' };
}

export function setZone(name: string | null): void {
  zone = name ?? undefined;
  reader = new Intl.DateTimeFormat('en-GB', options(zone));
}

/** A zone this browser does not know is read in the page's. */
function readerOf(name: string): Intl.DateTimeFormat {
  const known = others.get(name);
  if (known) return known;
  try {
    const made = new Intl.DateTimeFormat('en-GB', options(name));
    others.set(name, made);
    return made;
  } catch {
    return reader;
  }
}

export interface WallClock { year: string; month: string; day: string; hour: string; minute: string; second: string }

/** Furthest moment from 1970 that a calendar of the browser knows, in milliseconds. */
const FURTHEST = 8.64e15;

/** Whether a number is a moment that can be written as a date. */
export const isMoment = (t: number): boolean => Number.isFinite(t) && Math.abs(t) <= FURTHEST;

const NO_TIME: WallClock = { year: '—', month: '—', day: '—', hour: '—', minute: '—', second: '—' };

/** What the clock on the wall shows at a moment, every part with its leading zeros; in the page's zone, or in one named. Dashes where there is no such moment. */
export function wallClock(t: number, inZone?: string): WallClock {
  if (!isMoment(t)) return NO_TIME;
  const parts = Object.fromEntries((inZone ? readerOf(inZone) : reader).formatToParts(t).map((part) => [part.type, part.value]));
  return parts as unknown as WallClock;
}

/** How far the wall clock is ahead of UTC at a moment. */
export function zoneOffset(t: number): number {
  const w = wallClock(t);
  const [year, month, day, hour, minute, second] = [w.year, w.month, w.day, w.hour, w.minute, w.second].map(Number) as [number, number, number, number, number, number];
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(t / 1000) * 1000;
}

/** The moment a day (`2026-11-20`) begins on the wall clock; null where the text is no day. */
export function dayStart(day: string): number | null {
  const [y, m, d] = day.split('-').map(Number);
  if (!y || !m || !d) return null;
  const utc = Date.UTC(y, m - 1, d);
  if (!isMoment(utc)) return null;
  // Asked twice: the offset may change between UTC midnight and midnight here.
  return utc - zoneOffset(utc - zoneOffset(utc));
}
