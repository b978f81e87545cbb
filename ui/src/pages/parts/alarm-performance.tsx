// How the alarm system behaves in a period: measures beside their marks, floods, and the alarms that make the load.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '@/api/calls';
import type { AlarmBin, AlarmChatter, AlarmFlood, AlarmKpi, AlarmLine, AlarmName, AlarmReport, AlarmResponse, AlarmStale, AlarmStanding } from '@/api/types';
import { Segment, Select } from '@/components/fields';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { RANGES, ticksIn, useCursor } from '@/lib/cursor';
import { iso } from '@/lib/format';
import { slicesIn, tickLabel } from '@/lib/plot';
import { useParameters } from '@/lib/url';

const DAY_MS = 86_400_000;
const PERIODS = ['1', '7', '30', '90'] as const;
/** More than this in ten minutes is over what a person can follow. */
const OVER = 10;
const COUNTS = new Set(['worst', 'nuisance', 'stale']);
const RATES = new Set(['per_day', 'per_hour', 'per_ten_minutes']);
const TONE: Record<AlarmStanding, string> = { good: 'dim', watch: 'warn-t', act: 'crit-t' };

function Name({ alarm }: { alarm: AlarmName }) {
  const metric = useMetricName();
  return (
    <span className="two">
      {alarm.asset_id && alarm.asset_code && <><AppLink to={`/assets/${alarm.asset_id}`}><Tag>{alarm.asset_code}</Tag></AppLink>{' '}</>}
      {alarm.metric ? <span>{metric(alarm.metric)}</span> : <bdi>{alarm.text}</bdi>}
      {alarm.metric && <small><bdi>{alarm.text}</bdi></small>}
    </span>
  );
}

const spelled = (alarm: AlarmName) => [alarm.asset_code, alarm.metric, alarm.text].filter(Boolean).join(' · ');

function Rate({ report }: { report: AlarmReport }) {
  const { t, n, p, span } = useText();
  const { bins, from, to } = report;
  const slices = slicesIn(bins.map((b) => b.t), from, to);
  const most = Math.max(0, ...bins.map((b) => b.count));
  // A single alarm is no full bar.
  const top = Math.max(4, most);
  const isOver = (bin: AlarmBin) => bin.worst > OVER;
  return (
    <div className="hist-frame">
      <span className="cap dim">{t('alarms.most', { n: n(most, 0), span: span(slices.ms) })}</span>
      <div className="hist" role="img" aria-label={t('alarms.rate_label', { total: n(report.activations, 0), over: n(bins.filter(isOver).length, 0) })}>
        <svg viewBox="0 0 100 126" preserveAspectRatio="none" aria-hidden="true" className="hist-svg">
          {bins.map((bin, i) => {
            const height = bin.count === 0 ? 1 : 3 + (bin.count / top) * 117;
            const { x, width } = slices.at[i]!;
            return <rect key={bin.t} x={x + width * 0.12} width={width * 0.76} y={126 - height} height={height} fill={isOver(bin) ? 'var(--crit-fill)' : 'var(--line-strong)'} />;
          })}
        </svg>
        {ticksIn(from, to, 6).map((tick) => {
          const x = ((tick - from) / (to - from)) * 100;
          // Moved by its own share, a label at an edge ends there.
          return <span key={tick} className="lab" style={{ insetInlineStart: `${x}%`, transform: `translateX(-${x}%)` }}>{tickLabel(p, tick, to - from)}</span>;
        })}
      </div>
    </div>
  );
}

