// From what a person typed to what a run is asked: every number is read strictly, and what can't be read is named
// beside its field instead of being replaced by another value.
import type { OptimizationRequest, OptimizationStatus } from '@/api/types';
import { normaliseDigits } from './format';

/** Limits of the numbers a person types; the server checks the same. */
export const LIMITS = {
  overtime_minutes: [0, 480],
  travel_minutes: [0, 1_440],
  seed: [0, 4_294_967_295],
  iterations: [1, 200_000],
} as const satisfies Partial<Record<keyof OptimizationRequest, readonly [number, number]>>;

export type WholeField = keyof typeof LIMITS;

export interface PlanTexts extends Record<WholeField, string> {
  name: string;
  budget: string;
  must_do: string;
}

export const FIRST_TEXTS: PlanTexts = { name: '', budget: '', must_do: '', overtime_minutes: '120', travel_minutes: '75', seed: '1', iterations: '2000' };

export interface PlanChoices {
  model: string;
  site_id: string;
  horizon_days: number;
  risk_appetite: number;
  production_factor: number;
  crew_factor: number;
  away: string[];
}

/** What is wrong with a field: outside its limits, no amount of money, or a code nobody knows. */
export type Problem = { kind: 'whole'; min: number; max: number } | { kind: 'amount' } | { kind: 'asset'; code: string };
export type Problems = Partial<Record<WholeField | 'budget' | 'must_do', Problem>>;

const number = (text: string): number => {
  const plain = normaliseDigits(text).replace(/,/g, '').trim();
  return /^\d+(\.\d+)?$/.test(plain) ? Number(plain) : NaN;
};

export function planRequest(texts: PlanTexts, choices: PlanChoices, status: Pick<OptimizationStatus, 'assets' | 'risk_appetite'>): { body: OptimizationRequest; problems: Problems } {
  const problems: Problems = {};
  const whole = (field: WholeField) => {
    const [min, max] = LIMITS[field];
    const value = number(texts[field]);
    if (!Number.isInteger(value) || value < min || value > max) problems[field] = { kind: 'whole', min, max };
    return value;
  };
  let budget: number | null = null;
  if (texts.budget.trim()) {
    budget = number(texts.budget);
    if (!Number.isFinite(budget)) problems.budget = { kind: 'amount' };
  }
  const must: string[] = [];
  for (const code of texts.must_do.split(/[,،;\s]+/).filter(Boolean)) {
    const asset = status.assets.find((a) => a.code.toLowerCase() === code.toLowerCase());
    if (asset) must.push(asset.id);
    else problems.must_do ??= { kind: 'asset', code };
  }
  const body: OptimizationRequest = {
    name: texts.name,
    models: choices.model ? [choices.model] : [],
    horizon_days: choices.horizon_days,
    seed: whole('seed'),
    iterations: whole('iterations'),
    site_id: choices.site_id || null,
    budget,
    // The cost model's own value is not a what-if.
    risk_appetite: status.risk_appetite === null || choices.risk_appetite === status.risk_appetite ? null : choices.risk_appetite,
    production_factor: choices.production_factor,
    crew_factor: choices.crew_factor,
    without_technicians: choices.away,
    overtime_minutes: whole('overtime_minutes'),
    travel_minutes: whole('travel_minutes'),
    must_do: must,
  };
  return { body, problems };
}
