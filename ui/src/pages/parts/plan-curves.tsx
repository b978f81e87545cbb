// What waiting costs, by day: expected cost with its interval, the cheapest day, and what would change the answer.
import { useState } from 'react';
import type { DeferralCurve, ScenarioDetail } from '@/api/types';
import { Segment, Select } from '@/components/fields';
import { EmptyState } from '@/components/notices';
import { Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { chanceDecimals } from '@/lib/format';
import { csvInCurrency, Money } from './plan-money';

type Day = DeferralCurve['days'][number];

function Chart({ curve, currency }: { curve: DeferralCurve; currency: string }) {
  const { t, n } = useText();
  const last = Math.max(1, curve.days.length - 1);
  const top = Math.max(...curve.days.map((d) => d.high), 1) * 1.05;
  const x = (day: number) => (day / last) * 100;
  const y = (cost: number) => 100 - (cost / top) * 100;
  const line = (of: (d: Day) => number) => curve.days.map((d) => `${x(d.days_deferred).toFixed(2)} ${y(of(d)).toFixed(2)}`).join('L');
  const back = [...curve.days].reverse().map((d) => `${x(d.days_deferred).toFixed(2)} ${y(d.low).toFixed(2)}`).join('L');
  return (
    <div className="curve" role="img" aria-label={`${t('optimization.curve_of')}: ${curve.asset_code}. ${t('optimization.cheapest', { n: n(curve.cheapest_day, 0) })}`}>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {[0, 25, 50, 75, 100].map((v) => <path key={v} d={`M0 ${v}H100`} stroke="var(--line)" vectorEffect="non-scaling-stroke" />)}
        <path d={`M${line((d) => d.high)}L${back}Z`} fill="var(--band)" opacity=".8" />
        <path d={`M${x(curve.cheapest_day)} 0V100`} stroke="var(--ink-3)" strokeDasharray="4 3" vectorEffect="non-scaling-stroke" />
        <path d={`M${line((d) => d.expected_cost)}`} fill="none" stroke="var(--ink)" strokeWidth="1.8" vectorEffect="non-scaling-stroke" />
      </svg>
      {[0, 50, 100].map((v) => <span key={v} className="y" style={{ insetInlineEnd: 'calc(100% + 6px)', top: `calc(${v}% - 9px)` }}>{n(top * (1 - v / 100), 0)}</span>)}
      <span className="y" style={{ insetInlineEnd: 'calc(100% + 6px)', top: '-26px' }}>{currency}</span>
      {[0, Math.round(last / 2), last].map((d) => <span key={d} className="x" style={{ insetInlineStart: `calc(${x(d)}% - ${d === 0 ? 0 : d === last ? 44 : 22}px)`, top: 'calc(100% + 6px)' }}><bdi dir="auto">{t('optimization.day_n', { n: n(d, 0) })}</bdi></span>)}
    </div>
  );
}

/** So many decimals that two values that differ are not written alike. */
export const decimalsApart = (a: number, b: number): number => [1, 2, 3, 4].find((d) => a.toFixed(d) !== b.toFixed(d)) ?? 4;

export function Curves({ detail }: { detail: ScenarioDetail }) {
  const { t, n, word } = useText();
  const [chosen, setChosen] = useState('');
  const [as, setAs] = useState<'chart' | 'table'>('chart');
  const currency = detail.scenario.currency;
  const curve = detail.curves.find((c) => c.asset_id === chosen) ?? detail.curves[0];
  if (!curve || !currency) return <section className="pane"><EmptyState title={t('optimization.no_curves')} /></section>;
  const columns: Column<Day>[] = [
    { key: 'day', title: t('optimization.when'), cell: (d) => t('optimization.day_n', { n: n(d.days_deferred, 0) }), csv: (d) => d.days_deferred },
    { key: 'probability', title: t('optimization.probability'), end: true, cell: (d) => <bdi dir="ltr">{`${n(d.failure_probability * 100, chanceDecimals(d.failure_probability))} %`}</bdi>, csv: (d) => d.failure_probability },
    { key: 'expected', title: t('optimization.expected'), end: true, cell: (d) => <Money value={d.expected_cost} currency={currency} />, csvKey: csvInCurrency('expected', currency), csv: (d) => d.expected_cost },
    { key: 'low', title: t('optimization.low'), end: true, cell: (d) => <Money value={d.low} currency={currency} />, csvKey: csvInCurrency('low', currency), csv: (d) => d.low },
    { key: 'high', title: t('optimization.high'), end: true, cell: (d) => <Money value={d.high} currency={currency} />, csvKey: csvInCurrency('high', currency), csv: (d) => d.high },
  ];
  return (
    <div className="grid">
      <div className="c7"><Pane title={t('optimization.tab.deferral')} caption={t('optimization.curve_of')} end={<><Select label={t('optimization.asset')} value={curve.asset_id} onChange={setChosen} options={detail.curves.map((c) => ({ value: c.asset_id, label: c.asset_code }))} /><Segment small label={t('optimization.view')} value={as} onChange={setAs} options={[{ value: 'chart', label: t('optimization.as_chart') }, { value: 'table', label: t('optimization.as_table') }]} /></>}>
        {as === 'chart' ? <div className="pb"><Chart curve={curve} currency={currency} /></div> : <div className="curve-list"><DataTable id="curve" label={t('optimization.tab.deferral')} columns={columns} rows={curve.days} rowKey={(d) => String(d.days_deferred)} pageSize={100} csvName={`deferral-${curve.asset_code}`} empty={null} /></div>}
      </Pane></div>
      <div className="c5"><Pane title={t('optimization.flips')} flush={false}>
        <div className="stack">
          <p className="prose">{t('optimization.cheapest', { n: n(curve.cheapest_day, 0) })}. {t('optimization.pays_until', { n: n(curve.pays_until_day, 0) })}</p>
          {curve.flip_points.length === 0
            ? <p className="help">{t('optimization.no_flip')}</p>
            : <ul className="plan-why">{curve.flip_points.map((f) => <li key={f.input}>{t('optimization.flip', { input: word('plan_input', f.input), value: n(f.value, decimalsApart(f.value, f.flips_at)), flips: n(f.flips_at, decimalsApart(f.value, f.flips_at)), day: n(f.cheapest_day, 0), rank: n(f.rank, 0) })}</li>)}</ul>}
          <p className="help">{t('optimization.flip_bounds')}</p>
        </div>
      </Pane></div>
    </div>
  );
}
