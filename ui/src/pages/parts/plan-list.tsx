// The ranked list with reasons and money, and the separate step that turns chosen advice into work orders.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { PublishAnswer, Recommendation, ScenarioDetail } from '@/api/types';
import { ConfirmDialog } from '@/components/dialog';
import { Field } from '@/components/fields';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { chanceDecimals, utc } from '@/lib/format';
import { csvInCurrency, Money } from './plan-money';

/** Kinds that take work orders. */
const MAINTENANCE = ['sap_pm', 'oracle_eam'];

function Publish({ detail, chosen, onDone, onClose }: { detail: ScenarioDetail; chosen: string[]; onDone: (answer: PublishAnswer) => void; onClose: () => void }) {
  const { t } = useText();
  const [target, setTarget] = useState('');
  const query = useQuery({ queryKey: ['integrations'], queryFn: api.integrations });
  const systems = (query.data ?? []).filter((i) => MAINTENANCE.includes(i.kind) && i.is_enabled);
  const ask = {
    title: t('optimization.publish_title', { n: chosen.length }),
    action: t('optimization.publish', { n: chosen.length }),
    body: (
      <div className="stack">
        <p>{t('optimization.publish_body')}</p>
        {systems.length > 0 && <Field label={t('optimization.publish_to')}>{(p) => <select {...p} className="in" name="publish_to" value={target} onChange={(e) => setTarget(e.target.value)}><option value="">{t('optimization.publish_here')}</option>{systems.map((s) => <option key={s.id} value={s.id}>{s.name}</option>)}</select>}</Field>}
      </div>
    ),
    run: async () => onDone(await api.publishScenario(detail.scenario.id, { recommendation_ids: chosen, integration_id: target || null })),
  };
  return <ConfirmDialog ask={ask} onClose={onClose} />;
}

/** Where to go for what a plan lacked. */
const REMEDIES: [code: string, to: string, words: string][] = [
  ['optimization.no_work', '/assets', 'optimization.empty_scores'],
  ['optimization.note.no_health', '/assets', 'optimization.empty_scores'],
  ['optimization.note.old_health', '/assets', 'optimization.empty_scores'],
  ['optimization.note.no_technicians', '/technicians', 'optimization.empty_people'],
  ['cost_models.not_set', '/integrations?tab=costs', 'optimization.empty_costs'],
  ['optimization.note.no_cost_model', '/integrations?tab=costs', 'optimization.empty_costs'],
];

/** A finished plan without work says why, and what to do about it. */
function NothingToPlan({ detail }: { detail: ScenarioDetail }) {
  const { t } = useText();
  const said = new Map([...detail.models.flatMap((m) => m.reasons), ...detail.notes].map((m) => [m.message, m.code]));
  const codes = new Set(said.values());
  const ways = REMEDIES.filter(([code], i) => codes.has(code) && !REMEDIES.slice(0, i).some(([c, to]) => codes.has(c) && to === REMEDIES[i]![1]));
  return (
    <EmptyState title={t('optimization.empty_plan')} action={ways.length > 0 && <>{ways.map(([code, to, words]) => <AppLink key={code} className="btn" to={to}>{t(words)}</AppLink>)}</>}>
      {t('optimization.empty_why')}
      {[...said].map(([message, code]) => <span key={message} style={{ display: 'block' }} data-why={code}>{message}</span>)}
    </EmptyState>
  );
}

function Why({ message }: { message: string }) {
  const { t } = useText();
  return <><span className="m5">{t('optimization.why')}</span> · {message}</>;
}

