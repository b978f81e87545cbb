// Looking for incidents in what is stored, imported alarm journals among it: the window, the progress, what was found.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import { Dialog, useToasts } from '@/components/dialog';
import { Segment } from '@/components/fields';
import type { Brush } from '@/components/histogram';
import { Icon } from '@/components/icons';
import { InlineError, Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import { iso } from '@/lib/format';

function Progress({ id }: { id: string }) {
  const { t, n, p } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const query = useQuery({
    queryKey: ['job', id, p.language], queryFn: () => api.job(id),
    refetchInterval: (q) => (q.state.data && q.state.data.finished_at !== null ? false : 700),
  });
  const job = query.data;
  const over = job !== undefined && job.finished_at !== null;
  useEffect(() => {
    if (!over) return;
    for (const key of ['incidents', 'blackbox-counts', 'incident-counts']) void client.invalidateQueries({ queryKey: [key] });
  }, [over, client]);
  if (query.isError) return <InlineError error={query.error} />;
  const percent = Math.round((job?.progress ?? 0) * 100);
  const stop = async () => {
    await api.cancelDetection(id);
    await client.invalidateQueries({ queryKey: ['job', id] });
  };
  if (over) return <Notice tone={job.state === 'failed' ? 'critical' : 'plain'}>{job.summary?.message ?? t(`run.state.${job.state}`)}</Notice>;
  return (
    <div className="col">
      <span className="s" role="status">{t('detect.running')} <bdi>{`${n(percent, 0)}%`}</bdi></span>
      <div className="bar" role="progressbar" aria-label={t('detect.title')} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ inlineSize: `${percent}%` }} /></div>
      {job && !job.is_cancelling && may('blackbox.write') && <div><button type="button" className="btn sm" onClick={() => void stop().catch(toasts.failed)}>{t('detect.stop')}</button></div>}
    </div>
  );
}

/** The search that is at work, whoever began it and wherever: its progress is shown, and no second one is begun. */
function useAtWork(): string | null {
  const { p } = useText();
  const jobs = useQuery({ queryKey: ['jobs', 'detect', p.language], queryFn: () => api.jobs({}), gcTime: 0 });
  return jobs.data?.find((job) => job.kind === 'detect' && job.finished_at === null)?.id ?? null;
}

function DetectDialog({ window, asset, onClose }: { window: Brush; asset: string; onClose: () => void }) {
  const { t } = useText();
  const [span, setSpan] = useState<'year' | 'window'>('year');
  const [job, setJob] = useState<string | null>(null);
  const atWork = useAtWork();
  // It stays when it has ended: the outcome is what was waited for.
  useEffect(() => { if (atWork !== null) setJob(atWork); }, [atWork]);
  const [error, setError] = useState<unknown>(null);
  const start = async () => {
    setError(null);
    try {
      const stretch = span === 'window' ? { from: Math.round(window.from), to: Math.round(window.to) } : {};
      setJob((await api.detectIncidents({ ...stretch, asset_id: asset || null })).id);
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Dialog title={t('detect.title')} onClose={onClose}>
      <div className="stack">
        <p>{t('detect.what')}</p>
        {job === null ? (
          <>
            <Segment label={t('detect.over')} value={span} onChange={setSpan} options={[{ value: 'year', label: t('detect.year') }, { value: 'window', label: t('detect.window') }]} />
            {span === 'window' && <p className="help">{t('blackbox.brushed', { from: iso(window.from), to: iso(window.to) })}</p>}
            {asset && <p className="help">{t('detect.one_asset')}</p>}
            <InlineError error={error} />
            <div className="actions"><button type="button" className="btn pri" onClick={() => void start()}>{t('detect.start')}</button><button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button></div>
          </>
        ) : (
          <>
            <Progress id={job} />
            <div className="actions"><button type="button" className="btn" onClick={onClose}>{t('action.close')}</button></div>
          </>
        )}
      </div>
    </Dialog>
  );
}

export function DetectButton({ window, asset }: { window: Brush; asset: string }) {
  const { t } = useText();
  const { may } = useSession();
  const [open, setOpen] = useState(false);
  if (!may('blackbox.write')) return null;
  return (
    <>
      <button type="button" className="btn" data-action="detect" onClick={() => setOpen(true)}><Icon name="search" />{t('detect.open')}</button>
      {open && <DetectDialog window={window} asset={asset} onClose={() => setOpen(false)} />}
    </>
  );
}
