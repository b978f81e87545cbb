// Run AI & Optimisation: the button that starts it and the strip that shows how far it is.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Job, JobStep } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Icon, StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Since } from '@/components/marks';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import '@/styles/integrations.css';

const working = (job: Job) => job.state === 'queued' || job.state === 'running';

/** The newest job of one connection, or of all of them together. */
export function useJob(integration: string | null): Job | undefined {
  const { p } = useText();
  const refetchInterval = useRefresh(null);
  const query = useQuery({ queryKey: ['jobs', integration, p.language], queryFn: () => api.jobs(integration ? { integration_id: integration } : {}), refetchInterval });
  return query.data?.find((job) => job.kind === 'run' && (integration !== null || job.integration_id === null));
}

export function RunButton({ integration, job, primary = false }: { integration: string | null; job: Job | undefined; primary?: boolean }) {
  const { t } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  if (!may('jobs.run')) return null;
  const run = async () => {
    await (integration ? api.runIntegration(integration) : api.runAll());
    await client.invalidateQueries({ queryKey: ['jobs'] });
  };
  return <button type="button" className={primary ? 'btn pri' : 'btn'} data-action="run" disabled={job !== undefined && working(job)} onClick={() => void run().catch(toasts.failed)}><Icon name="play" />{t('run.start')}</button>;
}

function StepMark({ step, n }: { step: JobStep; n: number }) {
  if (step.state === 'failed') return <StatusShape shape="critical" />;
  if (step.state === 'warning') return <StatusShape shape="warning" />;
  return <span className={`step ${step.state === 'done' ? 'ok' : step.state}`}>{step.state === 'done' ? <Icon name="check" /> : <bdi>{n}</bdi>}</span>;
}

/** Steps, progress and outcome. An outcome older than a day is history, not news. */
export function JobStrip({ job }: { job: Job | undefined }) {
  const { t, n, span } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const now = Date.now();
  if (!job || (job.finished_at !== null && now - job.finished_at > 86_400_000)) return null;
  const cancel = async () => {
    await api.cancelJob(job.id);
    await client.invalidateQueries({ queryKey: ['jobs'] });
  };
  const at = working(job);
  const percent = Math.round(job.progress * 100);
  return (
    <section className="pane job-pane" aria-label={t('run.title')} data-job={job.state}>
      <div className="pb job">
        <div className="row wrap">
          <b>{t('run.title')}</b>
          <span className="s mid">{t(`run.state.${job.is_cancelling ? 'cancelling' : job.state}`)}</span>
          {at && <bdi className="s">{`${n(percent, 0)}%`}</bdi>}
          {job.finished_at !== null && <span className="s dim"><Since at={job.finished_at} now={now} /></span>}
          <span className="end row">
            {at && may('jobs.run') && !job.is_cancelling && <button type="button" className="btn sm" onClick={() => void cancel().catch(toasts.failed)}>{t('run.stop')}</button>}
            {job.state === 'done' && <AppLink className="btn sm pri" to="/">{t('run.open_result')}</AppLink>}
          </span>
        </div>
        {at && <div className="bar" role="progressbar" aria-label={t('run.title')} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ inlineSize: `${percent}%` }} /></div>}
        <ol>
          {job.steps.map((step, i) => (
            <li key={step.key} data-step={step.key} data-state={step.state}>
              <StepMark step={step} n={i + 1} />
              <div className="grow">
                <div className={step.state === 'waiting' ? 'dim' : 'm5'}>{t(`run.step.${step.key}`)}</div>
                <div className="cap dim">
                  {step.state === 'running' && step.total > 0 ? t('run.of', { done: n(step.done, 0), total: n(step.total, 0) }) : step.state === 'waiting' ? t('run.waiting') : step.ms !== null ? span(Math.max(1, step.ms)) : ''}
                </div>
                {step.message && <div className="cap">{step.message.message}</div>}
              </div>
            </li>
          ))}
        </ol>
        {job.summary && <Notice tone={job.state === 'failed' ? 'critical' : 'plain'}>{job.summary.message}</Notice>}
        {job.silent_sources.length > 0 && (
          <ul className="s">{job.silent_sources.map((s) => <li key={s.integration_id}><AppLink to={`/integrations/${s.integration_id}`}><bdi>{s.name}</bdi></AppLink> — {s.message.message}</li>)}</ul>
        )}
      </div>
    </section>
  );
}
