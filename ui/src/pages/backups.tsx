// Backups of the appliance: whether there is a good one, where its key is, and the way back.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Backup, BackupStatus } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { moment } from '@/lib/format';
import { fileSize } from './imports';
import { BackupKeyPane } from './parts/backup-key';
import { BackupSettingsForm } from './parts/backup-settings';
import { useCadence } from './parts/schedules';

const KEY = ['backups'];
/** While something is at work the page looks often. */
const pace = (status?: BackupStatus) => (status?.work ? 1_000 : 15_000);

function Proof({ backup }: { backup: Backup }) {
  const { t, n } = useText();
  const proof = backup.proof;
  if (backup.made_at === null) return <span className="st mid wrap"><Icon name="dash" />{t('backups.unreadable')}</span>;
  if (!backup.is_ours) return <span className="st mid"><Icon name="lock" />{t('backups.foreign')}</span>;
  if (!proof) return <span className="st mid"><Icon name="dash" />{t('backups.not_proved')}</span>;
  if (proof.error) return <span className="st critical wrap"><StatusShape shape="critical" />{proof.error.message}</span>;
  return <span className="st mid"><Icon name="check" />{t('backups.proved', { rows: n(proof.rows, 0), samples: n(proof.samples, 0) })}</span>;
}

function List({ status, onChanged }: { status: BackupStatus; onChanged: (status: BackupStatus) => void }) {
  const { t, n, p } = useText();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const busy = status.work !== null;
  const prove = (b: Backup) => void api.proveBackup(b.name).then(onChanged, toasts.failed);
  const restore = (b: Backup) => confirm({
    title: t('backups.restore_title', { when: b.made_at === null ? b.name : moment(p, b.made_at, Date.now()) }),
    body: t('backups.restore_body'), action: t('backups.restore_do'), danger: true,
    run: async () => onChanged(await api.prepareRestore(b.name)),
  });
  const remove = (b: Backup) => confirm({
    title: t('backups.delete_title', { when: b.made_at === null ? b.name : moment(p, b.made_at, Date.now()) }),
    body: t('backups.delete_body'), action: t('backups.delete_do'), danger: true,
    run: async () => onChanged(await api.deleteBackup(b.name)),
  });
  return (
    <Pane title={t('backups.list')} caption={<Tag wrap>{status.folder}</Tag>}>
      {status.trouble && <Notice tone="critical">{status.trouble.message}</Notice>}
      {status.backups.length === 0 && !status.trouble && <p className="pb help">{t('backups.none')}</p>}
      <ul className="list">
        {status.backups.map((b) => (
          <li key={b.name} data-backup={b.name}>
            <div className="grow">
              <div className="s b">{b.made_at === null ? '—' : <When at={b.made_at} full />}</div>
              <div className="s"><Proof backup={b} /></div>
              <div className="cap dim"><Tag wrap>{b.name}</Tag> · <bdi dir="ltr">{fileSize(n, b.bytes)}</bdi></div>
            </div>
            <button type="button" className="btn sm" disabled={busy || !b.is_ours} onClick={() => prove(b)}>{t('backups.prove')}</button>
            <button type="button" className="btn sm" data-action="restore" disabled={busy || !b.is_ours} onClick={() => restore(b)}>{t('backups.restore')}</button>
            <button type="button" className="btn sm" data-action="delete" disabled={busy} onClick={() => remove(b)}>{t('backups.delete')}</button>
          </li>
        ))}
      </ul>
      {dialog}
    </Pane>
  );
}

function Plan({ status, onChanged }: { status: BackupStatus; onChanged: (status: BackupStatus) => void }) {
  const { t, p } = useText();
  const said = useCadence();
  const [editing, setEditing] = useState(false);
  const { settings } = status;
  return (
    <Pane title={t('backups.settings')} flush={false} end={<button type="button" className="btn sm" data-action="edit-backups" onClick={() => setEditing(true)}><Icon name="edit" />{t('backups.edit')}</button>}>
      <div className="stack">
        {status.settings_lost_at !== null && <Notice tone="critical">{t('backups.settings_lost', { when: moment(p, status.settings_lost_at, Date.now()) })}</Notice>}
        <dl className="kv">
          <dt>{t('backups.next')}</dt><dd>{status.next_at === null ? t('backups.by_hand') : <When at={status.next_at} full />}</dd>
          <dt>{t('schedules.every')}</dt><dd>{settings.is_enabled ? <>{said(settings.cadence)} <Tag className="cap dim">{settings.time_zone}</Tag></> : t('backups.by_hand')}</dd>
          <dt>{t('backups.last')}</dt><dd>{status.last_at === null ? t('backups.never') : <When at={status.last_at} full />}{status.last_at !== null && !status.last_error && <> · {t('backups.last_ok')}</>}</dd>
        </dl>
        <p className="cap dim">{t('backups.kept', { days: settings.keep_days })} {settings.keep_months > 0 && t('backups.kept_months', { months: settings.keep_months })}</p>
        {status.last_error && <Notice tone="critical">{status.last_error.message}</Notice>}
        {settings.folder === null && <Notice tone="warning">{t('backups.same_disk')}</Notice>}
      </div>
      {editing && <BackupSettingsForm settings={settings} onClose={() => setEditing(false)} onSaved={(next) => { setEditing(false); onChanged(next); }} />}
    </Pane>
  );
}

/** Where the program runs as a service. */
const RESTART = 'systemctl restart optria';

function Pending({ onChanged }: { onChanged: (status: BackupStatus) => void }) {
  const { t } = useText();
  const toasts = useToasts();
  return (
    <Notice tone="warning">
      <p>{t('backups.pending')}</p>
      <p className="cap">{t('backups.pending_how')} <Tag>{RESTART}</Tag></p>
      <div className="actions"><button type="button" className="btn" data-action="withdraw" onClick={() => void api.withdrawRestore().then(onChanged, toasts.failed)}>{t('backups.withdraw')}</button></div>
    </Notice>
  );
}

export default function BackupsPage() {
  const { t, p } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const key = [...KEY, p.language];
  const query = useQuery({ queryKey: key, queryFn: api.backups, refetchInterval: (q) => pace(q.state.data) });
  const changed = (status: BackupStatus) => client.setQueryData(key, status);
  const start = () => void api.startBackup().then(changed, toasts.failed);
  const work = query.data?.work ?? null;
  return (
    <>
      <PageHead title={t('page.backups')} sub={t('backups.sub')}>
        <button type="button" className="btn pri" data-action="back-up" disabled={!query.data || work !== null} onClick={start}><Icon name="download" />{t('backups.now')}</button>
      </PageHead>
      <div aria-live="polite">{work && <Notice>{t(`backups.work.${work}`)}</Notice>}</div>
      <Loaded query={query} what={t('backups.loading')} rows={6}>
        {(status) => (
          <div className="stack">
            {status.is_restore_pending && <Pending onChanged={changed} />}
            <div className="grid">
              <div className="c7 stack"><List status={status} onChanged={changed} /></div>
              <div className="c5 stack"><Plan status={status} onChanged={changed} /><BackupKeyPane status={status} onChanged={changed} /></div>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
