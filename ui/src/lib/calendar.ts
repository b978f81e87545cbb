// Days of a calendar in the person's zone: weeks begin on Sunday, months are shown in whole weeks.
import { dayStart, wallClock } from './zone';

const DAY = 86_400_000;

/** `2026-11-20` of a moment. */
export function dayOf(at: number): string {
  const w = wallClock(at);
  return `${w.year}-${w.month}-${w.day}`;
}

/** The day so many days later; days have no clock, so none is left out when clocks change. */
export function addDays(day: string, n: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + n * DAY).toISOString().slice(0, 10);
}

const weekday = (day: string): number => new Date(`${day}T00:00:00Z`).getUTCDay();

export const weekOf = (day: string): string[] => {
  const first = addDays(day, -weekday(day));
  return Array.from({ length: 7 }, (_, i) => addDays(first, i));
};

/** The weeks a month touches. */
export function monthOf(day: string): string[] {
  const first = `${day.slice(0, 7)}-01`;
  const days: string[] = [];
  for (let at = addDays(first, -weekday(first)); at.slice(0, 7) <= day.slice(0, 7); at = addDays(at, 7)) days.push(...weekOf(at));
  return days;
}

/** The day a step away: a week, or the first of a month. */
export function stepped(day: string, scale: 'week' | 'month', way: 1 | -1): string {
  if (scale === 'week') return addDays(day, 7 * way);
  const [year, month] = day.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, month - 1 + way, 1)).toISOString().slice(0, 10);
}

/** Whether a stretch of time touches a day. */
export function touches(day: string, from: number, to: number): boolean {
  const start = dayStart(day)!;
  const end = dayStart(addDays(day, 1))!;
  return from < end && to >= start;
}
