// Says on every page that nothing is being stored, for as long as the store takes no writes.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api } from '@/api/calls';
import { WRITE_REFUSED } from '@/api/http';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';

const KEY = ['store-state'];
const EVERY_MS = 15_000;

export function StoreBanner() {
  const { t } = useText();
  const client = useQueryClient();
  const { data } = useQuery({ queryKey: KEY, queryFn: api.storeTakesWrites, refetchInterval: EVERY_MS, staleTime: 0, retry: false });
  useEffect(() => {
    const ask = () => void client.invalidateQueries({ queryKey: KEY });
    window.addEventListener(WRITE_REFUSED, ask);
    return () => window.removeEventListener(WRITE_REFUSED, ask);
  }, [client]);
  if (data !== false) return null;
  return <div className="store-banner"><Notice tone="critical">{t('shell.no_writes')}</Notice></div>;
}
