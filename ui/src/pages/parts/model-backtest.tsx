// A version walked through the past: its anomaly over time beside the limit, the alarms it would have made, and what
// became of each known failure. The slider sets the budget that the limit follows.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { Asset, ModelBackTest, ModelVersion, Series } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { StatusShape } from '@/components/icons';
import { When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { Trend } from '@/components/trend';
import { useText } from '@/i18n/text';
import { BUDGETS, limitAt, madePerWeek, weeksMs } from '@/lib/model-limit';

function Budget({ assetId, version, budget, onBudget, isInForce }: { assetId: string; version: ModelVersion; budget: number; onBudget: (budget: number) => void; isInForce: boolean }) {
  const { t, n, span } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const limit = limitAt(version, budget);
  const nearest = BUDGETS.reduce((best, b, i) => (Math.abs(b - budget) < Math.abs(BUDGETS[best]! - budget) ? i : best), 0);
  const shown = n(budget, budget < 1 ? 2 : 0);
  const made = madePerWeek(version, limit, budget);
  const said = { alarms: shown, limit: n(limit, 2) };
  const help = made === null ? t('model.budget_thin', { ...said, span: span(weeksMs(version.curve_weeks)) }) : t('model.budget_help', { ...said, made: n(made, 2) });
  const save = async () => {
    await api.setAlarmBudget(assetId, { alarms_per_week: budget });
    await client.invalidateQueries({ queryKey: ['model'] });
  };
  return (
    <div className="stack" data-limit={limit.toFixed(3)}>
      <Field label={`${t('model.budget')} · ${t('model.per_week')}`} help={help}>
        {(p) => <span className="slide"><input {...p} type="range" name="budget" min={0} max={BUDGETS.length - 1} step={1} value={nearest} aria-valuetext={shown} onChange={(e) => onBudget(BUDGETS[Number(e.target.value)]!)} /><bdi>{shown}</bdi></span>}
      </Field>
      {isInForce && may('models.write') && budget !== version.alarms_per_week && <div><button type="button" className="btn sm pri" data-action="save-budget" onClick={() => void save().catch(toasts.failed)}>{t('model.budget_save')}</button></div>}
    </div>
  );
}

function useDepartures(family: string): (signals: { metric: string; deviation: number }[]) => React.ReactNode {
  const { n, comma } = useText();
  const metric = useMetricName();
  return (signals) => signals.map((s, i) => <span key={s.metric}>{i > 0 && comma}{metric(s.metric, family)} <bdi dir="ltr">{`${s.deviation > 0 ? '+' : '−'}${n(Math.abs(s.deviation), 1)}σ`}</bdi></span>);
}

type Alarm = ModelBackTest['alarms'][number];

function Alarms({ found, family }: { found: ModelBackTest; family: string }) {
  const { t, n, span } = useText();
  const departures = useDepartures(family);
  const columns: Column<Alarm>[] = [
    { key: 'from', title: t('model.alarm_from'), sort: (a) => a.from, csv: (a) => new Date(a.from).toISOString(), cell: (a) => <span className="two"><When at={a.from} /><small>{span(Math.max(60_000, a.to - a.from))}{a.is_suspect && <> · {t('model.suspect')}</>}</small></span> },
    { key: 'peak', title: t('model.peak'), end: true, sort: (a) => a.peak, csv: (a) => a.peak, cell: (a) => <bdi dir="ltr">{n(a.peak, 2)}</bdi> },
    { key: 'signals', title: t('model.signals'), csv: (a) => a.signals.map((s) => `${s.metric} ${s.deviation.toFixed(1)}`).join('; '), cell: (a) => <span className="s">{departures(a.signals)}</span> },
  ];
  return <DataTable id="model-alarms" label={t('model.alarms')} columns={columns} rows={found.alarms} rowKey={(a) => String(a.from)} pageSize={8} csvName="alarms" empty={<EmptyState title={t('model.alarms_none')} />} />;
}

function Failures({ found }: { found: ModelBackTest }) {
  const { t, n, span } = useText();
  if (found.failures.length === 0) return <p className="help pb">{t('model.failures_none')}</p>;
  return (
    <ul className="list">
      {found.failures.map((f) => (
        <li key={f.at} data-failure={f.alarm_at === null ? 'missed' : 'found'}>
          <StatusShape shape={f.alarm_at === null ? 'warning' : 'normal'} />
          <div className="grow"><div className="s">{t('model.failure_at')} <When at={f.at} /></div>{f.alarm_at !== null && <div className="cap dim">{t('model.lead')}: {span(Math.max(60_000, f.at - f.alarm_at))}</div>}</div>
          <span className="s b">{f.alarm_at === null ? t('model.missed') : t('model.found')}</span>
        </li>
      ))}
      <li><div className="grow s">{t('model.false_alarms')}: {n(found.false_alarms, 0)} · {t('model.false_per_week')}: {found.false_per_week == null ? t('model.rate_unknown', { span: span(weeksMs(found.judged_weeks)) }) : n(found.false_per_week, 2)}</div></li>
    </ul>
  );
}

function seriesOf(found: ModelBackTest): Series {
  const points = found.points;
  const from = points[0]?.at ?? 0;
  return { signal_id: '', unit: '', provenance: 'rolled_up', from, to: Math.max(points.at(-1)?.at ?? 0, from + 60_000), t: points.map((p) => p.at), v: points.map((p) => p.anomaly), bad: [] };
}

export function BackTest({ asset, version, budget, isInForce, onBudget }: { asset: Asset; version: ModelVersion; budget: number; isInForce: boolean; onBudget: (budget: number) => void }) {
  const { t } = useText();
  const query = useQuery({ queryKey: ['model', asset.id, 'backtest', version.version, budget], queryFn: () => api.backTestModel(asset.id, { version: version.version, alarms_per_week: budget }), placeholderData: (old) => old, staleTime: 60_000 });
  const series = useMemo(() => query.data && seriesOf(query.data), [query.data]);
  const limit = limitAt(version, budget);
  const limits = useMemo(() => ({ low: null, low_low: null, high: limit, high_high: null }), [limit]);
  return (
    <>
      <Pane title={t('model.residuals')} caption={t('model.backtest')} flush={false}>
        <Loaded query={query} what={t('model.loading')} rows={4}>
          {() => (series && series.t.length > 0
            ? <div className="stack"><Trend series={series} label={t('model.residuals')} height={200} axes limits={limits} readout /><p className="cap dim">{t('model.residuals_help')}</p><Budget assetId={asset.id} version={version} budget={budget} onBudget={onBudget} isInForce={isInForce} /></div>
            : <EmptyState title={t('model.backtest_none')} />)}
        </Loaded>
      </Pane>
      {query.data && (
        <div className="grid">
          <div className="c7"><Pane title={t('model.alarms')}><Alarms found={query.data} family={asset.family} /></Pane></div>
          <div className="c5"><Pane title={t('model.failures')}><Failures found={query.data} /></Pane></div>
        </div>
      )}
    </>
  );
}
