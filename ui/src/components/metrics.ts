// Names of metrics in the person's language, from the family templates.
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { api } from '@/api/calls';
import type { FamilyTemplate } from '@/api/types';
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

/** A metric that no template knows keeps its key. */
export function useMetricName(): (metric: string, family?: string) => string {
  const { name } = useText();
  const { data } = useFamilies();
  const index = useMemo(() => indexed(data ?? []), [data]);
  return useCallback((metric, family) => name(index.get(`${family}/${metric}`) ?? index.get(metric)) || metric, [index, name]);
}
