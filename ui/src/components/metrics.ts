// Names of metrics in the person's language, from the family templates.
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { api } from '@/api/calls';
import type { FamilyTemplate, Names } from '@/api/types';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';

export function useFamilies() {
  return useQuery({ queryKey: ['families'], queryFn: api.families, staleTime: Infinity });
}

export function useFamilyName(): (family: string) => string {
  const { name } = useText();
  const { data } = useFamilies();
  return useCallback((family) => name(data?.find((f) => f.family === family)?.names) || family, [data, name]);
}

function indexed(families: FamilyTemplate[]): Map<string, FamilyTemplate['names']> {
  const names = new Map<string, FamilyTemplate['names']>();
  for (const family of families) {
    for (const metric of family.metrics) {
      names.set(`${family.family}/${metric.metric}`, metric.names);
      if (!names.has(metric.metric)) names.set(metric.metric, metric.names);
    }
  }
  return names;
}

/** Metrics that the program computes are in no template. */
const derivedName = (metric: string): string | undefined => sentence('ui', `signal.${metric}`);

/** Metrics with two states instead of a quantity: drawn in steps, said in words. */
const STATES = ['trip', 'run_status', 'flame_status'];

export const isState = (metric: string): boolean => STATES.includes(metric);

/** The word of a state. A mean of both, as rolled-up points have it, is neither. */
export function stateWord(metric: string | null | undefined, value: number | null | undefined): string | undefined {
  return metric && isState(metric) && (value === 0 || value === 1) ? sentence('ui', `signal.${metric}.${value}`) : undefined;
}

/** A signal's name: of what the program computes its own word, else the stored one, else the metric's key. */
export function useSignalName(): (signal: { metric: string; names: Names }) => string {
  const { name } = useText();
  return useCallback((signal) => derivedName(signal.metric) ?? (name(signal.names) || signal.metric), [name]);
}

/** A metric that no template knows keeps its key. */
export function useMetricName(): (metric: string, family?: string) => string {
  const { name } = useText();
  const { data } = useFamilies();
  const index = useMemo(() => indexed(data ?? []), [data]);
  return useCallback((metric, family) => name(index.get(`${family}/${metric}`) ?? index.get(metric)) || derivedName(metric) || metric, [index, name]);
}
