// The form of the cost and risk model: its numbers as they are typed, and the model they make.
import type { CostModel } from '@/api/types';
import { normaliseDigits } from './format';

/** The documented score's own figures: a start of the form, not a cost. */
export const WEIGHTS = { critical: 2, high: 1.5, medium: 1, low: 0.5 };
const THRESHOLDS = { critical: 70, high: 50, medium: 30 };

export type Texts = Record<string, string>;

/** Every number of the form as it is typed, by the name of its field. */
export function textsOf(model: CostModel | null): Texts {
  const texts: Texts = { currency: model?.currency ?? 'SAR', default_downtime_cost_per_hour: model ? String(model.default_downtime_cost_per_hour) : '', risk_appetite: model ? String(model.risk_appetite) : '' };
  for (const [key, value] of Object.entries(model?.criticality_weights ?? WEIGHTS)) texts[`criticality_weights.${key}`] = String(value);
  for (const [key, value] of Object.entries(model?.criticality_thresholds ?? THRESHOLDS)) texts[`criticality_thresholds.${key}`] = String(value);
  for (const [family, cost] of Object.entries(model?.cost_per_asset_family ?? {})) {
    texts[`cost_per_asset_family.${family}.planned`] = String(cost.planned);
    texts[`cost_per_asset_family.${family}.failure`] = String(cost.failure);
  }
  for (const [site, value] of Object.entries(model?.production_value_per_site ?? {})) texts[`production_value_per_site.${site}`] = String(value);
  for (const [unit, value] of Object.entries(model?.production_value_per_unit ?? {})) texts[`production_value_per_unit.${unit}`] = String(value);
  return texts;
}

const numberOf = (text: string | undefined): number => Number(normaliseDigits(text ?? '').replace(/,/g, '').trim() || 'x');
const filled = (text: string | undefined) => (text ?? '').trim() !== '';

/** Places that there are now; unknown while they are read. */
export interface Places {
  sites?: readonly { id: string }[];
  units?: readonly { id: string }[];
}

/**
 * The model of a form, and the fields that hold no number. The value of a place that is gone is left out: it has no
 * field any more that a person could empty.
 */
export function modelOf(texts: Texts, places: Places): { model: CostModel; wrong: string[] } {
  const wrong: string[] = [];
  const take = (field: string) => {
    const value = numberOf(texts[field]);
    if (!Number.isFinite(value)) wrong.push(field);
    return value;
  };
  const group = (prefix: string) => Object.keys(texts).filter((key) => key.startsWith(`${prefix}.`) && filled(texts[key]));
  const values = (prefix: string, those?: readonly { id: string }[]) => {
    const keys = group(prefix).map((field) => field.slice(prefix.length + 1));
    return Object.fromEntries(keys.filter((key) => those?.some((x) => x.id === key) ?? true).map((key) => [key, take(`${prefix}.${key}`)]));
  };
  const families = new Set(group('cost_per_asset_family').map((field) => field.split('.')[1] ?? ''));
  const model: CostModel = {
    currency: texts.currency ?? '',
    default_downtime_cost_per_hour: take('default_downtime_cost_per_hour'),
    risk_appetite: take('risk_appetite'),
    cost_per_asset_family: Object.fromEntries([...families].map((f) => [f, { planned: take(`cost_per_asset_family.${f}.planned`), failure: take(`cost_per_asset_family.${f}.failure`) }])),
    production_value_per_site: values('production_value_per_site', places.sites),
    production_value_per_unit: values('production_value_per_unit', places.units),
    criticality_weights: values('criticality_weights') as CostModel['criticality_weights'],
    criticality_thresholds: values('criticality_thresholds') as CostModel['criticality_thresholds'],
  };
  return { model, wrong };
}
