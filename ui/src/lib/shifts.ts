// Weekly shifts as a person reads and types them. Days count as in ISO 8601 (1 Monday), weeks are shown from Sunday.
import type { WeeklyShift } from '@/api/types';
import { normaliseDigits } from './format';

export const WEEK = [7, 1, 2, 3, 4, 5, 6] as const;

const two = (n: number) => String(n).padStart(2, '0');

/** `07:00`; a minute beyond midnight is one of the next day. */
export const clockOf = (minute: number): string => `${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`;

/** Minutes from midnight; null where the text is no clock time. */
export function minuteOf(text: string): number | null {
  const found = /^(\d{1,2}):(\d{2})$/.exec(normaliseDigits(text.trim()));
  if (!found) return null;
  const [hours, minutes] = [Number(found[1]), Number(found[2])];
  return hours < 24 && minutes < 60 ? hours * 60 + minutes : null;
}

/** A shift from two clock times: an end that is not after the beginning lies on the next day. */
export function shiftOf(weekday: number, from: string, to: string): WeeklyShift | null {
  const [from_minute, end] = [minuteOf(from), minuteOf(to)];
  if (from_minute === null || end === null) return null;
  return { weekday, from_minute, to_minute: end <= from_minute ? end + 1440 : end };
}

export const weeklyHours = (shifts: WeeklyShift[]): number => shifts.reduce((sum, s) => sum + s.to_minute - s.from_minute, 0) / 60;

export interface ShiftGroup { days: [number, number][]; from: number; to: number }

/** Shifts of the same hours together, neighbouring days as one range: Sunday–Thursday 07:00–15:30. */
export function groupsOf(shifts: WeeklyShift[]): ShiftGroup[] {
  const groups = new Map<string, { days: number[]; from: number; to: number }>();
  for (const s of shifts) {
    const key = `${s.from_minute}-${s.to_minute}`;
    const group = groups.get(key) ?? { days: [], from: s.from_minute, to: s.to_minute };
    group.days.push(WEEK.indexOf(s.weekday as (typeof WEEK)[number]));
    groups.set(key, group);
  }
  return [...groups.values()].map(({ days, from, to }) => {
    const ranges: [number, number][] = [];
    for (const day of [...new Set(days)].sort((a, b) => a - b)) {
      const last = ranges[ranges.length - 1];
      if (last && last[1] === day - 1) last[1] = day;
      else ranges.push([day, day]);
    }
    return { days: ranges.map(([a, b]) => [WEEK[a]!, WEEK[b]!]), from, to };
  });
}
