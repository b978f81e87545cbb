// Sync: whether the hub holds what may leave, what to do when it does not, and what may leave at all.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SyncLog, SyncStatus } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { Courier } from './parts/sync-courier';
import { Enrol } from './parts/sync-enrol';
import { Leaves } from './parts/sync-leaves';
import { Questions } from './parts/sync-questions';

function State({ status }: { status: SyncStatus }) {
  const { t } = useText();
  const state = status.state;
  const word = t(`sync.state.${state}`);
  if (state === 'fork' || state === 'queue_error') return <span className="st critical"><StatusShape shape="critical" />{word}</span>;
  if (state === 'disconnected' || state === 'unconfirmed' || state === 'to_write') return <span className="st warning"><StatusShape shape="warning" />{word}</span>;
  return <span className="st mid"><Icon name={state === 'registered' ? 'check' : state === 'paused' || state === 'not_enrolled' ? 'dash' : 'upload'} />{word}</span>;
}

function Progress({ status }: { status: SyncStatus }) {
  const { t, n } = useText();
  const all = status.confirmed + status.backlog;
  if (all === 0) return null;
  return (
    <div className="col">
      <progress max={all} value={status.confirmed} aria-label={t('sync.confirmed')} />
      <span className="cap dim">{t('sync.progress', { done: n(status.confirmed, 0), all: n(all, 0) })}</span>
    </div>
  );
}

function Facts({ status }: { status: SyncStatus }) {
  const { t, n, span } = useText();
  const none = <span className="dim">{t('sync.unknown_yet')}</span>;
  return (
    <dl className="kv">
      <dt>{t('sync.backlog')}</dt><dd>{n(status.backlog, 0)}</dd>
      {status.unconfirmed > 0 && <><dt>{t('sync.unconfirmed')}</dt><dd>{n(status.unconfirmed, 0)}</dd></>}
      {status.oldest_unsent_at !== null && <><dt>{t('sync.oldest')}</dt><dd><When at={status.oldest_unsent_at} full /></dd></>}
      <dt>{t('sync.last_receipt')}</dt><dd>{status.last_receipt_at === null ? <span className="dim">{t('sync.never')}</span> : <When at={status.last_receipt_at} full />}</dd>
      {status.backlog > 0 && status.settings?.way === 'line' && <><dt>{t('sync.drain')}</dt><dd>{status.drain_ms === null ? none : span(status.drain_ms)}</dd></>}
      {status.records_per_second !== null && status.backlog > 0 && <><dt>{t('sync.speed')}</dt><dd>{t('sync.per_second', { n: n(status.records_per_second, 0) })}</dd></>}
      {status.next_try_at !== null && <><dt>{t('sync.next_try')}</dt><dd><When at={status.next_try_at} full /></dd></>}
      {status.hub_clock_ahead_ms !== null && <><dt>{t('sync.clock')}</dt><dd><bdi dir="ltr">{`${status.hub_clock_ahead_ms >= 0 ? '+' : '−'}${n(Math.abs(status.hub_clock_ahead_ms) / 1000, 1)} s`}</bdi></dd></>}
    </dl>
  );
}

function Hub({ status, onChanged }: { status: SyncStatus; onChanged: () => void }) {
  const { t } = useText();
  const { may } = useSession();
  const [confirm, dialog] = useConfirm();
  const leave = () => confirm({ title: t('sync.unenrol'), body: t('sync.unenrol_body'), action: t('sync.unenrol'), danger: true, run: async () => { await api.unenrol(); onChanged(); } });
  return (
    <Pane title={t('sync.hub')} flush={false}>
      <dl className="kv">
        <dt>{t('sync.hub_url')}</dt><dd><Tag wrap>{status.hub_url ?? '—'}</Tag></dd>
        <dt>{t('sync.way_kind')}</dt><dd>{status.is_encrypted ? t('sync.encrypted') : <span className="st warning"><StatusShape shape="warning" />{t('sync.plain')}</span>}</dd>
        <dt>{t('sync.hub_tenant')}</dt><dd><bdi>{status.hub_tenant ?? '—'}</bdi></dd>
        <dt>{t('sync.hub_key')}</dt><dd><Tag>{status.hub_key ?? '—'}</Tag></dd>
        <dt>{t('sync.own_key')}</dt><dd><Tag>{status.own_key ?? '—'}</Tag></dd>
        <dt>{t('sync.enrolled')}</dt><dd><When at={status.enrolled_at} full /> <Tag>{status.enrolled_by ?? ''}</Tag></dd>
      </dl>
      {status.flags.length > 0 && <><h3>{t('sync.flags')}</h3><ul className="col">{status.flags.map((f) => <li key={f.key}><Tag>{f.key}</Tag> {f.is_on ? t('sync.on') : t('sync.off')}</li>)}</ul></>}
      {may('sync.write') && <div className="actions"><button type="button" className="btn danger" onClick={leave}>{t('sync.unenrol')}</button></div>}
      {dialog}
    </Pane>
  );
}