export function RankedList({ detail }: { detail: ScenarioDetail }) {
  const { t, n, name, word, comma } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const [chosen, setChosen] = useState<string[]>([]);
  const [asking, setAsking] = useState(false);
  const [answer, setAnswer] = useState<PublishAnswer | null>(null);
  const currency = detail.scenario.currency;
  // A chance is never 0, and not shown as 0.
  const percent = (share: number) => `${n(share * 100, chanceDecimals(share))}\u00a0%`;
  const chance = (r: Recommendation) => (r.chance ? t('optimization.chance_of', { chance: percent(r.failure_probability), low: percent(r.chance.low), high: percent(r.chance.high) }) : percent(r.failure_probability));
  const open = detail.recommendations.filter((r) => r.is_advised && r.planned_start_at !== null && r.work_order_id === null && !r.held);
  const picks = chosen.filter((id) => open.some((r) => r.id === id));
  const publishes = may('optimization.publish') && detail.scenario.finished_at !== null && !['infeasible', 'failed'].includes(detail.scenario.state);
  const toggle = (id: string) => setChosen(picks.includes(id) ? picks.filter((x) => x !== id) : [...picks, id]);
  const columns: Column<Recommendation>[] = [
    ...(publishes ? [{ key: 'choose', title: '', cell: (r: Recommendation) => (r.is_advised && r.planned_start_at !== null && r.work_order_id === null ? <input type="checkbox" className="chkbox" aria-label={t('optimization.choose', { asset: r.asset_code })} checked={picks.includes(r.id)} onChange={() => toggle(r.id)} disabled={Boolean(r.held)} title={r.held?.message} data-held={r.held?.code} /> : null) }] : []),
    { key: 'rank', title: t('optimization.rank'), end: true, sort: (r) => r.rank, csv: (r) => r.rank, cell: (r) => n(r.rank, 0) },
    { key: 'asset', title: t('optimization.asset'), sort: (r) => r.asset_code, csv: (r) => r.asset_code, cell: (r) => <span className="two"><AppLink to={`/assets/${r.asset_id}`}><Tag>{r.asset_code}</Tag></AppLink><small>{name(r.asset_names)}{r.order && <> · <Tag>{r.order}</Tag></>}</small></span> },
    { key: 'score', title: t('optimization.score'), end: true, sort: (r) => r.score, csv: (r) => r.score, cell: (r) => <span className="two"><bdi>{n(r.score, 1)}</bdi><small>{word('plan_class', r.class)}</small></span> },
    { key: 'chance', title: t('optimization.chance'), end: true, sort: (r) => r.failure_probability, csv: (r) => [chance(r), r.chance && word('plan_chance', r.chance.basis)].filter(Boolean).join('; '), cell: (r) => <span className="two" data-chance={r.chance?.basis} title={r.chance?.lab_withheld?.message}><bdi dir="ltr" className="nw">{chance(r)}</bdi>{r.chance && <small>{word('plan_chance', r.chance.basis)}</small>}</span> },
    { key: 'avoided', title: t('optimization.avoided'), end: true, sort: (r) => r.expected_cost_avoided, csvKey: csvInCurrency('avoided', currency), csv: (r) => r.expected_cost_avoided, cell: (r) => <Money value={r.expected_cost_avoided} currency={currency} strong /> },
    { key: 'cost', title: t('optimization.cost'), end: true, sort: (r) => r.planned_cost, csvKey: csvInCurrency('cost', currency), csv: (r) => r.planned_cost, cell: (r) => <Money value={r.planned_cost} currency={currency} /> },
    { key: 'when', title: t('optimization.when'), sort: (r) => r.planned_start_at, csv: (r) => r.planned_start_at && utc(r.planned_start_at), cell: (r) => (r.is_advised && r.planned_start_at !== null ? <When at={r.planned_start_at} /> : <span className="dim">{t(r.is_advised ? 'optimization.no_place' : 'optimization.not_planned')}</span>) },
    { key: 'who', title: t('optimization.who'), csv: (r) => r.technicians.map((x) => name(x.names)).join('; '), cell: (r) => <bdi>{r.technicians.map((x) => name(x.names)).join(comma) || '—'}</bdi>, wideOnly: true },
    { key: 'why', title: t('optimization.why'), csv: (r) => r.reasons.map((x) => x.message).join(' '), cell: () => null, fileOnly: true },
    { key: 'published', title: t('optimization.published_as'), csv: (r) => r.work_order_id, cell: (r) => (r.work_order_id ? <AppLink to={`/work-orders?order=${r.work_order_id}`}>{t('optimization.published_as')}</AppLink> : '') },
  ];
  // Sentences, which a column among numbers would break into many lines.
  const why = (r: Recommendation) => (r.reasons.length > 0 || (r.held && r.is_advised)) && (
    <div className="s mid why">
      {r.held && r.is_advised && <p>{r.held.message}</p>}
      {r.reasons.length > 1 && <details><summary><Why message={r.reasons[0]!.message} /></summary><ul className="plan-why">{r.reasons.slice(1).map((x) => <li key={x.code}>{x.message}</li>)}</ul></details>}
      {r.reasons.length === 1 && <p><Why message={r.reasons[0]!.message} /></p>}
    </div>
  );
  const end = publishes && open.length > 0 && (
    <>
      <label className="chk"><input type="checkbox" checked={picks.length === open.length} onChange={() => setChosen(picks.length === open.length ? [] : open.map((r) => r.id))} />{t('optimization.choose_all')}</label>
      <button type="button" className="btn pri sm" data-action="publish-plan" disabled={picks.length === 0} onClick={() => setAsking(true)}>{t('optimization.publish', { n: picks.length })}</button>
    </>
  );
  return (
    <Pane title={t('optimization.tab.list')} end={end}>
      {answer && (
        <div className="pb" data-published={answer.written.length + answer.moved.length}>
          <Notice tone={answer.left.length + answer.not_handed_in.length > 0 ? 'warning' : 'plain'} action={<AppLink className="btn sm" to="/work-orders">{t('optimization.open_orders')}</AppLink>}>
            {t('optimization.published_done', { written: n(answer.written.length, 0), moved: n(answer.moved.length, 0), handed: n(answer.handed_in.length, 0) })}
            {[...answer.left, ...answer.not_handed_in].map((m, i) => <div key={i} className="s">{m.message}</div>)}
          </Notice>
        </div>
      )}
      <DataTable id="advice" label={t('optimization.tab.list')} columns={columns} rows={detail.recommendations} rowKey={(r) => r.id} under={{ from: 'asset', cell: why }} csvName={`plan-${detail.scenario.run_key}`} empty={<NothingToPlan detail={detail} />} />
      {asking && <Publish detail={detail} chosen={picks} onClose={() => setAsking(false)} onDone={(done) => { setAnswer(done); setChosen([]); void client.invalidateQueries({ queryKey: ['optimization'] }); void client.invalidateQueries({ queryKey: ['work-orders'] }); }} />}
    </Pane>
  );
}
