// What the pages of the console share: a form in a dialog, a password or code that is shown once.
import { type FormEvent, type ReactNode, useState } from 'react';
import { CopyButton } from '@/components/copy';
import { Dialog } from '@/components/dialog';
import { InlineError, Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import type { OneTime } from './api';

export function FormDialog({ title, submit, send, onClose, children }: { title: string; submit: string; send: () => Promise<void>; onClose: () => void; children: (error: unknown) => ReactNode }) {
  const { t } = useText();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await send();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void onSubmit(event)}>
        {children(error)}
        <InlineError error={error} />
        <div className="actions">
          <button type="submit" className="btn pri" disabled={busy}>{submit}</button>
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** A secret that the hub shows once. */
export function Once({ title, why, rows, secret, onClose }: { title: string; why: string; rows: [string, string][]; secret: string; onClose: () => void }) {
  const { t } = useText();
  return (
    <Dialog title={title} onClose={onClose} size="lg">
      <div className="stack">
        <Notice tone="warning">{why}</Notice>
        <dl className="kv">
          {rows.map(([label, value]) => <div key={label} className="kv-row"><dt>{label}</dt><dd><bdi className="tag b password" dir="ltr">{value}</bdi></dd></div>)}
        </dl>
        <div className="actions"><CopyButton text={secret} /><button type="button" className="btn pri" onClick={onClose}>{t('action.close')}</button></div>
      </div>
    </Dialog>
  );
}

export function OncePassword({ made, onClose }: { made: OneTime; onClose: () => void }) {
  const { t } = useText();
  return (
    <Once
      title={t('users.password_title', { name: made.name })} why={t('users.password_once')} secret={made.password} onClose={onClose}
      rows={[...(made.tenant ? [[t('hub.tenant_code'), made.tenant] as [string, string]] : []), [t('field.username'), made.username], [t('field.temporary_password'), made.password]]}
    />
  );
}