function Logs({ logs }: { logs: SyncLog[] }) {
  const { t, n } = useText();
  if (logs.length === 0) return <Pane title={t('sync.logs')} flush={false}><p className="mid">{t('sync.no_logs')}</p></Pane>;
  return (
    <Pane title={t('sync.logs')}>
      <div className="scroll" tabIndex={0} role="region" aria-label={t('sync.logs')}>
        <table className="tb">
          <thead><tr><th scope="col">{t('sync.stream')}</th><th scope="col">{t('sync.epoch')}</th><th scope="col">{t('sync.records')}</th><th scope="col">{t('sync.written')}</th><th scope="col">{t('sync.confirmed')}</th><th scope="col">{t('sync.last_receipt')}</th></tr></thead>
          <tbody>
            {logs.map((log) => (
              <tr key={`${log.epoch}${log.stream}`}>
                <td>{t(`sync.stream.${log.stream}`)}</td>
                <td><Tag>{`${log.epoch_number} · ${log.epoch}`}</Tag></td>
                <td>{n(log.records, 0)}</td>
                <td>{n(log.written, 0)}</td>
                <td>{n(log.confirmed, 0)}</td>
                <td>{log.forked_at === null ? <When at={log.confirmed_at} /> : <span className="st critical"><StatusShape shape="critical" />{t('sync.forked')} <When at={log.forked_at} />{log.fork_seen_by && <> · {t('sync.fork_seen_by', { name: log.fork_seen_by })}</>}</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Pane>
  );
}

function Actions({ status, onChanged }: { status: SyncStatus; onChanged: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const { may } = useSession();
  if (!may('sync.write') || status.settings === null) return null;
  const run = (act: () => Promise<unknown>) => void act().then(onChanged, toasts.failed);
  const is_paused = status.state === 'paused' && !status.is_outside_hours;
  return (
    <>
      {status.state === 'fork' && <button type="button" className="btn" onClick={() => run(api.forkSeen)}>{t('sync.fork_seen')}</button>}
      {status.settings.way === 'line' && (
        <>
          <button type="button" className="btn" onClick={() => run(() => api.pauseSync(!is_paused))}>{is_paused ? t('sync.resume') : t('sync.pause')}</button>
          <button type="button" className="btn pri" disabled={status.state === 'paused'} onClick={() => run(api.trySync)}>{t('sync.try')}</button>
        </>
      )}
    </>
  );
}

export default function SyncPage() {
  const { t } = useText();
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['sync'], queryFn: api.sync, refetchInterval: 3_000 });
  const changed = () => void client.invalidateQueries({ queryKey: ['sync'] });
  return (
    <>
      <PageHead title={t('page.sync')} sub={t('sync.sub')}>{query.data && <Actions status={query.data} onChanged={changed} />}</PageHead>
      <Loaded query={query} what={t('sync.loading')} rows={8}>
        {(status) => (
          <div className="grid">
            <div className="c8 stack">
              <Pane title={t('sync.state_title')} flush={false} end={<State status={status} />}>
                <div className="stack">
                  <p>{status.remedy.message}</p>
                  {status.error && <Notice tone="warning">{status.error.message}</Notice>}
                  {status.is_outside_hours && <p className="mid">{t('sync.outside_hours')}</p>}
                  {status.settings && <Progress status={status} />}
                  {status.settings && <Facts status={status} />}
                </div>
              </Pane>
              <Questions questions={status.questions} onChanged={changed} />
              {status.settings ? <><Leaves key={JSON.stringify(status.settings)} settings={status.settings} raw={status.raw} onChanged={changed} /><Logs logs={status.logs} /></> : <Enrol onChanged={changed} />}
            </div>
            {status.settings && <div className="c4 stack"><Hub status={status} onChanged={changed} /><Courier status={status} onChanged={changed} /></div>}
          </div>
        )}
      </Loaded>
    </>
  );
}
