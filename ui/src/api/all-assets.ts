// Every asset of the tenant, for lists to choose from: the server hands them out in pages.
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { api } from './calls';
import type { Asset } from './types';

const PAGE = 500;

export function useAllAssets(): UseQueryResult<Asset[]> {
  return useQuery({
    queryKey: ['assets', 'all'],
    queryFn: async () => {
      const all: Asset[] = [];
      let offset: number | null = 0;
      while (offset !== null) {
        const page: { items: Asset[]; next_offset: number | null } = await api.assets({ limit: PAGE, offset });
        all.push(...page.items);
        offset = page.next_offset;
      }
      return all;
    },
  });
}
