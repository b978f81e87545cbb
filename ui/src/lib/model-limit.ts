// The limit of alarms that follows a budget, worked out on the page as the server does it.
import type { ModelVersion } from '@/api/types';

type Curve = Pick<ModelVersion, 'curve' | 'curve_weeks'>;

/** Budgets of the slider, in alarms per week. */
export const BUDGETS = [0, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50];

/** The lowest limit below which none is set, and the one of a window too short to show a budget. */
const LEAST = 0.7;

/** The limit that keeps a budget, as the server works it out. */
export function limitAt(version: Curve, budget: number): number {
  const allowed = Math.max(0, Math.floor(budget * version.curve_weeks));
  const least = allowed < 1 ? 1 : LEAST;
  const found = version.curve.find((p) => p.limit >= least && p.alarms <= allowed) ?? version.curve.at(-1);
  return Math.max(found?.limit ?? 1, least);
}

const WEEK_MS = 7 * 86_400_000;
/** Weeks that are never too few, and never too many, to tell how often alarms come. */
const FEWEST_WEEKS = 1 / 7;
const MOST_WEEKS = 4;

/** Weeks that can show a budget: one alarm of it has to fit in. */
export const weeksNeeded = (budget: number): number => Math.min(MOST_WEEKS, Math.max(FEWEST_WEEKS, 1 / Math.max(0, budget)));

/** Weeks as milliseconds, at least a minute. */
export const weeksMs = (weeks: number): number => Math.max(60_000, weeks * WEEK_MS);

/** Alarms per week that a limit made on rows the model had not learned; null where they are too few to show the budget. */
export function madePerWeek(version: Curve, limit: number, budget: number): number | null {
  if (version.curve_weeks < weeksNeeded(budget)) return null;
  const at = [...version.curve].reverse().find((p) => p.limit <= limit + 1e-9) ?? version.curve[0];
  return (at?.alarms ?? 0) / version.curve_weeks;
}
