// Dashboard: what do I do now. Rail, attention, open incidents, worst assets, freshness.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { IncidentRow, Overview, SourceFreshness, WorstAsset } from '@/api/types';
import { Attention } from '@/components/attention';
import { StatusShape } from '@/components/icons';
import { Bar, Freshness, Sparkline } from '@/components/instruments';
import { AppLink } from '@/components/link';
import { Connectivity, SeverityMark, StatusMark, Tag, When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { PlantBehind } from '@/components/plant-behind';
import { HealthScore, healthStatus } from '@/components/score';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { longDay } from '@/lib/format';
import { InvestigateLink } from './parts/investigate-link';
import { Money } from './parts/plan-money';

function Rail({ o }: { o: Overview }) {
  const { t, n, span } = useText();
  const { counts } = o;
  const all = counts.critical + counts.warning + counts.normal + counts.unknown;
  const hours = o.alerts_by_hour.map((_, i) => i);
  const oldest = o.oldest_open_incident_at;
  const live = o.signals_total > 0 ? (o.signals_live / o.signals_total) * 100 : null;
  return (
    <section className="rail" aria-label={t('dashboard.rail')}>
      <div>
        <div className="k">{t('dashboard.abnormal')}</div>
        <div className="num">{n(counts.critical + counts.warning, 0)} <span className="u">{t('dashboard.of', { n: n(all, 0) })}</span></div>
        <div className="d">
          {(['critical', 'warning', 'unknown'] as const).map((s) => (
            <span key={s} className={`row g1 ${counts[s] === 0 ? 'zero' : ''}`}><StatusShape shape={s} />{n(counts[s], 0)}<span className="sr">{t(`enum.status.${s}`)}</span></span>
          ))}
        </div>
      </div>
      <div>
        <div className="k">{t('dashboard.health')}</div>
        <div className="num">{o.health_mean === null ? <span className="dim">{t('score.not_enough')}</span> : n(o.health_mean, 0)}</div>
        <div className="d">{t('dashboard.health_coverage', { share: n(o.health_coverage * 100, 0) })}</div>
      </div>
      <div>
        <div className="k">{t('dashboard.open_incidents')}</div>
        <div className="num">{n(o.open_incidents, 0)}</div>
        <div className="d">{oldest === null ? t('dashboard.none_open') : t('dashboard.oldest', { span: span(o.at - oldest) })}</div>
      </div>
      <div>
        <div className="k">{t('dashboard.alerts_per_hour')}</div>
        <div className="row"><span className="num">{n(o.alerts_per_hour, 1)}</span><span className="grow"><Sparkline t={hours} v={o.alerts_by_hour} /></span></div>
        <div className="d">{o.alerts_per_hour > 6 && <StatusShape shape="warning" />}{t('dashboard.alerts_target')}</div>
      </div>
      <div>
        <div className="k">{t('dashboard.signals_live')}</div>
        <div className="num">{live === null ? <span className="dim">{t('dashboard.no_signals')}</span> : <>{n(live, 1)} <span className="u">%</span></>}</div>
        <div className="d">{t('dashboard.signals_late', { late: n(o.signals_total - o.signals_live, 0), total: n(o.signals_total, 0) })}</div>
      </div>
    </section>
  );
}

function Incidents({ rows }: { rows: IncidentRow[] }) {
  const { t, n } = useText();
  if (rows.length === 0) return <p className="pb help">{t('dashboard.no_incidents')}</p>;
  return (
    <ul className="list">
      {rows.map((row) => (
        <li key={row.id} className="inc">
          <SeverityMark severity={row.severity} bare />
          <div className="grow">
            <AppLink className="m5" to={`/blackbox/incidents/${row.id}`}>{row.title}</AppLink>
            <div className="cap dim"><Tag>{row.number}</Tag> · <Tag>{row.asset_code}</Tag> · {t('incident.events', { n: row.event_count })}</div>
            <div className="cap dim">{t(`enum.incident_status.${row.status}`)}{row.assignee && <> · <bdi>{row.assignee}</bdi></>}</div>
          </div>
          <When at={row.started_at} />
          <span className="sr">{n(row.event_count, 0)}</span>
        </li>
      ))}
    </ul>
  );
}

function Worst({ rows, scored }: { rows: WorstAsset[]; scored: boolean }) {
  const { t, name, n } = useText();
  const metric = useMetricName();
  if (rows.length === 0) return <p className="pb help">{t(scored ? 'dashboard.all_healthy' : 'dashboard.no_scores')}</p>;
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={t('dashboard.worst')}>
      <table className="tb">
        <thead><tr><th scope="col">{t('field.asset')}</th><th scope="col">{t('field.health')}</th><th scope="col" className="dsk-only">{t('dashboard.top_contributor')}</th></tr></thead>
        <tbody>
          {rows.map((row) => {
            const top = row.assessment.contributors[0];
            const status = healthStatus(row.assessment.health);
            return (
              <tr key={row.asset_id}>
                <td className="two"><AppLink to={`/assets/${row.asset_id}`}><Tag>{row.asset_code}</Tag></AppLink><small>{name(row.asset_names)}</small></td>
                <td><span className="row"><StatusMark status={row.status} bare /><HealthScore health={row.assessment.health} assessment={row.assessment} /><span className="grow"><Bar share={row.assessment.health ?? 0} status={status === 'normal' ? undefined : status} /></span></span></td>
                <td className="dsk-only">{top && top.points > 0 ? <>{metric(top.metric)} <bdi className="q" dir="ltr">{`−${n(top.points, 1)}`}</bdi></> : <span className="dim">{t('score.nothing_lowers')}</span>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Sources({ rows, at }: { rows: SourceFreshness[]; at: number }) {
  const { t } = useText();
  const { may } = useSession();
  if (rows.length === 0) {
    return <EmptyState icon="plug" title={t('empty.integrations')} action={may('integrations.write') && <AppLink className="btn pri" to="/integrations/new">{t('integrations.add')}</AppLink>} />;
  }
  return (
    <ul className="list">
      {rows.map((row) => (
        <li key={row.integration_id} className="src">
          <AppLink className="ell grow" to={`/integrations/${row.integration_id}`}><bdi>{row.name}</bdi></AppLink>
          <Connectivity link={row.connectivity} ageMs={row.last_value_at === null ? null : Math.max(0, at - row.last_value_at)} />
          <Freshness strip={row.strip} label={t('dashboard.strip', { name: row.name })} />
        </li>
      ))}
    </ul>
  );
}

/** Until there is a score, the way there is the news. */
function FirstSteps() {
  const { t, p } = useText();
  const query = useQuery({ queryKey: ['onboarding', p.language], queryFn: api.onboarding });
  if (!query.data) return null;
  const { done, available } = query.data;
  return (
    <div data-notice="first-steps">
      <Notice action={<span className="row wrap"><InvestigateLink small /><AppLink className="btn sm pri" to="/onboarding">{t('page.onboarding')}</AppLink></span>}>{t('dashboard.first_steps', { done, all: available })}</Notice>
    </div>
  );
}

/** The newest plan in one line. */
function PlanCard() {
  const { t, n } = useText();
  const query = useQuery({ queryKey: ['optimization', 'newest'], queryFn: () => api.plans({ limit: 10 }) });
  const run = query.data?.items.find((r) => r.state === 'done');
  if (!run) return <p className="s mid">{query.data ? t('optimization.card_none') : t('optimization.loading')}</p>;
  return (
    <div className="row wrap s" data-card="plan">
      <AppLink className="b" to={`/optimization?run=${run.id}`}><bdi>{run.name || t('optimization.unnamed')}</bdi></AppLink>
      <Tag>{run.run_key}</Tag>
      <span>{t('optimization.in_plan')}: <bdi>{n(run.summary.advised, 0)}</bdi> {t('optimization.of_work', { n: n(run.summary.work, 0) })}</span>
      <span>{t('optimization.risk_reduction')}: <Money value={run.summary.risk_reduction} currency={run.currency} strong /></span>
      <span className="dim"><When at={run.created_at} /></span>
    </div>
  );
}

export default function DashboardPage() {
  const { t, p } = useText();
  const { may } = useSession();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const query = useQuery({ queryKey: ['overview', cursor.asOf], queryFn: () => api.overview(cursor.asOf), refetchInterval, placeholderData: (old) => old });
  return (
    <>
      <PageHead title={t('page.dashboard')} sub={longDay(p, cursor.at)} />
      <Loaded query={query} what={t('dashboard.loading')} rows={8}>
        {(o) => (
          <div className="stack">
            {cursor.t === null && <PlantBehind />}
            {cursor.t === null && o.health_mean === null && may('integrations.read') && <FirstSteps />}
            <Rail o={o} />
            <div className="grid stretch">
              <Pane className="c8" title={t('dashboard.attention')} caption={t('dashboard.attention_order')} end={<AppLink to="/alerts">{t('dashboard.all_alerts')}</AppLink>}>
                <Attention rows={o.attention} at={o.at} />
              </Pane>
              <Pane className="c4" title={t('dashboard.open_incidents')} end={<AppLink to="/blackbox">{t('page.blackbox')}</AppLink>}>
                <Incidents rows={o.incidents} />
              </Pane>
              {cursor.t === null && may('optimization.read') && <Pane className="c12" title={t('optimization.card')} end={<AppLink to="/optimization">{t('optimization.card_open')}</AppLink>} flush={false}><PlanCard /></Pane>}
              <Pane className="c7" title={t('dashboard.worst')} end={<AppLink to="/assets">{t('dashboard.all_assets')}</AppLink>}>
                <Worst rows={o.worst_assets} scored={o.health_mean !== null} />
              </Pane>
              <Pane className="c5" title={t('dashboard.freshness')} caption={t('dashboard.last_24h')}>
                <Sources rows={o.sources} at={o.at} />
              </Pane>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
