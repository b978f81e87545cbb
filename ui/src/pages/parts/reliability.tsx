// How often assets fail and how long they are away: of all in a table, of one beside its other facts.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { ReliabilityFigures, ReliabilityReport } from '@/api/types';
import { Field, problemOf, Select } from '@/components/fields';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { useFamilyName } from '@/components/metrics';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useToasts } from '@/components/dialog';
import { useText } from '@/i18n/text';
import { longDay } from '@/lib/format';
import { useParameters } from '@/lib/url';

const DAY = 86_400_000;
const PERIODS = [30, 90, 365, 1095, 1825];
const GROUPS = ['asset', 'site', 'family', 'criticality'] as const;
const share = (value: number | null) => (value === null ? null : Math.round(value * 1e6) / 1e6);

/** A figure that is withheld says why. */
function Withheld({ why }: { why: string | null }) {
  const { word } = useText();
  return <span className="dim s">{why === null ? '—' : word('reliability_reason', why)}</span>;
}

function Mtbf({ of }: { of: ReliabilityFigures }) {
  const { t, n } = useText();
  if (of.mtbf) {
    const { hours, low, high, is_few: isFew } = of.mtbf;
    return <span className="two"><bdi dir="ltr">{n(hours, 0)}</bdi><small>{t('reliability.interval', { low: n(low, 0), high: n(high, 0) })}{isFew && <> · {t('reliability.few')}</>}</small></span>;
  }
  return <span className="two"><Withheld why={of.withheld.mtbf} />{of.mtbf_at_least_h !== null && <small>{t('reliability.at_least', { hours: n(of.mtbf_at_least_h, 0) })}</small>}</span>;
}

function Hours({ mean, why }: { mean: ReliabilityFigures['mttr']; why: string | null }) {
  const { t, n } = useText();
  if (!mean) return <Withheld why={why} />;
  return <span className="two"><bdi dir="ltr">{n(mean.hours, 1)}</bdi><small>{t('reliability.of', { n: mean.of })}</small></span>;
}

function Share({ value, why }: { value: number | null; why: string | null }) {
  const { n } = useText();
  return value === null ? <Withheld why={why} /> : <bdi dir="ltr">{`${n(value * 100, 2)}%`}</bdi>;
}

/** One line of the table. */
interface Line {
  key: string;
  asset?: { id: string; code: string; title: string };
  title: string;
  of: ReliabilityFigures;
}

function useLines(report: ReliabilityReport, by: (typeof GROUPS)[number]): Line[] {
  const { t, name, word } = useText();
  const familyName = useFamilyName();
  const all: Line = { key: 'all', title: t('reliability.all'), of: report.total };
  if (by === 'asset') return [all, ...report.assets.map((a) => ({ key: a.asset_code, asset: { id: a.asset_id, code: a.asset_code, title: name(a.asset_names) }, title: a.asset_code, of: a.figures }))];
  const called = (key: string) => (by === 'family' ? familyName(key) : by === 'criticality' ? word('criticality', key) : key);
  return [all, ...report.groups.filter((g) => g.by === by).map((g) => ({ key: g.key, title: called(g.key), of: g.figures }))];
}

