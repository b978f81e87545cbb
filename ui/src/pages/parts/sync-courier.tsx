// Courier files: written for the hub, and what comes back from it: as a file, as a picture of a QR code, as text.
import { type ChangeEvent, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SyncStatus } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { writeCourierFile } from '@/lib/courier';
import { partOf, readPicture } from '@/lib/qr';

export function Courier({ status, onChanged }: { status: SyncStatus; onChanged: () => void }) {
  const { t, n } = useText();
  const toasts = useToasts();
  const { may } = useSession();
  const chosen = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const [gap, setGap] = useState('');
  const [pasted, setPasted] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [looking, setLooking] = useState('');
  const [error, setError] = useState<unknown>(null);
  if (!may('sync.write')) return null;
  const run = async (act: () => Promise<string | null>) => {
    setBusy(true);
    setError(null);
    setProblem('');
    try {
      const done = await act();
      if (done === null) return;
      toasts.done(done);
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
  const take = async (brought: Blob): Promise<string> => {
    const done = await api.importCourier(brought);
    if (done.kind === 'receipts' && done.count === 0) return t('sync.imported_nothing_newer');
    return t(`sync.imported_${done.kind}`, { n: n(done.count, 0) });
  };
  const takeText = async (text: string): Promise<string> => {
    const place = partOf(text);
    const done = await take(new Blob([text]));
    return place && place.of > 1 ? `${done} ${t('sync.receipt_part', { part: n(place.part, 0), of: n(place.of, 0) })}` : done;
  };
  const refuse = (why: string): null => {
    setProblem(t(why));
    return null;
  };
  const look = async (picture: File): Promise<string | null> => {
    let text: string | null;
    try {
      text = await readPicture(picture, (look, of) => setLooking(t('sync.picture_looking', { look: n(look, 0), of: n(of, 0) })));
    } catch {
      return refuse('sync.picture_unreadable');
    } finally {
      setLooking('');
    }
    if (text === null) return refuse('sync.picture_no_code');
    return partOf(text) ? takeText(text) : refuse('sync.picture_other_code');
  };
  const read = (file: File) => run(() => (file.type.startsWith('image/') ? look(file) : take(file)));
  const readText = () => run(async () => {
    if (!partOf(pasted)) return refuse('sync.receipt_text_other');
    const done = await takeText(pasted);
    setPasted('');
    return done;
  });
  const picked = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    event.target.value = '';
    if (file) void read(file);
  };
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
        <div className="row wrap">
          <button type="button" className="btn" disabled={busy} onClick={() => chosen.current?.click()}><Icon name="upload" />{t('sync.import')}</button>
          <button type="button" className="btn" disabled={busy} onClick={() => camera.current?.click()}>{t('sync.picture')}</button>
        </div>
        <input ref={chosen} type="file" hidden accept=".oqr,.oqc,image/*" aria-label={t('sync.import')} onChange={picked} />
        <input ref={camera} type="file" hidden accept="image/*" capture="environment" aria-label={t('sync.picture')} onChange={picked} />
        <Field label={t('sync.receipt_text')} help={t('sync.receipt_text_help')}>{(x) => <textarea {...x} className="in mono" dir="ltr" rows={3} name="receipt" autoComplete="off" spellCheck={false} value={pasted} onChange={(event) => setPasted(event.target.value)} />}</Field>
        {pasted.trim() !== '' && <div className="actions"><button type="button" className="btn" disabled={busy} onClick={() => void readText()}>{t('sync.receipt_text_read')}</button></div>}
        <p className="cap dim" role="status">{looking}</p>
        {problem && <Notice tone="critical">{problem}</Notice>}
        <InlineError error={error} />
        <dl className="kv"><dt>{t('sync.last_file')}</dt><dd>{n(status.last_file, 0)}</dd></dl>
      </div>
    </Pane>
  );
}
