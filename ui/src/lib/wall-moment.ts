// A moment as a person types it: a day and a clock time of the page's zone.
import { iso } from './format';
import { minuteOf } from './shifts';
import { dayStart } from './zone';

export interface WallMoment { day: string; time: string }

export const clockFrom = (at: number | null): WallMoment => (at === null ? { day: '', time: '' } : { day: iso(at).slice(0, 10), time: iso(at).slice(11, 16) });

/** A day and a clock time; without a time, that of the day's beginning or end. */
export function momentOf({ day, time }: WallMoment, missing: number): number | null {
  const start = dayStart(day);
  return start === null ? null : start + (minuteOf(time) ?? missing) * 60_000;
}
