// The key that opens the backups: shown on demand, and whether it is in a safe.
import { useState } from 'react';
import { api } from '@/api/calls';
import type { BackupStatus } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { Dialog, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';

export function BackupKeyPane({ status, onChanged }: { status: BackupStatus; onChanged: (status: BackupStatus) => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const [text, setText] = useState<string | null>(null);
  const show = () => void api.backupKey().then((key) => setText(key.text), toasts.failed);
  const noted = () => {
    setText(null);
    void api.noteBackupKey().then(onChanged, toasts.failed);
  };
  return (
    <Pane title={t('backups.key')} flush={false} end={<button type="button" className="btn sm" data-action="show-key" onClick={show}><Icon name="key" />{t('backups.key_show')}</button>}>
      <div className="stack">
        <p className="help">{t('backups.key_why')}</p>
        <dl className="kv">
          <dt>{t('backups.key_id')}</dt><dd><Tag>{status.key}</Tag></dd>
          {status.key_noted_at !== null && <><dt>{t('backups.key_noted_at')}</dt><dd><When at={status.key_noted_at} full /></dd></>}
        </dl>
        {status.key_noted_at === null && <Notice tone="warning">{t('backups.key_missing')}</Notice>}
      </div>
      {text !== null && (
        <Dialog title={t('backups.key')} onClose={() => setText(null)}>
          <div className="stack">
            <p className="help">{t('backups.key_why')}</p>
            <Tag className="b password" wrap>{text}</Tag>
            <div className="actions"><CopyButton text={text} /><button type="button" className="btn pri" data-action="key-noted" onClick={noted}>{t('backups.key_noted')}</button></div>
          </div>
        </Dialog>
      )}
    </Pane>
  );
}
