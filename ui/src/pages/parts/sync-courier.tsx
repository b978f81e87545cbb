// Courier files: written for the hub, and what comes back from it.
import { useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SyncStatus } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { InlineError } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { writeCourierFile } from '@/lib/courier';

export function Courier({ status, onChanged }: { status: SyncStatus; onChanged: () => void }) {
  const { t, n } = useText();
  const toasts = useToasts();
  const { may } = useSession();
  const chosen = useRef<HTMLInputElement>(null);
  const [gap, setGap] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  if (!may('sync.write')) return null;
  const run = async (act: () => Promise<string>) => {
    setBusy(true);
    setError(null);
    try {
      toasts.done(await act());
      onChanged();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const write = (from: 'due' | 'next') => run(async () => {
    const made = await writeCourierFile(from, gap);
    setGap('');
    return t('sync.exported', { number: n(made.number, 0), records: n(made.records, 0), left: n(made.left, 0) });
  });
  const read = (file: File) => run(async () => {
    const done = await api.importCourier(file);
    return t(`sync.imported_${done.kind}`, { n: n(done.count, 0) });
  });
  const byFile = status.settings?.way !== 'line';
  return (
    <Pane title={t('sync.courier')} flush={false}>
      <div className="stack">
        <p className="mid">{byFile ? t('sync.courier_help') : t('sync.courier_off')}</p>
        {byFile && (
          <>
            <Field label={t('sync.gap')} help={t('sync.gap_help')}>{(x) => <input {...x} className="in" dir="ltr" autoComplete="off" spellCheck={false} value={gap} onChange={(event) => setGap(event.target.value)} />}</Field>
            <div className="row wrap">
              <button type="button" className="btn pri" disabled={busy} onClick={() => void write('due')}><Icon name="download" />{t('sync.export')}</button>
              {status.unconfirmed > 0 && status.settings?.way === 'courier' && !gap && <button type="button" className="btn" disabled={busy} onClick={() => void write('next')}>{t('sync.export_next')}</button>}
            </div>
          </>
        )}
        <button type="button" className="btn" disabled={busy} onClick={() => chosen.current?.click()}><Icon name="upload" />{t('sync.import')}</button>
        <input ref={chosen} type="file" hidden accept=".oqr,.oqc" aria-label={t('sync.import')} onChange={(event) => { const file = event.target.files?.[0]; event.target.value = ''; if (file) void read(file); }} />
        <InlineError error={error} />
        <dl className="kv"><dt>{t('sync.last_file')}</dt><dd>{n(status.last_file, 0)}</dd></dl>
      </div>
    </Pane>
  );
}