function Lines({ report, by }: { report: ReliabilityReport; by: (typeof GROUPS)[number] }) {
  const { t, n, word } = useText();
  const lines = useLines(report, by);
  const columns: Column<Line>[] = [
    { key: by, title: word('reliability_by', by), sort: (l) => l.title, csv: (l) => l.key, cell: (l) => (l.asset ? <span className="two"><AppLink to={`/assets/${l.asset.id}`}><Tag>{l.asset.code}</Tag></AppLink><small><bdi>{l.asset.title}</bdi></small></span> : l.key === 'all' ? <b>{l.title}</b> : by === 'site' ? <Tag>{l.title}</Tag> : <bdi>{l.title}</bdi>) },
    { key: 'assets', title: t('reliability.assets'), end: true, csv: (l) => l.of.assets, cell: (l) => <bdi dir="ltr">{n(l.of.assets, 0)}</bdi>, wideOnly: true },
    { key: 'failures', title: t('reliability.failures'), end: true, sort: (l) => l.of.failures, csv: (l) => l.of.failures, cell: (l) => <bdi dir="ltr">{n(l.of.failures, 0)}</bdi> },
    { key: 'operating_h', title: t('reliability.operating'), end: true, sort: (l) => l.of.operating_h, csv: (l) => l.of.operating_h, cell: (l) => <span className="two"><bdi dir="ltr">{n(l.of.operating_h, 0)}</bdi>{l.of.basis && <small>{word('reliability_basis', l.of.basis)}</small>}</span>, wideOnly: true },
    { key: 'mtbf_h', title: t('reliability.mtbf'), end: true, sort: (l) => l.of.mtbf?.hours ?? null, csv: (l) => l.of.mtbf?.hours, cell: (l) => <Mtbf of={l.of} /> },
    { key: 'mttr_h', title: t('reliability.mttr'), end: true, sort: (l) => l.of.mttr?.hours ?? null, csv: (l) => l.of.mttr?.hours, cell: (l) => <Hours mean={l.of.mttr} why={l.of.withheld.mttr} /> },
    { key: 'mdt_h', title: t('reliability.mdt'), end: true, sort: (l) => l.of.mdt?.hours ?? null, csv: (l) => l.of.mdt?.hours, cell: (l) => <Hours mean={l.of.mdt} why={l.of.withheld.mdt} />, wideOnly: true },
    { key: 'down_h', title: t('reliability.down'), end: true, sort: (l) => l.of.down_h + l.of.planned_h, csv: (l) => l.of.down_h + l.of.planned_h, cell: (l) => <span className="two"><bdi dir="ltr">{n(l.of.down_h + l.of.planned_h, 0)}</bdi>{l.of.planned_h > 0 && <small>{t('reliability.planned', { hours: n(l.of.planned_h, 0) })}</small>}</span>, wideOnly: true },
    { key: 'inherent', title: t('reliability.inherent'), end: true, sort: (l) => l.of.inherent, csv: (l) => share(l.of.inherent), cell: (l) => <Share value={l.of.inherent} why={l.of.withheld.inherent} />, wideOnly: true },
    { key: 'operational', title: t('reliability.operational'), end: true, sort: (l) => l.of.operational, csv: (l) => share(l.of.operational), cell: (l) => <Share value={l.of.operational} why={l.of.withheld.operational} /> },
  ];
  return <DataTable id="reliability" label={t('reliability.title')} columns={columns} rows={report.total.assets === 0 ? [] : lines} rowKey={(l) => `${by} ${l.key}`} csvName="reliability" empty={<EmptyState icon="wrench" title={t('reliability.none')} />} />;
}

/** Which order types stand for a failure: who sets up the connections says so. */
function Types({ types }: { types: string[] }) {
  const { t, comma } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [text, setText] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const listed = types.length === 0 ? <span className="dim">{t('reliability.types_none')}</span> : types.map((word, i) => <span key={word}>{i > 0 && comma}<Tag>{word}</Tag></span>);
  const save = async () => {
    try {
      await api.saveReliabilitySettings({ failure_types: (text ?? '').split(/[,،]/).map((word) => word.trim()).filter(Boolean) });
      setText(null);
      setError(null);
      void client.invalidateQueries({ queryKey: ['reliability'] });
      toasts.done(t('toast.saved'));
    } catch (e) {
      setError(e);
    }
  };
  return (
    <div className="stack">
      <p className="help">{t('reliability.counts')} {listed} {text === null && may('integrations.write') && <button type="button" className="link" onClick={() => setText(types.join(', '))}>{t('reliability.types_change')}</button>}</p>
      {text !== null && (
        <form className="row wrap" onSubmit={(e) => { e.preventDefault(); void save(); }}>
          <Field label={t('reliability.types')} help={t('reliability.types_help')} error={problemOf(error, 'failure_types')}>{(props) => <input {...props} className="in mono" dir="ltr" value={text} onChange={(e) => setText(e.target.value)} />}</Field>
          <button type="submit" className="btn pri">{t('action.save')}</button>
          <button type="button" className="btn quiet" onClick={() => { setText(null); setError(null); }}>{t('action.cancel')}</button>
          {error !== null && <InlineError error={error} />}
        </form>
      )}
    </div>
  );
}

