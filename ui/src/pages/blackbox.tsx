// Black Box: incidents, events per hour, and the events behind them.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { HistogramBin, IncidentRow, IncidentStatus } from '@/api/types';
import { SearchInput, Segment } from '@/components/fields';
import { Histogram } from '@/components/histogram';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { RANGES, useCursor } from '@/lib/cursor';
import { iso } from '@/lib/format';
import { useParameters } from '@/lib/url';
import { EventsTable } from './parts/events-table';

const LIMIT = 20;
const HOUR = 3_600_000;

function Incidents({ t: at }: { t: number | null }) {
  const { t, n, span, word, p } = useText();
  const refetchInterval = useRefresh(at);
  const [parameters, change] = useParameters();
  const offset = useOffset('incidents', LIMIT);
  const [status, asset, q] = ['status', 'asset', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string];
  const query = useQuery({
    queryKey: ['incidents', at, status, asset, q, offset, p.language], refetchInterval, placeholderData: (old) => old,
    queryFn: () => api.incidents({ t: at, status, asset_id: asset, q, limit: LIMIT, offset }),
  });
  const columns: Column<IncidentRow>[] = [
    { key: 'severity', title: t('field.severity'), cell: (i) => <SeverityMark severity={i.severity} />, csv: (i) => i.severity },
    { key: 'incident', title: t('page.incident'), cell: (i) => <span className="two"><AppLink className="m5" to={`/blackbox/incidents/${i.id}`}>{i.title}</AppLink><small><Tag>{i.number}</Tag></small></span>, csv: (i) => i.number },
    { key: 'asset', title: t('field.asset'), cell: (i) => <AppLink to={`/assets/${i.asset_id}`}><Tag>{i.asset_code}</Tag></AppLink>, csv: (i) => i.asset_code },
    { key: 'started_at', title: t('incident.started'), cell: (i) => <When at={i.started_at} />, csv: (i) => new Date(i.started_at).toISOString() },
    { key: 'duration', title: t('incident.duration'), cell: (i) => (i.ended_at === null ? t('incident.ongoing') : span(i.ended_at - i.started_at)), wideOnly: true },
    { key: 'events', title: t('incident.event_count'), end: true, cell: (i) => n(i.event_count, 0), csv: (i) => i.event_count },
    { key: 'status', title: t('field.state'), cell: (i) => word('incident_status', i.status), csv: (i) => i.status },
    { key: 'assignee', title: t('incident.assignee'), cell: (i) => (i.assignee ? <bdi>{i.assignee}</bdi> : <span className="dim">{'—'}</span>), csv: (i) => i.assignee, wideOnly: true },
  ];
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'incidents.page': null });
  const options: { value: IncidentStatus | ''; label: string }[] = [{ value: '', label: t('common.all') }, ...(['open', 'investigating', 'resolved', 'closed'] as const).map((s) => ({ value: s, label: word('incident_status', s) }))];
  return (
    <Pane title={t('blackbox.incidents')} end={<>
      <Segment small label={t('field.state')} value={status as IncidentStatus | ''} onChange={(v) => filter({ status: v })} options={options} />
      <span className="dsk-only"><SearchInput label={t('blackbox.search')} value={q} onChange={(v) => filter({ q: v })} /></span>
    </>}>
      {asset && <div className="pb"><button type="button" className="btn sm" onClick={() => filter({ asset: null })}>{t('blackbox.one_asset')}</button></div>}
      <Loaded query={query} what={t('blackbox.loading')}>
        {(page) => <DataTable id="incidents" label={t('blackbox.incidents')} columns={columns} rows={page.items} rowKey={(i) => i.id} csvName="incidents" server={{ total: page.total, offset, limit: LIMIT }} empty={
          <EmptyState icon="blackbox" title={t(status || q || asset ? 'blackbox.none_match' : 'blackbox.empty')} action={(status || q || asset) && <button type="button" className="btn" onClick={() => filter({ status: null, q: null, asset: null })}>{t('action.clear_filters')}</button>}>{!(status || q || asset) && t('blackbox.empty_why')}</EmptyState>
        } />}
      </Loaded>
    </Pane>
  );
}

function Rail({ bins, open }: { bins: HistogramBin[]; open: number | undefined }) {
  const { t, n } = useText();
  const sum = (pick: (b: HistogramBin) => number) => bins.reduce((total, b) => total + pick(b), 0);
  const busiest = bins.reduce<HistogramBin | null>((most, b) => (b.total > (most?.total ?? 0) ? b : most), null);
  return (
    <section className="rail" aria-label={t('blackbox.rail')}>
      <div><div className="k">{t('blackbox.events')}</div><div className="num">{n(sum((b) => b.total), 0)}</div><div className="d">{t('blackbox.in_window')}</div></div>
      <div><div className="k">{t('dashboard.open_incidents')}</div><div className="num">{open === undefined ? '—' : n(open, 0)}</div><div className="d">{t('blackbox.now')}</div></div>
      <div><div className="k">{t('blackbox.critical')}</div><div className="num">{n(sum((b) => b.critical), 0)}</div><div className="d">{t('blackbox.warnings', { n: n(sum((b) => b.warning), 0) })}</div></div>
      <div><div className="k">{t('blackbox.busiest')}</div><div className="num">{busiest ? n(busiest.total, 0) : n(0, 0)}</div><div className="d">{busiest ? <When at={busiest.t} /> : t('blackbox.quiet')}</div></div>
    </section>
  );
}

export default function BlackboxPage() {
  const { t } = useText();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const [brush, setBrush] = useState<{ from: number; to: number } | null>(null);
  // Hours for a long window, else a sixtieth of it: bars stay readable in both.
  const step = cursor.range === '7d' ? HOUR : RANGES[cursor.range] / 60;
  const [from, to] = [Math.floor(cursor.from / step) * step, Math.ceil(cursor.to / step) * step];
  const bins = Math.round((to - from) / step);
  const histogram = useQuery({ queryKey: ['histogram', from, to, bins], queryFn: () => api.histogram({ from, to, bins }), refetchInterval, placeholderData: (old) => old });
  const open = useQuery({ queryKey: ['incident-counts'], queryFn: () => api.incidents({ status: 'open', limit: 1 }), refetchInterval });
  const window = brush ?? { from, to };
  return (
    <>
      <PageHead title={t('page.blackbox')} sub={t('blackbox.sub')} />
      <div className="stack">
        <Rail bins={histogram.data ?? []} open={open.data?.total} />
        <Pane title={t('blackbox.per_slice')} caption={brush ? t('blackbox.brushed', { from: iso(brush.from), to: iso(brush.to) }) : t('blackbox.brush_how')} end={brush && <button type="button" className="btn sm" onClick={() => setBrush(null)}>{t('blackbox.whole_window')}</button>} flush={false}>
          <Loaded query={histogram} what={t('blackbox.loading')} rows={3}>{(data) => <Histogram bins={data} from={from} to={to} perHour={HOUR / step} brush={brush} onBrush={setBrush} cursorAt={cursor.t} />}</Loaded>
        </Pane>
        <Incidents t={cursor.t} />
        <EventsTable from={window.from} to={window.to} />
      </div>
    </>
  );
}
