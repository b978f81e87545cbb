// What the form of the cost model sends.
import { expect, it } from 'vitest';
import { modelOf, textsOf } from '@/lib/cost-form';

const typed = { ...textsOf(null), default_downtime_cost_per_hour: '١٨٬٠٠٠', risk_appetite: '0.5', 'production_value_per_site.s1': '100', 'production_value_per_site.gone': 'abc', 'production_value_per_unit.u1': '7', 'production_value_per_unit.u2': '9' };

it('leaves out the value of a place that is gone, right or wrong', () => {
  const { model, wrong } = modelOf(typed, { sites: [{ id: 's1' }], units: [{ id: 'u2' }] });
  expect(model.production_value_per_site).toEqual({ s1: 100 });
  expect(model.production_value_per_unit).toEqual({ u2: 9 });
  expect(wrong).toEqual([]);
});

it('leaves out nothing while it is not known which places there are', () => {
  const { model, wrong } = modelOf(typed, {});
  expect(Object.keys(model.production_value_per_unit ?? {})).toEqual(['u1', 'u2']);
  expect(wrong).toEqual(['production_value_per_site.gone']);
});
