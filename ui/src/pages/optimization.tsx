// Optimisation: ask for a plan, watch it converge, read why, compare, publish. A plan is shown only after an independent
// checker went through it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { OptimizationStatus, Scenario, ScenarioDetail } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { exportUrl } from '@/components/export-menu';
import { Icon, StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { Compare, runName } from './parts/plan-compare';
import { Curves } from './parts/plan-curves';
import { PlanForm } from './parts/plan-form';
import { Gantt } from './parts/plan-gantt';
import { RankedList } from './parts/plan-list';
import { Money } from './parts/plan-money';
import '@/styles/plan.css';

const TABS = ['list', 'schedule', 'deferral', 'compare', 'inputs'] as const;

/** Incumbent, bound and gap while a run is at work. */
function Progress({ job, scenario }: { job: NonNullable<OptimizationStatus['job']>; scenario: string }) {
  const { t, n, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const stand = job.optimization;
  const percent = Math.round(job.progress * 100);
  const gap = useGap();
  const shown = (value: number | null | undefined) => (value === null || value === undefined ? '—' : n(value, 0));
  const hasBound = stand?.gap !== null && stand?.gap !== undefined && stand.gap < 1;
  const stop = async () => { await api.cancelScenario(scenario); await client.invalidateQueries({ queryKey: ['optimization'] }); };
  return (
    <Pane title={t('optimization.progress')} caption={stand?.model ? word('plan_model', stand.model) : undefined} flush={false} end={may('optimization.run') && !job.is_cancelling && <button type="button" className="btn sm" data-action="stop-plan" onClick={() => void stop().catch(toasts.failed)}>{t('optimization.stop')}</button>}>
      <div className="stack" data-plan-progress={percent}>
        <div className="bar" role="progressbar" aria-label={t('optimization.progress')} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ inlineSize: `${percent}%` }} /></div>
        <dl className="plan-live" aria-live="polite">
          <div><dt>{t('optimization.incumbent')}</dt><dd><bdi dir="ltr">{shown(stand?.incumbent)}</bdi></dd></div>
          <div><dt>{t('optimization.bound')}</dt><dd><bdi dir="ltr">{hasBound ? shown(stand.bound) : '—'}</bdi></dd></div>
          <div><dt>{t('optimization.gap')}</dt><dd><bdi>{stand?.gap === null || stand?.gap === undefined ? '—' : gap(stand.gap)}</bdi></dd></div>
        </dl>
      </div>
    </Pane>
  );
}

/** A bound no farther from zero than the plan itself says nothing: then there is none. */
function useGap() {
  const { t, n } = useText();
  return (gap: number) => (gap >= 1 ? t('optimization.no_bound') : `${n(gap * 100, 2)} %`);
}

/** How far each part of the plan may be from the best one; none of them stands for another. */
function Gaps({ detail }: { detail: ScenarioDetail }) {
  const { t, word } = useText();
  const shown = useGap();
  const parts = detail.models.filter((m) => m.state === 'plan' && m.gap !== null);
  const isOptimal = parts.length > 0 && parts.every((m) => m.gap !== null && m.gap <= 1e-6);
  return (
    <>
      {parts.map((m) => <div key={m.model} className="s" data-gap={m.model}>{word('plan_model', m.model)}: <bdi>{shown(m.gap ?? 0)}</bdi></div>)}
      {isOptimal && <div>{t('optimization.optimal')}</div>}
    </>
  );
}

function Figures({ detail }: { detail: ScenarioDetail }) {
  const { t, n } = useText();
  const shown = useGap();
  const run = detail.scenario;
  const s = run.summary;
  const cells: [string, React.ReactNode, React.ReactNode][] = [
    ['optimization.in_plan', n(s.advised, 0), t('optimization.of_work', { n: n(s.work, 0) })],
    ['optimization.current_risk', <Money value={s.current_risk} currency={run.currency} />, null],
    ['optimization.optimized_risk', <Money value={s.optimized_risk} currency={run.currency} />, null],
    ['optimization.risk_reduction', <Money value={s.risk_reduction} currency={run.currency} />, null],
    ['optimization.gap', s.gap === null ? '—' : <bdi>{shown(s.gap)}</bdi>, <Gaps detail={detail} />],
  ];
  return <div className="rail">{cells.map(([key, value, d]) => <div key={key}><div className="k">{t(key)}</div><div className="b">{value}</div><div className="d">{d}</div></div>)}</div>;
}