function Measures({ report }: { report: AlarmReport }) {
  const { t, n } = useText();
  const shown = (kpi: AlarmKpi, value: number) => (COUNTS.has(kpi.measure) ? n(value, 0) : RATES.has(kpi.measure) ? n(value, value < 1 ? 2 : value < 10 ? 1 : 0) : `${n(value * 100, value < 0.1 ? 1 : 0)}%`);
  const bound = (kpi: AlarmKpi, value: number, side: 'at_least' | 'below') => (kpi.measure === 'answered_in_time' ? t(`alarms.${side}`, { n: shown(kpi, value) }) : shown(kpi, value));
  const label = (kpi: AlarmKpi) => t(kpi.measure === 'stale' ? 'alarms.stale_count' : `alarms.${kpi.measure}`);
  // Minutes make no rate per day.
  const isShort = (kpi: AlarmKpi) => RATES.has(kpi.measure) && report.to - report.from < DAY_MS;
  const standing = (kpi: AlarmKpi) => t(isShort(kpi) ? 'alarms.too_short' : kpi.standing === 'act' ? 'alarms.do' : `alarms.${kpi.standing}`);
  const columns: Column<AlarmKpi>[] = [
    { key: 'measure', title: t('alarms.measure'), cell: label, csv: (k) => k.measure },
    { key: 'value', title: t('alarms.value'), end: true, cell: (k) => <bdi className="b">{shown(k, k.value)}</bdi>, csv: (k) => k.value },
    { key: 'target', title: t('alarms.target'), end: true, cell: (k) => <bdi>{bound(k, k.target, 'at_least')}</bdi>, csv: (k) => k.target },
    { key: 'act', title: t('alarms.act'), end: true, cell: (k) => <bdi>{bound(k, k.act, 'below')}</bdi>, csv: (k) => k.act, wideOnly: true },
    { key: 'standing', title: t('alarms.state'), cell: (k) => <span className={isShort(k) ? 'dim' : TONE[k.standing]}>{standing(k)}</span>, csv: (k) => (isShort(k) ? '' : k.standing) },
  ];
  return (
    <Pane title={t('alarms.measures')} caption={t('alarms.measures_sub')}>
      <DataTable id="alarm-kpis" label={t('alarms.measures')} columns={columns} rows={report.kpis} rowKey={(k) => k.measure} csvName="alarm-measures" empty={<EmptyState icon="alerts" title={t('alarms.none')} />} />
    </Pane>
  );
}

/** The Black Box as of the end of a flood, with a window long enough to hold it. */
function eventsOf(flood: AlarmFlood): string {
  const range = (['1h', '8h', '24h', '7d'] as const).find((r) => RANGES[r] >= (flood.to - flood.from) * 1.4) ?? '7d';
  return `/blackbox?t=${flood.is_open ? '' : flood.to}&range=${range}&from=${flood.from}&to=${flood.to}`;
}

function Floods({ floods }: { floods: AlarmFlood[] }) {
  const { t, n, span } = useText();
  const columns: Column<AlarmFlood>[] = [
    { key: 'from', title: t('alarms.began'), cell: (f) => <When at={f.from} />, sort: (f) => f.from, csv: (f) => new Date(f.from).toISOString() },
    { key: 'lasted', title: t('alarms.lasted'), cell: (f) => (f.is_open ? t('alarms.goes_on') : <bdi>{span(f.to - f.from)}</bdi>), sort: (f) => f.to - f.from, csv: (f) => Math.round((f.to - f.from) / 1000) },
    { key: 'count', title: t('alarms.count'), end: true, cell: (f) => <bdi>{n(f.count, 0)}</bdi>, sort: (f) => f.count, csv: (f) => f.count },
    { key: 'peak', title: t('alarms.peak'), end: true, cell: (f) => <bdi>{n(f.peak, 0)}</bdi>, sort: (f) => f.peak, csv: (f) => f.peak, wideOnly: true },
    { key: 'first', title: t('alarms.first_out'), cell: (f) => <span className="stack g1">{f.first_out.slice(0, 3).map((a) => <Name key={a.key} alarm={a} />)}{f.first_out.length > 1 && <small className="dim">{t('alarms.tie')}</small>}</span>, csv: (f) => f.first_out.map(spelled).join(' | ') },
    { key: 'events', title: '', end: true, cell: (f) => <AppLink className="btn quiet sm" to={eventsOf(f)}>{t('alarms.show_events')}</AppLink> },
  ];
  return (
    <Pane title={t('alarms.floods')} caption={t('alarms.floods_sub')}>
      <DataTable id="alarm-floods" label={t('alarms.floods')} columns={columns} rows={floods} rowKey={(f) => String(f.from)} csvName="alarm-floods" empty={<EmptyState icon="check" title={t('alarms.no_floods')} />} />
    </Pane>
  );
}

