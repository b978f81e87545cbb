// Black Box: figures, incidents, events per slice of time, and the events behind them. Every filter is in the address.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useAllAssets } from '@/api/all-assets';
import { api } from '@/api/calls';
import type { Query } from '@/api/http';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { IncidentRow, IncidentStatus, IncidentType, Severity } from '@/api/types';
import { ExportMenu } from '@/components/export-menu';
import { SearchInput, Segment, Select } from '@/components/fields';
import { Filters } from '@/components/filters';
import { type Brush, Histogram } from '@/components/histogram';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { RANGES, useCursor } from '@/lib/cursor';
import { iso } from '@/lib/format';
import { useParameters, useTyped } from '@/lib/url';
import { DetectButton } from './parts/detect';
import { EventsTable, useEventQuery } from './parts/events-table';
import { InvestigateLink } from './parts/investigate-link';
import { NearMisses } from './parts/near-misses';

const LIMIT = 20;
/** Incidents that one file holds. */
const MOST_INCIDENTS = 10_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const PERIODS: Record<string, number> = { '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY, '90d': 90 * DAY };
const UNSETTLED = 'open,investigating';
const FIRST_PAGES = { 'incidents.page': null, 'events.page': null };
/** What "clear filters" clears. */
const NO_FILTER = { status: null, type: null, severity: null, period: null, asset: null, q: null, category: null, ...FIRST_PAGES };

/** The brush as it stands in the address; what lies outside the window shown is no choice any more. */
export function brushIn(from: string | null, to: string | null, window: Brush): Brush | null {
  const [a, b] = [Number(from), Number(to)];
  if (!from || !to || !Number.isFinite(a) || !Number.isFinite(b)) return null;
  const brush = { from: Math.max(a, window.from), to: Math.min(b, window.to) };
  return brush.from < brush.to ? brush : null;
}

function AssetFilter() {
  const { t } = useText();
  const [parameters, change] = useParameters();
  const assets = useAllAssets();
  const chosen = parameters.get('asset') ?? '';
  const code = assets.data?.find((a) => a.id === chosen)?.code ?? '';
  const [text, setText] = useState(code);
  useEffect(() => { setText(code); }, [code]);
  const take = (value: string) => {
    setText(value);
    const found = assets.data?.find((a) => a.code.toLowerCase() === value.trim().toLowerCase());
    if (found || value === '') change({ asset: found?.id ?? null, 'incidents.page': null, 'events.page': null });
  };
  return (
    <>
      <input className="in asset-filter" dir="auto" list="blackbox-assets" aria-label={t('field.asset')} placeholder={t('blackbox.any_asset')} value={text} onChange={(event) => take(event.target.value)} spellCheck={false} autoComplete="off" />
      <datalist id="blackbox-assets">{assets.data?.map((a) => <option key={a.id} value={a.code} />)}</datalist>
    </>
  );
}

function BlackboxFilters() {
  const { t, word } = useText();
  const [parameters, change] = useParameters();
  const get = (key: string) => parameters.get(key) ?? '';
  const set = (changes: Record<string, string | null>) => change({ ...changes, ...FIRST_PAGES });
  const { typed, setTyped } = useTyped('q', FIRST_PAGES);
  const isFiltered = ['severity', 'type', 'period', 'asset', 'status', 'category', 'q'].some((key) => get(key));
  return (
    <Filters
      active={['severity', 'type', 'period', 'asset'].filter((key) => get(key)).length}
      search={<span className="grow search-grow"><SearchInput label={t('blackbox.search')} placeholder={t('blackbox.search_what')} value={typed} onChange={setTyped} /></span>}
      after={isFiltered && <button type="button" className="btn sm" onClick={() => change(NO_FILTER)}>{t('action.clear_filters')}</button>}
    >
      <Select label={t('field.severity')} value={get('severity') as Severity | ''} onChange={(v) => set({ severity: v })} options={[{ value: '', label: t('event.all_severities') }, ...(['critical', 'warning', 'info'] as const).map((s) => ({ value: s, label: word('severity', s) }))]} />
      <Select label={t('incident.type')} value={get('type') as IncidentType | ''} onChange={(v) => set({ type: v })} options={[{ value: '', label: t('blackbox.all_types') }, ...(['trip', 'critical_alert', 'failure'] as const).map((s) => ({ value: s, label: word('incident_type', s) }))]} />
      <Select label={t('blackbox.period')} value={get('period')} onChange={(v) => set({ period: v })} options={[{ value: '', label: t('blackbox.period_all') }, ...[...Object.keys(PERIODS), 'window'].map((s) => ({ value: s, label: t(`blackbox.period_${s}`) }))]} />
      <AssetFilter />
    </Filters>
  );
}

function Incidents({ t: at, window }: { t: number | null; window: Brush }) {
  const { t, n, span, word, p } = useText();
  const refetchInterval = useRefresh(at);
  const [parameters, change] = useParameters();
  const offset = useOffset('incidents', LIMIT);
  const get = (key: string) => parameters.get(key) ?? '';
  const period = get('period');
  // Whole minutes: a moving now is not a new question each second.
  const end = at ?? Math.floor(Date.now() / 60_000) * 60_000;
  const stretch = period === 'window' ? { from: Math.round(window.from), to: Math.round(window.to) } : PERIODS[period] ? { from: end - PERIODS[period] } : {};
  const { asOf } = useCursor();
  const wanted: Query = { ...asOf, status: get('status'), severity: get('severity'), incident_type: get('type'), asset_id: get('asset'), site_id: get('site'), q: get('q'), ...stretch };
  const query = useQuery({ queryKey: ['incidents', wanted, offset, p.language], refetchInterval, placeholderData: (old) => old, queryFn: () => api.incidents({ ...wanted, limit: LIMIT, offset }) });
  const columns: Column<IncidentRow>[] = [
    { key: 'severity', title: t('field.severity'), cell: (i) => <SeverityMark severity={i.severity} /> },
    { key: 'incident', title: t('page.incident'), cell: (i) => <span className="two"><AppLink className="m5" to={`/blackbox/incidents/${i.id}`}>{i.title}</AppLink><small><Tag>{i.number}</Tag></small></span> },
    { key: 'asset', title: t('field.asset'), cell: (i) => <AppLink to={`/assets/${i.asset_id}`}><Tag>{i.asset_code}</Tag></AppLink> },
    { key: 'type', title: t('incident.type'), cell: (i) => word('incident_type', i.incident_type), wideOnly: true },
    { key: 'started_at', title: t('incident.started'), cell: (i) => <When at={i.started_at} /> },
    { key: 'duration', title: t('incident.duration'), cell: (i) => (i.ended_at === null ? t('incident.ongoing') : span(i.ended_at - i.started_at)), wideOnly: true },
    { key: 'events', title: t('incident.event_count'), end: true, cell: (i) => n(i.event_count, 0), wideOnly: true },
    { key: 'status', title: t('field.state'), cell: (i) => word('incident_status', i.status) },
    { key: 'assignee', title: t('incident.assignee'), cell: (i) => (i.assignee ? <bdi>{i.assignee}</bdi> : <span className="dim">{'—'}</span>), wideOnly: true },
  ];
  const isFiltered = ['status', 'severity', 'type', 'period', 'asset', 'q'].some((key) => get(key));
  const status = get('status');
  const options: { value: IncidentStatus | ''; label: string }[] = [{ value: '', label: t('common.all') }, ...(['open', 'investigating', 'resolved', 'closed'] as const).map((s) => ({ value: s, label: word('incident_status', s) }))];
  return (
    <Pane title={t('blackbox.incidents')} end={<>
      <Segment small label={t('field.state')} value={status as IncidentStatus | ''} onChange={(v) => change({ status: v, 'incidents.page': null })} options={options} />
      <ExportMenu path="/api/blackbox/incidents/export" query={wanted} total={query.data?.total ?? 0} holds={MOST_INCIDENTS} />
    </>}>
      <Loaded query={query} what={t('blackbox.loading')}>
        {(page) => <DataTable id="incidents" label={t('blackbox.incidents')} columns={columns} rows={page.items} rowKey={(i) => i.id} server={{ total: page.total, offset, limit: LIMIT }} empty={
          <EmptyState icon="blackbox" title={t(isFiltered ? 'blackbox.none_match' : 'blackbox.empty')} action={isFiltered && <button type="button" className="btn" onClick={() => change(NO_FILTER)}>{t('action.clear_filters')}</button>}>{!isFiltered && t('blackbox.empty_why')}</EmptyState>
        } />}
      </Loaded>
    </Pane>
  );
}

/** How many there are, without reading them; each figure leads to the list it counts. */
function useCounts(at: number | null, site: string) {
  const { asOf } = useCursor();
  const { known_at } = asOf;
  const refetchInterval = useRefresh(at);
  const end = at ?? Math.floor(Date.now() / 60_000) * 60_000;
  const day = { known_at, from: end - DAY, to: end + (at === null ? 60_000 : 1), site_id: site, limit: 1 };
  const counted = (name: string, ask: () => Promise<{ total: number }>) => ({ queryKey: ['blackbox-counts', name, asOf, site, end], refetchInterval, placeholderData: (old: number | undefined) => old, queryFn: async () => (await ask()).total });
  return {
    events: useQuery(counted('events', () => api.events(day))).data,
    criticalEvents: useQuery(counted('critical-events', () => api.events({ ...day, severity: 'critical' }))).data,
    incidents: useQuery(counted('incidents', () => api.incidents({ ...asOf, site_id: site, limit: 1 }))).data,
    newIncidents: useQuery(counted('new-incidents', () => api.incidents({ ...asOf, site_id: site, limit: 1, from: end - DAY }))).data,
    critical: useQuery(counted('critical', () => api.incidents({ ...asOf, site_id: site, limit: 1, severity: 'critical', status: UNSETTLED }))).data,
    open: useQuery(counted('open', () => api.incidents({ ...asOf, site_id: site, limit: 1, status: 'open' }))).data,
    investigating: useQuery(counted('investigating', () => api.incidents({ ...asOf, site_id: site, limit: 1, status: 'investigating' }))).data,
  };
}

function Rail({ t: at }: { t: number | null }) {
  const { t, n } = useText();
  const [parameters, change] = useParameters();
  const counts = useCounts(at, parameters.get('site') ?? '');
  const figure = (value: number | undefined) => <span className="num">{value === undefined ? '—' : n(value, 0)}</span>;
  const say = (value: number | undefined) => (value === undefined ? '—' : n(value, 0));
  const lead = (filter: Record<string, string | null>) => () => change({ ...NO_FILTER, ...filter });
  return (
    <section className="rail" aria-label={t('blackbox.rail')} data-counts={JSON.stringify(counts)}>
      <div><div className="k">{t('blackbox.events_24h')}</div>{figure(counts.events)}<div className="d">{t('blackbox.of_them_critical', { n: say(counts.criticalEvents) })}</div></div>
      <div><div className="k">{t('blackbox.incidents')}</div><button type="button" className="figure" onClick={lead({})}>{figure(counts.incidents)}</button><div className="d">{t('blackbox.new_24h', { n: say(counts.newIncidents) })}</div></div>
      <div><div className="k">{t('blackbox.critical_open')}</div><button type="button" className="figure" onClick={lead({ severity: 'critical', status: UNSETTLED })}>{figure(counts.critical)}</button><div className="d">{t('blackbox.not_resolved')}</div></div>
      <div><div className="k">{t('dashboard.open_incidents')}</div><button type="button" className="figure" onClick={lead({ status: 'open' })}>{figure(counts.open)}</button><div className="d">{t('blackbox.investigating', { n: say(counts.investigating) })}</div></div>
    </section>
  );
}

function Slices({ from, to, step, brush, onBrush, cursorAt }: { from: number; to: number; step: number; brush: Brush | null; onBrush: (brush: Brush | null) => void; cursorAt: number | null }) {
  const { t, p } = useText();
  const { may } = useSession();
  const refetchInterval = useRefresh(cursorAt);
  const wanted = useEventQuery(from, to);
  const bins = Math.round((to - from) / step);
  const histogram = useQuery({ queryKey: ['histogram', wanted, bins, p.language], queryFn: () => api.histogram({ ...wanted, bins }), refetchInterval, placeholderData: (old) => old });
  // One definition of a flood: the alarm report's.
  const report = useQuery({ queryKey: ['alarm-floods', from, to], queryFn: () => api.alarmPerformance({ from, to }), enabled: may('alerts.read'), refetchInterval, placeholderData: (old) => old });
  return (
    <Pane title={t(step === HOUR ? 'blackbox.per_hour' : 'blackbox.per_slice')} caption={brush ? <span role="status">{t('blackbox.brushed', { from: iso(brush.from), to: iso(brush.to) })}</span> : t('blackbox.brush_how')} end={brush && <button type="button" className="btn sm" onClick={() => onBrush(null)}>{t('blackbox.whole_window')}</button>} flush={false}>
      <Loaded query={histogram} what={t('blackbox.loading')} rows={3}>{(data) => <Histogram bins={data} from={from} to={to} floods={report.data?.floods ?? []} brush={brush} onBrush={onBrush} cursorAt={cursorAt} />}</Loaded>
    </Pane>
  );
}

export default function BlackboxPage() {
  const { t } = useText();
  const cursor = useCursor();
  const [parameters, change] = useParameters();
  // Hours for a long window, else a sixtieth of it: bars stay readable in both.
  const step = cursor.range === '7d' || cursor.range === '24h' ? HOUR : RANGES[cursor.range] / 60;
  const whole = { from: Math.floor(cursor.from / step) * step, to: Math.ceil(cursor.to / step) * step };
  const brush = brushIn(parameters.get('from'), parameters.get('to'), whole);
  const setBrush = (next: Brush | null) => change({ from: next && String(Math.round(next.from)), to: next && String(Math.round(next.to)), 'events.page': null, 'incidents.page': null });
  const window = brush ?? whole;
  const watching = parameters.get('view') === 'watch';
  return (
    <>
      <PageHead title={t('page.blackbox')} sub={t('blackbox.sub')}><AppLink className="btn" to="/rule-packs">{t('page.rule_packs')}</AppLink>{cursor.t === null && <InvestigateLink />}{cursor.t === null && <DetectButton window={window} asset={parameters.get('asset') ?? ''} />}</PageHead>
      <div className="stack">
        <Rail t={cursor.t} />
        <BlackboxFilters />
        <Slices {...whole} step={step} brush={brush} onBrush={setBrush} cursorAt={cursor.t} />
        <div className="row wrap"><Segment label={t('blackbox.view')} value={watching ? 'watch' : 'incidents'} onChange={(v) => change({ view: v === 'watch' ? 'watch' : null })} options={[{ value: 'incidents', label: t('blackbox.incidents') }, { value: 'watch', label: t('near.title') }]} /></div>
        {watching ? <NearMisses t={cursor.t} asset={parameters.get('asset') ?? ''} /> : <Incidents t={cursor.t} window={window} />}
        <EventsTable {...window} />
      </div>
    </>
  );
}