function Inputs({ detail }: { detail: ScenarioDetail }) {
  const { t, n, name, word, comma } = useText();
  const gap = useGap();
  const run = detail.scenario;
  const asked = run.request;
  const sites = useQuery({ queryKey: ['sites'], queryFn: api.sites, enabled: run.request.site_id !== null });
  const site = sites.data?.find((s) => s.id === run.request.site_id);
  return (
    <div className="grid">
      <div className="c7"><Pane title={t('optimization.notes')} flush={false}>
        {detail.notes.length === 0 ? <p className="s">{t('optimization.no_notes')}</p> : <ul className="list">{detail.notes.map((m) => <li key={m.code} className="plan-note" data-note={m.code}><Icon name="info" /><span className="s">{m.message}</span></li>)}</ul>}
      </Pane></div>
      <div className="c5 stack">
        <Pane title={t('optimization.models')}>
          <ul className="list">{detail.models.map((m) => (
            <li key={m.model} data-model={m.model} data-state={m.state}>
              <div className="grow">
                <div><b>{word('plan_model', m.model)}</b> — {word('plan_outcome', m.state)}{m.gap !== null && <> · {t('optimization.gap')} <bdi>{gap(m.gap)}</bdi></>}</div>
                {m.is_checked && <div className="cap dim">{t('optimization.checked')}</div>}
                {m.state !== 'infeasible' && m.reasons.map((r, i) => <div key={i} className="s">{r.message}</div>)}
              </div>
            </li>
          ))}</ul>
        </Pane>
        <Pane flush={false}>
          <dl className="kv">
            <dt>{t('optimization.run_key')}</dt><dd><Tag>{run.run_key}</Tag></dd>
            <dt>{t('optimization.as_of')}</dt><dd><When at={run.as_of} /></dd>
            <dt>{t('optimization.cost_version')}</dt><dd>{run.cost_model_version === null ? t('optimization.no_version') : n(run.cost_model_version, 0)}</dd>
            <dt>{t('optimization.horizon')}</dt><dd data-asked="horizon">{t('optimization.days', { n: asked.horizon_days ?? 0 })}</dd>
            <dt>{t('optimization.budget')}</dt><dd data-asked="budget"><Money value={asked.budget ?? null} currency={run.currency} /></dd>
            <dt>{t('optimization.must_do')}</dt><dd data-asked="must_do">{detail.must_do.length === 0 ? '—' : detail.must_do.map((x) => <MustDoName key={x.asset_id} of={x} />)}</dd>
            <dt>{t('optimization.without')}</dt><dd data-asked="without">{(asked.without_technicians ?? []).map((id) => detail.technicians.find((x) => x.id === id)).map((x) => (x ? name(x.names) : '—')).join(comma) || '—'}</dd>
            <dt>{t('optimization.risk_appetite')}</dt><dd data-asked="risk">{asked.risk_appetite !== null && asked.risk_appetite !== undefined ? n(asked.risk_appetite, 2) : run.cost_model_version === null ? '—' : t('optimization.risk_of_model')}</dd>
            <dt>{t('optimization.production_factor')}</dt><dd data-asked="production"><bdi dir="ltr">{n((asked.production_factor ?? 1) * 100, 0)} %</bdi></dd>
            <dt>{t('optimization.crew_factor')}</dt><dd data-asked="crew"><bdi dir="ltr">{n((asked.crew_factor ?? 1) * 100, 0)} %</bdi></dd>
            <dt>{t('optimization.site')}</dt><dd data-asked="site">{run.request.site_id === null ? t('header.all_sites') : <bdi>{site ? name(site.names) : '—'}</bdi>}</dd>
            <dt>{t('optimization.overtime_minutes')}</dt><dd data-asked="overtime">{n(run.request.overtime_minutes ?? 0, 0)}</dd>
            <dt>{t('optimization.travel_minutes')}</dt><dd data-asked="travel">{n(run.request.travel_minutes ?? 0, 0)}</dd>
            <dt>{t('optimization.seed')}</dt><dd><bdi dir="ltr">{run.request.seed}</bdi></dd>
            <dt>{t('optimization.iterations')}</dt><dd><bdi dir="ltr">{run.request.iterations}</bdi></dd>
            <dt>{t('optimization.program')}</dt><dd><Tag>{run.program}</Tag></dd>
          </dl>
        </Pane>
      </div>
    </div>
  );
}