function Lines({ id, title, caption, lines }: { id: string; title: string; caption: string; lines: AlarmLine[] }) {
  const { t, n } = useText();
  const columns: Column<AlarmLine>[] = [
    { key: 'alarm', title: t('alarms.alarm'), cell: (l) => <Name alarm={l.alarm} />, csv: (l) => spelled(l.alarm) },
    { key: 'count', title: t('alarms.count'), end: true, cell: (l) => <bdi>{n(l.count, 0)}</bdi>, sort: (l) => l.count, csv: (l) => l.count },
    { key: 'share', title: t('alarms.share'), end: true, cell: (l) => <bdi>{`${n(l.share * 100, 0)}%`}</bdi>, sort: (l) => l.share, csv: (l) => l.share },
  ];
  return (
    <Pane title={title} caption={caption}>
      <DataTable id={id} label={title} columns={columns} rows={lines} rowKey={(l) => l.alarm.key} csvName={id} empty={<EmptyState icon="check" title={t('alarms.none')} />} />
    </Pane>
  );
}

function Chattering({ lines }: { lines: AlarmChatter[] }) {
  const { t, n } = useText();
  const columns: Column<AlarmChatter>[] = [
    { key: 'alarm', title: t('alarms.alarm'), cell: (l) => <Name alarm={l.alarm} />, csv: (l) => spelled(l.alarm) },
    { key: 'count', title: t('alarms.count'), end: true, cell: (l) => <bdi>{n(l.count, 0)}</bdi>, sort: (l) => l.count, csv: (l) => l.count },
    { key: 'worst', title: t('alarms.worst_minute'), end: true, cell: (l) => <bdi>{n(l.worst_minute, 0)}</bdi>, sort: (l) => l.worst_minute, csv: (l) => l.worst_minute },
    { key: 'at', title: t('alarms.at'), cell: (l) => <When at={l.worst_at} />, csv: (l) => new Date(l.worst_at).toISOString(), wideOnly: true },
    { key: 'index', title: t('alarms.index'), end: true, cell: (l) => <bdi>{n(l.index, 2)}</bdi>, sort: (l) => l.index, csv: (l) => l.index },
  ];
  return (
    <Pane title={t('alarms.chattering')} caption={t('alarms.chattering_sub')}>
      <DataTable id="alarm-chattering" label={t('alarms.chattering')} columns={columns} rows={lines} rowKey={(l) => l.alarm.key} csvName="alarm-chattering" empty={<EmptyState icon="check" title={t('alarms.none')} />} />
    </Pane>
  );
}

function Stale({ lines }: { lines: AlarmStale[] }) {
  const { t } = useText();
  const columns: Column<AlarmStale>[] = [
    { key: 'alarm', title: t('alarms.alarm'), cell: (l) => <Name alarm={l.alarm} />, csv: (l) => spelled(l.alarm) },
    { key: 'since', title: t('alarms.since'), cell: (l) => <When at={l.since} />, sort: (l) => l.since, csv: (l) => new Date(l.since).toISOString() },
    { key: 'until', title: t('alarms.until'), cell: (l) => (l.until === null ? t('alarms.still') : <When at={l.until} />), csv: (l) => l.until && new Date(l.until).toISOString() },
  ];
  return (
    <Pane title={t('alarms.stale')} caption={t('alarms.stale_sub')}>
      <DataTable id="alarm-stale" label={t('alarms.stale')} columns={columns} rows={lines} rowKey={(l) => `${l.alarm.key}:${l.since}`} csvName="alarm-stale" empty={<EmptyState icon="check" title={t('alarms.none')} />} />
    </Pane>
  );
}

