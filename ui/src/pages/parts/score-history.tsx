// Health over the window of the time bar; where no score could be given the line has a gap.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { Assessment, Series } from '@/api/types';
import { Trend } from '@/components/trend';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';

export function healthSeries(list: Assessment[], from: number, to: number): Series {
  const ordered = [...list].sort((a, b) => a.at - b.at);
  return { signal_id: '', unit: '', provenance: 'raw', from, to, t: ordered.map((a) => a.at), v: ordered.map((a) => a.health), bad: [] };
}

export function ScoreHistory({ id }: { id: string }) {
  const { t } = useText();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const [from, to] = [Math.floor(cursor.from / 60_000) * 60_000, Math.ceil(cursor.to / 60_000) * 60_000];
  const { data } = useQuery({ queryKey: ['assessments', id, from, to], queryFn: () => api.assessments(id, { from, to }), refetchInterval, placeholderData: (old) => old });
  const series = useMemo(() => data && healthSeries(data, from, to), [data, from, to]);
  if (!series || series.t.length === 0) return null;
  return (
    <section>
      <h3>{t('score.history')}</h3>
      <Trend series={series} label={t('score.history')} height={110} axes cursorAt={cursor.t} past={cursor.t !== null} onPick={(at) => cursor.setT(at)} />
    </section>
  );
}