export function Reliability({ t: at }: { t: number | null }) {
  const { t, word, p } = useText();
  const [parameters, change] = useParameters();
  const by = GROUPS.find((g) => g === parameters.get('by')) ?? 'asset';
  const days = PERIODS.find((d) => String(d) === parameters.get('days')) ?? 365;
  const end = at ?? Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const wanted = { from: end - days * DAY, to: at };
  const query = useQuery({ queryKey: ['reliability', wanted], queryFn: () => api.reliability(wanted), placeholderData: (old) => old });
  const called = (d: number) => (d < 365 ? t('reliability.days', { n: d }) : t('reliability.years', { n: d / 365 }));
  return (
    <>
      <div className="row wrap filters">
        <Select label={t('reliability.period')} value={String(days)} onChange={(v) => change({ days: v === '365' ? null : v })} options={PERIODS.map((d) => ({ value: String(d), label: called(d) }))} />
        <Select label={t('reliability.by')} value={by} onChange={(v) => change({ by: v === 'asset' ? null : v, 'reliability.page': null, 'reliability.sort': null })} options={GROUPS.map((g) => ({ value: g, label: word('reliability_by', g) }))} />
      </div>
      <Pane title={t('reliability.title')} caption={t('reliability.what')}>
        <Loaded query={query} what={t('reliability.loading')} rows={6}>
          {(report) => (report.known_since === null
            ? <EmptyState icon="wrench" title={t('reliability.no_orders')}>{t('reliability.no_orders_what')}</EmptyState>
            : (
              <>
                {report.known_since > report.from && <div className="pb"><Notice>{t('reliability.known_since', { at: longDay(p, report.known_since) })}</Notice></div>}
                {report.made_up > 0 && <div className="pb"><Notice tone="warning">{t('reliability.made_up', { n: report.made_up })}</Notice></div>}
                <Lines report={report} by={by} />
                <div className="pb stack"><p className="help">{t('reliability.how')}</p><Types types={report.failure_types} /></div>
              </>
            ))}
        </Loaded>
      </Pane>
    </>
  );
}

/** The year of one asset. */
export function AssetReliability({ id, t: at }: { id: string; t: number | null }) {
  const { t, n, word } = useText();
  const end = at ?? Math.floor(Date.now() / 3_600_000) * 3_600_000;
  const wanted = { asset_id: id, from: end - 365 * DAY, to: at };
  const query = useQuery({ queryKey: ['reliability', wanted], queryFn: () => api.reliability(wanted), placeholderData: (old) => old });
  return (
    <Pane title={t('reliability.this_asset')} flush={false} foot={<AppLink to="/work-orders?tab=reliability">{t('reliability.more')}</AppLink>}>
      <Loaded query={query} what={t('reliability.loading')} rows={3}>
        {(report) => {
          const of = report.assets[0]?.figures;
          if (report.known_since === null) return <p className="help">{t('reliability.no_orders')}</p>;
          if (!of) return <p className="help">{report.made_up > 0 ? t('reliability.made_up', { n: report.made_up }) : t('reliability.none')}</p>;
          return (
            <dl className="kv">
              <dt>{t('reliability.failures')}</dt><dd><bdi dir="ltr">{n(of.failures, 0)}</bdi></dd>
              <dt>{t('reliability.operating')}</dt><dd><span className="two"><bdi dir="ltr">{n(of.operating_h, 0)}</bdi>{of.basis && <small>{word('reliability_basis', of.basis)}</small>}</span></dd>
              <dt>{t('reliability.mtbf')}</dt><dd><Mtbf of={of} /></dd>
              <dt>{t('reliability.mttr')}</dt><dd><Hours mean={of.mttr} why={of.withheld.mttr} /></dd>
              <dt>{t('reliability.mdt')}</dt><dd><Hours mean={of.mdt} why={of.withheld.mdt} /></dd>
              <dt>{t('reliability.inherent')}</dt><dd><Share value={of.inherent} why={of.withheld.inherent} /></dd>
              <dt>{t('reliability.operational')}</dt><dd><Share value={of.operational} why={of.withheld.operational} /></dd>
              {report.known_since > report.from && <><dt>{t('reliability.since')}</dt><dd><When at={report.known_since} full /></dd></>}
            </dl>
          );
        }}
      </Loaded>
    </Pane>
  );
}
