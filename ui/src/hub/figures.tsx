// Assets with their state, key figures and plans of an organisation's plants, as each plant told them last.
import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { Select } from '@/components/fields';
import { StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { hub, type HubAsset, type HubKpi, type HubPlan, type HubReliability } from './api';
import { PlantSelect } from './filters';
import { DemoChip, Word } from './words';

const LIMIT = 50;
const STATUSES = ['critical', 'warning', 'normal', 'unknown'] as const;
const PERIODS = ['day', 'hour'] as const;

/** A moment and how long ago it was: what is old must look old. */
function Aged({ at }: { at: number | null }) {
  const { t, span } = useText();
  if (at === null) return <span className="dim">{t('hub.no_data')}</span>;
  return <span className="two"><When at={at} /><small className="mid">{t('hub.age', { span: span(Math.max(0, Date.now() - at)) })}</small></span>;
}

export function StatusWord({ value }: { value: string }) {
  const shape = STATUSES.find((known) => known === value) ?? 'unknown';
  return <span className={`st ${shape}`}><StatusShape shape={shape} /><span><Word list="status" value={value} /></span></span>;
}

/** A figure of the year, or nothing. */
const ofYear = <T extends { reliability: HubReliability | null }>(key: string, title: string, value: (of: HubReliability) => number | null, show: (value: number) => string, none: ReactNode): Column<T> => ({
  key, title, end: true, wideOnly: true,
  cell: (row) => { const found = row.reliability && value(row.reliability); return found === null ? none : <bdi dir="ltr">{show(found)}</bdi>; },
  csv: (row) => row.reliability && value(row.reliability),
});

function reliability<T extends { reliability: HubReliability | null }>(t: (key: string) => string, n: (value: number, decimals?: number) => string): Column<T>[] {
  const none = <span className="dim">{t('hub.no_data')}</span>;
  return [
    ofYear('failures', t('hub.reliability_year'), (of) => of.failures, (v) => n(v, 0), none),
    ofYear('mtbf_h', t('hub.mtbf'), (of) => of.mtbf_h, (v) => n(v, 0), none),
    ofYear('mttr_h', t('hub.mttr'), (of) => of.mttr_h, (v) => n(v, 1), none),
    ofYear('availability', t('hub.availability'), (of) => of.operational, (v) => `${n(v * 100, 1)}%`, none),
  ];
}

const told = <T extends { at: number }>(title: string): Column<T> => ({ key: 'told', title, cell: (row) => <Aged at={row.at} />, csv: (row) => new Date(row.at).toISOString() });

export function HubAssetsPage() {
  const { t, n, name, word } = useText();
  const [parameters, change] = useParameters();
  const offset = useOffset('assets', LIMIT);
  const [appliance, status] = ['appliance', 'status'].map((key) => parameters.get(key) ?? '');
  const query = useQuery({ queryKey: ['hub-assets', appliance, status, offset], refetchInterval: 10_000, placeholderData: (old) => old, queryFn: () => hub.assets({ appliance, status, limit: LIMIT, offset }) });
  useTitle(t('page.assets'));
  const none = <span className="dim">{t('hub.no_data')}</span>;
  const columns: Column<HubAsset>[] = [
    { key: 'code', title: t('field.asset'), cell: (a) => <span className="two"><Link className="b" href={`/assets/${a.appliance_id}/${a.id}`}><Tag>{a.code}</Tag></Link><small><bdi>{name(a.names)}</bdi> <DemoChip is={a.is_demo} /></small></span>, csv: (a) => a.code },
    { key: 'plant', title: t('hub.plant'), cell: (a) => <span className="two"><bdi>{a.appliance}</bdi><small><Tag>{a.site}</Tag> · <Tag>{a.unit}</Tag></small></span>, csv: (a) => `${a.appliance} ${a.site} ${a.unit}` },
    { key: 'parent', title: t('hub.parent'), cell: (a) => (a.parent ? <Tag>{a.parent}</Tag> : '—'), csv: (a) => a.parent, wideOnly: true },
    { key: 'family', title: t('field.family'), cell: (a) => sentence('family', a.family) ?? <Tag>{a.family}</Tag>, csv: (a) => a.family, wideOnly: true },
    { key: 'criticality', title: t('field.criticality'), cell: (a) => <Word list="criticality" value={a.criticality} />, csv: (a) => a.criticality, wideOnly: true },
    { key: 'status', title: t('field.status'), cell: (a) => <StatusWord value={a.status} />, csv: (a) => a.status },
    { key: 'health', title: t('field.health'), end: true, cell: (a) => (a.health === null ? none : <bdi dir="ltr">{n(a.health, 0)}</bdi>), csv: (a) => a.health },
    { key: 'coverage', title: t('hub.coverage'), end: true, cell: (a) => (a.coverage === null ? none : <bdi dir="ltr">{n(a.coverage * 100, 0)}%</bdi>), csv: (a) => a.coverage, wideOnly: true },
    { key: 'connectivity', title: t('hub.connectivity'), cell: (a) => <Word list="connectivity" value={a.connectivity} />, csv: (a) => a.connectivity, wideOnly: true },
    ...reliability<HubAsset>(t, n),
    { key: 'data', title: t('hub.data_at'), cell: (a) => <Aged at={a.data_at} />, csv: (a) => a.data_at && new Date(a.data_at).toISOString() },
    told(t('hub.told_at')),
  ];
  const filtered = Boolean(appliance || status);
  return (
    <>
      <PageHead title={t('page.assets')} sub={t('hub.assets_sub')} />
      <div className="row wrap filters">
        <PlantSelect id="assets" />
        <Select label={t('field.status')} value={status ?? ''} onChange={(v) => change({ status: v, 'assets.page': null })} options={[{ value: '', label: t('hub.status_all') }, ...STATUSES.map((s) => ({ value: s as string, label: word('status', s) }))]} />
        {filtered && <button type="button" className="btn sm" onClick={() => change({ appliance: null, status: null, 'assets.page': null })}>{t('action.clear_filters')}</button>}
      </div>
      <Pane title={t('page.assets')}>
        <Loaded query={query} what={t('state.loading')}>
          {(page) => <DataTable id="assets" label={t('page.assets')} columns={columns} rows={page.items} rowKey={(a) => `${a.appliance_id}${a.id}`} csvName="assets" server={{ total: page.total, offset, limit: LIMIT }} all={(part) => hub.assets({ appliance, status, ...part })} empty={
            <EmptyState icon="pulse" title={t(filtered ? 'hub.figures_none_match' : 'hub.assets_none')}>{!filtered && t('hub.figures_none_what')}</EmptyState>
          } />}
        </Loaded>
      </Pane>
    </>
  );
}

export function HubKpisPage() {
  const { t, n } = useText();
  const [parameters, change] = useParameters();
  const offset = useOffset('kpis', LIMIT);
  const appliance = parameters.get('appliance') ?? '';
  const period = PERIODS.find((known) => known === parameters.get('period')) ?? 'day';
  const query = useQuery({ queryKey: ['hub-kpis', appliance, period, offset], refetchInterval: 10_000, placeholderData: (old) => old, queryFn: () => hub.kpis({ appliance, period, limit: LIMIT, offset }) });
  useTitle(t('hub.kpis'));
  const count = (key: 'alarms' | 'standing' | 'incidents' | 'open_incidents' | 'orders_open' | 'orders_overdue', title: string, wideOnly = false): Column<HubKpi> => ({ key, title, end: true, wideOnly, cell: (k) => <bdi dir="ltr">{n(k[key], 0)}</bdi>, csv: (k) => k[key] });
  const columns: Column<HubKpi>[] = [
    { key: 'from', title: t('hub.period_from'), cell: (k) => <span className="two"><When at={k.from} full /><small><DemoChip is={k.is_demo} /></small></span>, csv: (k) => new Date(k.from).toISOString() },
    { key: 'plant', title: t('hub.plant'), cell: (k) => <bdi>{k.appliance}</bdi>, csv: (k) => k.appliance },
    { key: 'health', title: t('hub.health_mean'), end: true, cell: (k) => (k.health === null ? <span className="dim">{t('hub.no_data')}</span> : <bdi dir="ltr">{n(k.health, 0)}</bdi>), csv: (k) => k.health },
    { key: 'health_coverage', title: t('hub.scored'), end: true, wideOnly: true, cell: (k) => <bdi dir="ltr">{n(k.health_coverage * 100, 0)}%</bdi>, csv: (k) => k.health_coverage },
    count('alarms', t('hub.alarms')),
    { key: 'rate', title: t('hub.alarm_rate'), end: true, wideOnly: true, cell: (k) => <bdi dir="ltr">{n(k.alarms_per_hour, 1)}</bdi>, csv: (k) => k.alarms_per_hour },
    { key: 'flood', title: t('hub.flood_share'), end: true, wideOnly: true, cell: (k) => <bdi dir="ltr">{n(k.flood_share * 100, 1)}%</bdi>, csv: (k) => k.flood_share },
    count('standing', t('hub.standing'), true),
    count('incidents', t('hub.incidents_began')),
    count('open_incidents', t('hub.incidents_open'), true),
    count('orders_open', t('hub.orders_open'), true),
    count('orders_overdue', t('hub.orders_overdue')),
    ...(period === 'day' ? reliability<HubKpi>(t, n) : []),
    told(t('hub.told_at')),
  ];
  return (
    <>
      <PageHead title={t('hub.kpis')} sub={t('hub.kpis_sub')} />
      <div className="row wrap filters">
        <PlantSelect id="kpis" />
        <Select label={t('hub.period')} value={period} onChange={(v) => change({ period: v, 'kpis.page': null })} options={PERIODS.map((p) => ({ value: p as string, label: t(`hub.period.${p}`) }))} />
      </div>
      <Pane title={t('hub.kpis')}>
        <Loaded query={query} what={t('state.loading')}>
          {(page) => <DataTable id="kpis" label={t('hub.kpis')} columns={columns} rows={page.items} rowKey={(k) => `${k.appliance_id}${k.period}${k.from}`} csvName="kpis" server={{ total: page.total, offset, limit: LIMIT }} all={(part) => hub.kpis({ appliance, period, ...part })} empty={
            <EmptyState icon="pulse" title={t(appliance ? 'hub.figures_none_match' : 'hub.kpis_none')}>{!appliance && t('hub.figures_none_what')}</EmptyState>
          } />}
        </Loaded>
      </Pane>
    </>
  );
}

export function HubPlansPage() {
  const { t, n } = useText();
  const [parameters] = useParameters();
  const offset = useOffset('plans', LIMIT);
  const appliance = parameters.get('appliance') ?? '';
  const query = useQuery({ queryKey: ['hub-plans', appliance, offset], refetchInterval: 10_000, placeholderData: (old) => old, queryFn: () => hub.plans({ appliance, limit: LIMIT, offset }) });
  useTitle(t('hub.plans'));
  const amount = (key: 'cost' | 'risk_before' | 'risk_after', title: string): Column<HubPlan> => ({ key, title, end: true, cell: (p) => (p[key] === null ? <span className="dim">{t('hub.no_data')}</span> : <bdi dir="ltr">{n(p[key], 0)} {p.currency ?? ''}</bdi>), csv: (p) => p[key] });
  const columns: Column<HubPlan>[] = [
    { key: 'name', title: t('hub.plan'), cell: (p) => <span className="two"><b className="b"><bdi>{p.name || t('hub.plan_unnamed')}</bdi></b><small><DemoChip is={p.is_demo} /></small></span>, csv: (p) => p.name },
    { key: 'plant', title: t('hub.plant'), cell: (p) => <bdi>{p.appliance}</bdi>, csv: (p) => p.appliance },
    { key: 'work', title: t('hub.plan_work'), end: true, cell: (p) => <bdi dir="ltr">{n(p.work, 0)}</bdi>, csv: (p) => p.work, wideOnly: true },
    { key: 'advised', title: t('hub.plan_advised'), end: true, cell: (p) => <bdi dir="ltr">{n(p.advised, 0)}</bdi>, csv: (p) => p.advised, wideOnly: true },
    { key: 'published', title: t('hub.plan_published'), end: true, cell: (p) => <bdi dir="ltr">{n(p.published, 0)}</bdi>, csv: (p) => p.published },
    amount('cost', t('hub.plan_cost')),
    amount('risk_before', t('hub.plan_risk_before')),
    amount('risk_after', t('hub.plan_risk_after')),
    { key: 'as_of', title: t('hub.plan_as_of'), cell: (p) => <Aged at={p.as_of} />, csv: (p) => new Date(p.as_of).toISOString() },
    { key: 'when', title: t('hub.plan_published_at'), cell: (p) => <Aged at={p.published_at} />, csv: (p) => new Date(p.published_at).toISOString() },
  ];
  return (
    <>
      <PageHead title={t('hub.plans')} sub={t('hub.plans_sub_newest')} />
      <div className="row wrap filters"><PlantSelect id="plans" /></div>
      <Pane title={t('hub.plans')}>
        <Loaded query={query} what={t('state.loading')}>
          {(page) => <DataTable id="plans" label={t('hub.plans')} columns={columns} rows={page.items} rowKey={(p) => `${p.appliance_id}${p.id}`} csvName="plans" server={{ total: page.total, offset, limit: LIMIT }} all={(part) => hub.plans({ appliance, ...part })} empty={
            <EmptyState icon="clock" title={t(appliance ? 'hub.figures_none_match' : 'hub.plans_none')}>{!appliance && t('hub.plans_none_what')}</EmptyState>
          } />}
        </Loaded>
      </Pane>
    </>
  );
}
