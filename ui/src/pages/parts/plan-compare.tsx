// Two runs side by side: figures, what was asked differently, and the work they treat differently.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { Scenario, ScenarioComparison } from '@/api/types';
import { Select } from '@/components/fields';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { Money } from './plan-money';

/** The name keeps its own direction, also in a list that holds text alone. */
export const runName = (run: Scenario, unnamed: string) => `\u2068${run.name || unnamed}\u2069 · ${run.run_key}`;

function Side({ both }: { both: ScenarioComparison }) {
  const { t, n, word, comma } = useText();
  const runs = [both.a, both.b];
  const money = (key: 'current_risk' | 'optimized_risk' | 'risk_reduction' | 'planned_cost' | 'bound') => runs.map((run) => <Money key={run.id} value={run.summary[key]} currency={run.currency} />);
  const hours = (key: 'travel_hours' | 'overtime_hours') => runs.map((run) => (run.summary[key] === null ? '—' : n(run.summary[key], 1)));
  const lines: [string, React.ReactNode[]][] = [
    ['optimization.in_plan', runs.map((r) => n(r.summary.advised, 0))],
    ['optimization.current_risk', money('current_risk')],
    ['optimization.optimized_risk', money('optimized_risk')],
    ['optimization.risk_reduction', money('risk_reduction')],
    ['optimization.planned_cost', money('planned_cost')],
    ['optimization.bound', money('bound')],
    ['optimization.travel', hours('travel_hours')],
    ['optimization.overtime', hours('overtime_hours')],
    ['optimization.not_placed', runs.map((r) => n(r.summary.not_placed, 0))],
  ];
  return (
    <div className="stack" data-compare="">
      <table className="tb">
        <thead><tr><th scope="col">{t('optimization.value')}</th>{runs.map((r, i) => <th key={r.id} scope="col" className="r">{t(i === 0 ? 'optimization.this' : 'optimization.other')} <bdi>{r.name}</bdi> <Tag>{r.run_key}</Tag></th>)}</tr></thead>
        <tbody>{lines.map(([key, cells]) => <tr key={key}><th scope="row">{t(key)}</th>{cells.map((cell, i) => <td key={runs[i]!.id} className="r">{cell}</td>)}</tr>)}</tbody>
      </table>
      <div className="pb stack">
        <p className="s">{both.changed.length === 0 ? t('optimization.same_request') : t('optimization.changed', { fields: both.changed.map((f) => word('plan_field', f)).join(comma) })}</p>
        {both.differences.length === 0
          ? <p className="s">{t('optimization.same_plan')}</p>
          : (
            <table className="tb">
              <caption className="sr">{t('optimization.differences')}</caption>
              <thead><tr><th scope="col">{t('optimization.asset')}</th><th scope="col">{t('optimization.this')}</th><th scope="col">{t('optimization.other')}</th></tr></thead>
              <tbody>{both.differences.map((d) => <tr key={d.asset_id}><td><Tag>{d.asset_code}</Tag></td>{([[d.a_start_at, d.a_is_advised], [d.b_start_at, d.b_is_advised]] as const).map(([at, isIn], i) => <td key={i}>{at === null ? <span className="dim">{t(isIn ? 'optimization.no_place' : 'optimization.not_in')}</span> : <When at={at} />}</td>)}</tr>)}</tbody>
            </table>
          )}
      </div>
    </div>
  );
}

export function Compare({ run, runs }: { run: Scenario; runs: Scenario[] }) {
  const { t } = useText();
  const [other, setOther] = useParameter('with');
  const others = runs.filter((r) => r.id !== run.id && r.finished_at !== null);
  const query = useQuery({ queryKey: ['optimization', 'compare', run.id, other], queryFn: () => api.compareScenarios(run.id, other), enabled: other !== '' });
  return (
    <Pane title={t('optimization.tab.compare')} end={<Select label={t('optimization.compare_with')} value={other} onChange={(v) => setOther(v || null)} options={[{ value: '', label: t('optimization.compare_pick') }, ...others.map((r) => ({ value: r.id, label: runName(r, t('optimization.unnamed')) }))]} />}>
      {other === '' ? <EmptyState title={t('optimization.compare_pick')} /> : <Loaded query={query} what={t('optimization.loading')}>{(both) => <Side both={both} />}</Loaded>}
    </Pane>
  );
}