function Answers({ lines }: { lines: AlarmResponse[] }) {
  const { t, n, span } = useText();
  const time = (ms: number | null): ReactNode => (ms === null ? <span className="dim">{'—'}</span> : <bdi>{span(ms)}</bdi>);
  const columns: Column<AlarmResponse>[] = [
    { key: 'priority', title: t('alarms.priority'), cell: (r) => <SeverityMark severity={r.severity} />, csv: (r) => r.severity },
    { key: 'count', title: t('alarms.count'), end: true, cell: (r) => <bdi>{n(r.count, 0)}</bdi>, csv: (r) => r.count },
    { key: 'acknowledged', title: t('alarms.acknowledged'), end: true, cell: (r) => <span className="two"><bdi>{n(r.acknowledged, 0)}</bdi>{r.pending > 0 && <small>{t('alarms.pending', { n: n(r.pending, 0) })}</small>}</span>, csv: (r) => r.acknowledged },
    { key: 'in_time', title: t('alarms.in_time'), end: true, cell: (r) => <bdi>{n(r.in_time, 0)}</bdi>, csv: (r) => r.in_time },
    { key: 'within', title: t('alarms.within'), end: true, cell: (r) => <bdi>{span(r.within_ms)}</bdi>, csv: (r) => r.within_ms, wideOnly: true },
    { key: 'median', title: t('alarms.median'), end: true, cell: (r) => time(r.median_ms), csv: (r) => r.median_ms },
    { key: 'p95', title: t('alarms.p95'), end: true, cell: (r) => time(r.p95_ms), csv: (r) => r.p95_ms },
  ];
  return (
    <Pane title={t('alarms.responses')} caption={t('alarms.responses_sub')}>
      <DataTable id="alarm-answers" label={t('alarms.responses')} columns={columns} rows={lines} rowKey={(r) => r.severity} csvName="alarm-answers" empty={<EmptyState icon="alerts" title={t('alarms.none')} />} />
    </Pane>
  );
}

export function AlarmPerformance() {
  const { t, n, p } = useText();
  const cursor = useCursor();
  const [parameters, change] = useParameters();
  const [days, source, asset] = [parameters.get('days') ?? '7', parameters.get('source') ?? '', parameters.get('asset') ?? ''];
  // The end of a running period moves by whole minutes, so that a report stays put while it is read.
  const to = cursor.t ?? Math.ceil(cursor.at / 60_000) * 60_000;
  const from = to - Number(days) * DAY_MS;
  const query = useQuery({
    queryKey: ['alarm-performance', from, to, source, asset, p.language], placeholderData: (old) => old,
    queryFn: () => api.alarmPerformance({ from, to, source, asset_id: asset }),
  });
  // Of a report that could not be made, the way back to the program's own alerts stays.
  const sources = (query.data?.sources ?? [{ system: '', events: null }]).map((s) => (s.events === null ? { value: '', label: t('alarms.source_own') } : { value: s.system, label: t('alarms.source_other', { system: s.system, n: s.events }) }));
  if (!sources.some((s) => s.value === source)) sources.push({ value: source, label: source });
  return (
    <>
      <div className="row wrap filters">
        <Segment label={t('alarms.period')} value={days} onChange={(v) => change({ days: v === '7' ? null : v })} options={PERIODS.map((d) => ({ value: d as string, label: t(`alarms.period_${d}`) }))} />
        <Select label={t('alarms.source')} value={source} onChange={(v) => change({ source: v || null })} options={sources} />
      </div>
      <Loaded query={query} what={t('alarms.loading')} rows={8}>
        {(report) => (report.activations === 0 && report.standing === 0 ? (
          <section className="pane"><EmptyState icon="alerts" title={t('alarms.empty')}>{t('alarms.empty_why')}</EmptyState></section>
        ) : (
          <div className="stack">
            {!report.is_representative && <Notice>{t('alarms.short')} {t('alarms.counted', { from: iso(report.from), to: iso(report.to) })}</Notice>}
            <Pane title={t('alarms.rate')} caption={t('alarms.rate_sub')} end={<span className="cap"><bdi>{t('alarms.total', { n: report.activations })}</bdi>{' · '}{t('alarms.standing', { n: n(report.standing, 0) })}</span>} flush={false}><Rate report={report} /></Pane>
            <Measures report={report} />
            <Floods floods={report.floods} />
            <Lines id="alarm-bad-actors" title={t('alarms.bad_actors')} caption={t('alarms.bad_actors_sub')} lines={report.bad_actors} />
            <Chattering lines={report.chattering} />
            {report.fleeting.length > 0 && <Lines id="alarm-fleeting" title={t('alarms.fleeting')} caption={t('alarms.fleeting_sub')} lines={report.fleeting} />}
            <Stale lines={report.stale} />
            <Answers lines={report.responses} />
          </div>
        ))}
      </Loaded>
    </>
  );
}
