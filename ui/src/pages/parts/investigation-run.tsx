// One button from files to incidents: creates what was agreed to, imports each file, looks for incidents. Every step may
// be done again and adds nothing, so a page that was closed half-way is simply told to begin again.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '@/api/calls';
import type { ImportFile, InvestigationPlan, InvestigationPrepared, Job } from '@/api/types';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { spanOf } from '@/lib/investigation';

const STEPS = ['prepare', 'import', 'detect'] as const;
type Step = (typeof STEPS)[number];
const LOOK_MS = 500;

class FileFailed extends Error {}

interface Progress { step: Step | 'done'; share: number; prepared: InvestigationPrepared | null; files: ImportFile[]; job: Job | null; ms: number }

async function until<T>(ask: () => Promise<T>, over: (answer: T) => boolean, alive: () => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (over(answer) || !alive()) return answer;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const busy = (file: ImportFile) => file.state === 'running' || file.state === 'scanning';
const shareOf = (file: ImportFile) => (busy(file) ? file.run.bytes / Math.max(1, file.size_bytes) : 1);
const mean = (all: number[]) => all.reduce((sum, x) => sum + x, 0) / Math.max(1, all.length);

async function investigate(ids: string[], plan: InvestigationPlan, tell: (changes: Partial<Progress>) => void, alive: () => boolean): Promise<void> {
  const begun = performance.now();
  tell({ step: 'prepare', share: 0, prepared: null, job: null });
  tell({ prepared: await api.prepareInvestigation(plan), step: 'import' });
  for (const id of ids) await api.runImport(id);
  const files = await until(
    async () => {
      const now = await Promise.all(ids.map((id) => api.import(id)));
      tell({ files: now, share: mean(now.map(shareOf)) });
      return now;
    },
    (now) => !now.some(busy), alive,
  );
  const failed = files.find((f) => f.state !== 'done');
  if (failed && alive()) throw new FileFailed(failed.error?.message ?? failed.name);
  const span = spanOf(files);
  if (span) {
    tell({ step: 'detect', share: 0 });
    const { id } = await api.detectIncidents({ ...span, asset_id: null });
    const job = await until(
      async () => {
        const now = await api.job(id);
        tell({ job: now, share: now.progress });
        return now;
      },
      (now) => now.finished_at !== null, alive,
    );
    if (job.state === 'failed') throw new FileFailed(job.summary?.message ?? '');
  }
  tell({ step: 'done', share: 1, ms: performance.now() - begun });
}

function Steps({ progress }: { progress: Progress }) {
  const { t, n } = useText();
  const at = progress.step === 'done' ? STEPS.length : STEPS.indexOf(progress.step);
  return (
    <ol className="col" data-step={progress.step}>
      {STEPS.map((step, i) => (
        <li key={step} className="row">
          <span className={`step ${i < at ? 'ok' : i === at ? 'running' : ''}`}>{i < at ? <Icon name="check" /> : <bdi>{n(i + 1, 0)}</bdi>}</span>
          <span className="grow">{t(`investigation.step.${step}`)}</span>
          {i === at && <><progress max={1} value={step === 'prepare' ? undefined : progress.share} aria-label={t(`investigation.step.${step}`)} />{step !== 'prepare' && <bdi className="num-s" dir="ltr">{`${n(progress.share * 100, 0)} %`}</bdi>}</>}
        </li>
      ))}
    </ol>
  );
}

function Outcome({ progress }: { progress: Progress }) {
  const { t, n, span: duration, p } = useText();
  const span = spanOf(progress.files);
  const query = useQuery({ queryKey: ['incidents', 'investigation', span, p.language], enabled: span !== null, queryFn: () => api.incidents({ ...span, limit: 50 }) });
  const rows = progress.files.reduce((sum, f) => sum + f.run.rows, 0);
  const rejected = progress.files.filter((f) => Math.max(f.run.rejected, f.scan.rejected) > 0);
  const again = progress.files.every((f) => f.already_imported);
  return (
    <>
      <div className="pb col">
        <Notice>{again ? t('investigation.nothing_new') : t('investigation.finished', { rows: n(rows, 0), time: duration(Math.max(1_000, progress.ms)) })} {progress.job?.summary?.message}</Notice>
        {progress.prepared?.refused.map((r) => <Notice key={`${r.tag} ${r.code}`} tone="warning"><Tag>{r.tag}</Tag>: {r.message}</Notice>)}
        {rejected.map((f) => <Notice key={f.id} tone="warning" action={<a className="btn sm" href={`/api/imports/${f.id}/rejected.csv`} download><Icon name="download" />{t('imports.download_rejected')}</a>}>{t('investigation.rejected', { file: f.name, n: Math.max(f.run.rejected, f.scan.rejected) })}</Notice>)}
      </div>
      {span && (
        <Loaded query={query} what={t('blackbox.loading')}>
          {({ items }) => items.length === 0 ? <EmptyState icon="blackbox" title={t('investigation.no_incident')}>{t('investigation.no_incident_why')}</EmptyState> : (
            <ul className="list" data-list="found-incidents">
              {items.map((i, index) => (
                <li key={i.id} className="inc">
                  <SeverityMark severity={i.severity} bare />
                  <div className="grow"><AppLink className="m5" to={`/blackbox/incidents/${i.id}`}>{i.title}</AppLink><div className="cap dim"><Tag>{i.number}</Tag> · <Tag>{i.asset_code}</Tag> · {t('incident.events', { n: i.event_count })}</div></div>
                  <When at={i.started_at} full />
                  <AppLink className={index === 0 ? 'btn sm pri' : 'btn sm'} to={`/blackbox/incidents/${i.id}`}>{t('investigation.open')}</AppLink>
                </li>
              ))}
            </ul>
          )}
        </Loaded>
      )}
    </>
  );
}

export function RunPane({ files, plan, ready }: { files: ImportFile[]; plan: InvestigationPlan | null; ready: boolean }) {
  const { t } = useText();
  const client = useQueryClient();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const alive = useRef(true);
  useEffect(() => { alive.current = true; return () => { alive.current = false; }; }, []);
  const over = progress?.step === 'done';
  const working = progress !== null && !over && error === null && failed === null;
  const start = async () => {
    if (!plan) return;
    setError(null);
    setFailed(null);
    setProgress({ step: 'prepare', share: 0, prepared: null, files: [], job: null, ms: 0 });
    try {
      await investigate(files.map((f) => f.id), plan, (changes) => alive.current && setProgress((old) => old && { ...old, ...changes }), () => alive.current);
    } catch (e) {
      if (e instanceof FileFailed) setFailed(e.message);
      else setError(e);
    }
    // The zone of times follows the sites, and the first investigation creates one.
    for (const key of ['sites', 'import', 'imports', 'incidents', 'blackbox-counts', 'incident-counts', 'assets', 'integrations']) void client.invalidateQueries({ queryKey: [key] });
  };
  return (
    <Pane title={t('investigation.run')} caption={t('investigation.run_what')}>
      <div className="pb col">
        <div className="actions"><button type="button" className="btn pri" data-action="investigate" disabled={!ready || plan === null || working} onClick={() => void start()}><Icon name="search" />{t(over ? 'investigation.again' : 'investigation.start')}</button></div>
        {progress && <Steps progress={progress} />}
        {failed !== null && <Notice tone="critical">{failed}</Notice>}
        <InlineError error={error} />
      </div>
      {progress && over && <Outcome progress={progress} />}
    </Pane>
  );
}
