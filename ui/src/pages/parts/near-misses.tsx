// The watch list: signals that came near a trip and returned. Each row leads to its samples.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { NearMiss } from '@/api/types';
import { AppLink } from '@/components/link';
import { Quantity, Tag, Toward, When } from '@/components/marks';
import { useSignalName } from '@/components/metrics';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';

const DAY = 86_400_000;

export function NearMisses({ t: at, asset }: { t: number | null; asset: string }) {
  const { t, n, name, word, p } = useText();
  const signalName = useSignalName();
  const end = at ?? Math.floor(Date.now() / 60_000) * 60_000;
  const wanted = { from: end - 30 * DAY, to: end, asset_id: asset };
  const query = useQuery({ queryKey: ['near-misses', wanted, p.language], queryFn: () => api.nearMisses(wanted), placeholderData: (old) => old });
  const samples = (m: NearMiss, moment: number) => `/assets/${m.asset_id}?signal=${m.signal_id}&t=${moment}&range=1h`;
  const columns: Column<NearMiss>[] = [
    { key: 'signal', title: t('near.signal'), csv: (m) => `${m.asset_code} ${m.metric}`, cell: (m) => <span className="two"><AppLink className="m5" to={samples(m, m.closest.peak_at)}>{signalName(m)}</AppLink><small><Tag>{m.asset_code}</Tag> {name(m.asset_names)}</small></span> },
    { key: 'kind', title: t('near.why'), csv: (m) => m.kind, cell: (m) => word('near_miss', m.kind) },
    { key: 'used', title: t('near.used'), end: true, sort: (m) => m.closest.used, csv: (m) => m.closest.used, cell: (m) => <bdi dir="ltr">{`${n(m.closest.used * 100, 0)}%`}</bdi> },
    { key: 'peak', title: t('near.closest'), csv: (m) => m.closest.peak, cell: (m) => <span className="two"><span><Quantity value={m.closest.peak} unit={m.unit} metric={m.metric} /> · {word('limit_side', m.side)}</span><small>{t('near.limits')} <Quantity value={m.warning} unit={m.unit} metric={m.metric} /> <Toward /> <Quantity value={m.trip} unit={m.unit} metric={m.metric} /></small></span> },
    { key: 'at', title: t('near.when'), sort: (m) => m.closest.peak_at, csv: (m) => new Date(m.closest.peak_at).toISOString(), cell: (m) => <When at={m.closest.peak_at} full /> },
    { key: 'count', title: t('near.count'), end: true, sort: (m) => m.count, csv: (m) => m.count, cell: (m) => <span className="row g1 wrap">{n(m.count, 0)} {m.stays.slice(0, 3).map((s) => <AppLink key={s.from} className="cap" to={samples(m, s.peak_at)}><When at={s.peak_at} /></AppLink>)}</span>, wideOnly: true },
  ];
  return (
    <Pane title={t('near.title')} caption={t('near.what')}>
      <Loaded query={query} what={t('near.loading')}>
        {(list) => (
          <>
            {list.is_cut && <div className="pb"><Notice tone="warning">{t('near.cut', { n: n(list.looked_at, 0) })}</Notice></div>}
            <DataTable id="near" label={t('near.title')} columns={columns} rows={list.signals} rowKey={(m) => `${m.signal_id} ${m.side}`} csvName="near-misses" empty={<EmptyState icon="check" title={t('near.none')}>{list.looked_at === 0 ? t('near.no_limits') : t('near.none_why', { n: n(list.looked_at, 0) })}</EmptyState>} />
          </>
        )}
      </Loaded>
    </Pane>
  );
}