/** Work that was to be done in any case: which, where, and whether the run left it out. */
function MustDoName({ of }: { of: ScenarioDetail['must_do'][number] }) {
  const { t, name } = useText();
  if (of.code === null) return <div>{t('optimization.must_do_gone')}</div>;
  return (
    <div className="row wrap">
      <AppLink to={`/assets/${of.asset_id}`}><Tag>{of.code}</Tag></AppLink>
      <bdi>{name(of.names)}</bdi>
      {of.site_code !== null && <small className="dim"><Tag>{of.site_code}</Tag></small>}
      {of.is_left_out && <span className="chip warning">{t('optimization.must_do_out')}</span>}
    </div>
  );
}

function Plan({ detail, runs }: { detail: ScenarioDetail; runs: Scenario[] }) {
  const { t, p, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [confirm, dialog] = useConfirm();
  const run = detail.scenario;
  const tab = TABS.find((x) => x === parameters.get('tab')) ?? 'list';
  const remove = () => confirm({ title: t('optimization.delete_title', { run: run.run_key }), body: t('optimization.delete_body'), action: t('optimization.delete'), danger: true, run: async () => { await api.deleteScenario(run.id); change({ run: null, with: null }); await client.invalidateQueries({ queryKey: ['optimization'] }); } });
  // Two models may find the same contradiction; it is said once.
  const conflicts = (proven: boolean) => [...new Set(detail.models.filter((m) => m.state === 'infeasible' && m.is_proven === proven).flatMap((m) => m.reasons.map((r) => r.message)))];
  const file = `/api/optimization/scenarios/${run.id}/export`;
  return (
    <div className="stack" data-plan={run.state} data-run={run.run_key}>
      <div className="row wrap">
        <h2><bdi>{run.name || t('optimization.unnamed')}</bdi></h2>
        <Tag>{run.run_key}</Tag>
        <span className="s mid">{word('plan_state', run.state)}</span>
        {run.is_demo && <span className="chip demo">{word('connectivity', 'demo')}</span>}
        <span className="end row">
          <a className="btn sm" href={`/api/optimization/scenarios/${run.id}/report.pdf?lang=both`} data-action="plan-pdf" download><Icon name="download" />{t('optimization.export_pdf')}</a>
          <a className="btn sm" href={exportUrl(file, {}, 'xlsx', p.language)} download><Icon name="download" />{t('optimization.export_xlsx')}</a>
          <a className="btn sm quiet" href={exportUrl(file, {}, 'json', p.language)} download>{t('optimization.export_json')}</a>
          {may('optimization.run') && run.finished_at !== null && <button type="button" className="btn sm quiet" onClick={remove}><Icon name="trash" />{t('optimization.delete')}</button>}
        </span>
      </div>
      {([true, false] as const).map((proven) => conflicts(proven).length > 0 && <Notice key={String(proven)} tone={proven ? 'critical' : 'warning'}><span data-proven={proven}>{t(proven ? 'optimization.infeasible' : 'optimization.not_found')}</span><ul className="plan-why">{conflicts(proven).map((message) => <li key={message}>{message}</li>)}</ul></Notice>)}
      {run.finished_at !== null && <Figures detail={detail} />}
      <nav className="tabs" aria-label={t('optimization.tabs')}>{TABS.map((x) => <button key={x} type="button" className="link" data-tab={x} aria-current={x === tab ? 'page' : undefined} onClick={() => change({ tab: x === 'list' ? null : x })}>{t(`optimization.tab.${x}`)}</button>)}</nav>
      {tab === 'list' && <RankedList key={run.id} detail={detail} />}
      {tab === 'schedule' && <Gantt detail={detail} />}
      {tab === 'deferral' && <Curves detail={detail} />}
      {tab === 'compare' && <Compare run={run} runs={runs} />}
      {tab === 'inputs' && <Inputs detail={detail} />}
      {dialog}
    </div>
  );
}

function Runs({ runs, chosen, choose }: { runs: Scenario[]; chosen: string; choose: (id: string) => void }) {
  const { t, word, n } = useText();
  return (
    <Pane title={t('optimization.runs')}>
      <ul className="list">
        {runs.map((run) => (
          <li key={run.id} data-scenario={run.state}>
            <StatusShape shape={run.state === 'infeasible' || run.state === 'failed' ? 'warning' : 'normal'} />
            <div className="grow">
              <button type="button" className="link b" aria-current={run.id === chosen ? 'true' : undefined} onClick={() => choose(run.id)}><bdi>{runName(run, t('optimization.unnamed'))}</bdi></button>
              <div className="cap dim">{word('plan_state', run.state)} · {t('optimization.in_plan')} {n(run.summary.advised, 0)} · <When at={run.created_at} /></div>
            </div>
            <Money value={run.summary.risk_reduction} currency={run.currency} />
          </li>
        ))}
      </ul>
    </Pane>
  );
}

export default function OptimizationPage() {
  const { t, p } = useText();
  const refetchInterval = useRefresh(null);
  const [parameters, change] = useParameters();
  const status = useQuery({ queryKey: ['optimization', 'status', p.language], queryFn: api.optimizationStatus, refetchInterval: (q) => (q.state.data?.job ? 700 : (refetchInterval || 5_000)) });
  const working = status.data?.job?.optimization?.scenario_id ?? '';
  const runs = useQuery({ queryKey: ['optimization', 'runs', working], queryFn: () => api.plans({ limit: 100 }) });
  const list = runs.data?.items ?? [];
  const chosen = parameters.get('run') ?? (list.find((r) => r.finished_at !== null) ?? list[0])?.id ?? '';
  const detail = useQuery({ queryKey: ['optimization', 'run', chosen, p.language, working === chosen], queryFn: () => api.plan(chosen), enabled: chosen !== '', refetchInterval: (q) => (q.state.data && q.state.data.scenario.finished_at === null ? 1_000 : false) });
  return (
    <>
      <PageHead title={t('page.optimization')} sub={t('optimization.sub')} />
      <Loaded query={status} what={t('optimization.loading')}>
        {(now) => (
          <div className="stack">
            {!now.is_enabled && <Notice tone="warning"><b>{t('optimization.off')}</b><div>{t('optimization.off_why', { why: now.message?.message ?? '' })}</div></Notice>}
            {now.is_enabled && now.message && <Notice tone="warning" action={<AppLink className="btn sm" to="/integrations?tab=costs">{t('optimization.no_money')}</AppLink>}>{now.message.message}</Notice>}
            {now.is_enabled && <PlanForm key={now.cost_model_version ?? 0} status={now} busy={now.job !== null} onStarted={(id) => { change({ run: id, tab: null, with: null }); void runs.refetch(); }} />}
            {now.job && working && <Progress job={now.job} scenario={working} />}
            {chosen === ''
              ? runs.isSuccess && <section className="pane"><EmptyState title={t('optimization.none')}>{t(now.is_enabled ? 'optimization.none_why' : 'optimization.none_off')}</EmptyState></section>
              : <Loaded query={detail} what={t('optimization.loading')}>{(data) => (data.scenario.finished_at === null ? null : <Plan detail={data} runs={list} />)}</Loaded>}
            {list.length > 0 && <Runs runs={list} chosen={chosen} choose={(id) => change({ run: id, with: null })} />}
          </div>
        )}
      </Loaded>
    </>
  );
}
