// Attachments of an incident: what people said, photos, documents. A removal is recorded; the row stays.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { Attachment } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { InlineError } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { fileSize } from '../imports';

const useReread = () => {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: ['attachments'] });
};

function StatementDialog({ incident, onClose }: { incident: string; onClose: () => void }) {
  const { t } = useText();
  const reread = useReread();
  const [by, setBy] = useState('');
  const [text, setText] = useState('');
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await api.addStatement(incident, { said_by: by.trim(), text: text.trim() });
      reread();
      onClose();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Dialog title={t('attach.statement')} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <Field label={t('attach.said_by')} required>{(p) => <input {...p} className="in" name="said_by" dir="auto" maxLength={120} value={by} onChange={(event) => setBy(event.target.value)} />}</Field>
        <Field label={t('attach.said')} help={t('attach.said_help')} required>{(p) => <textarea {...p} className="in" name="statement" dir="auto" rows={6} maxLength={20000} value={text} onChange={(event) => setText(event.target.value)} />}</Field>
        <InlineError error={error} />
        <div className="actions"><button type="submit" className="btn pri" disabled={by.trim() === '' || text.trim() === ''}>{t('attach.save')}</button><button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button></div>
      </form>
    </Dialog>
  );
}

function RemoveDialog({ incident, attachment, onClose }: { incident: string; attachment: Attachment; onClose: () => void }) {
  const { t } = useText();
  const reread = useReread();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    try {
      await api.removeAttachment(incident, attachment.id, { reason: reason.trim() });
      reread();
      onClose();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Dialog title={t('attach.remove_title')} onClose={onClose}>
      <div className="stack">
        <p className="prose">{t('attach.remove_what', { name: attachment.name })}</p>
        <Field label={t('care.reason')} required>{(p) => <textarea {...p} className="in" name="reason" dir="auto" rows={2} maxLength={4000} value={reason} onChange={(event) => setReason(event.target.value)} />}</Field>
        <InlineError error={error} />
        <div className="actions"><button type="button" className="btn danger" data-action="decide" disabled={reason.trim() === ''} onClick={() => void run()}>{t('attach.remove')}</button><button type="button" className="btn" data-autofocus onClick={onClose}>{t('action.cancel')}</button></div>
      </div>
    </Dialog>
  );
}

function Row({ incident, attachment: a, onRemove }: { incident: string; attachment: Attachment; onRemove: () => void }) {
  const { t, n } = useText();
  const write = useSession().may('blackbox.write');
  return (
    <li className="note-row" data-attachment={a.name}>
      <div className="row s wrap">
        <Icon name={a.statement === null ? 'doc' : 'users'} />
        {a.statement === null ? <Tag className="m5 tail">{a.name}</Tag> : <span className="m5">{t('attach.said_by_name')} <bdi>{a.name}</bdi></span>}
        {a.statement === null && <bdi className="dim" dir="ltr">{fileSize(n, a.size_bytes)}</bdi>}
        <span className="end row">
          {(write || !a.removal) && <a className="btn quiet sm icon" href={`/api/blackbox/incidents/${incident}/attachments/${a.id}`} download aria-label={t('attach.download', { name: a.name })}><Icon name="download" /></a>}
          {write && !a.removal && <button type="button" className="btn quiet sm icon" data-action="remove-attachment" aria-label={t('attach.remove_name', { name: a.name })} onClick={onRemove}><Icon name="close" /></button>}
        </span>
      </div>
      {a.statement && <p dir="auto" className="s prose">{a.statement}</p>}
      <p className="cap dim"><bdi>{a.author}</bdi> · <When at={a.at} full /> · <span title={a.sha256}><bdi dir="ltr">{`SHA-256 ${a.sha256.slice(0, 12)}…`}</bdi></span></p>
      {a.removal && <p className="cap warn-t">{t('attach.removed')} <bdi>{a.removal.actor}</bdi> · <When at={a.removal.at} full /> · <bdi>{a.removal.reason}</bdi></p>}
    </li>
  );
}

export function AttachmentsPane({ incident }: { incident: string }) {
  const { t, p } = useText();
  const { may } = useSession();
  const toasts = useToasts();
  const reread = useReread();
  const input = useRef<HTMLInputElement>(null);
  const [saying, setSaying] = useState(false);
  const [removing, setRemoving] = useState<Attachment | null>(null);
  const [error, setError] = useState<unknown>(null);
  const query = useQuery({ queryKey: ['attachments', incident, p.language], queryFn: () => api.attachments(incident) });
  const add = async (files: FileList | null) => {
    setError(null);
    for (const file of files ?? []) {
      try {
        await api.attach(incident, file);
        toasts.done(t('attach.added', { name: file.name }));
      } catch (e) {
        setError(e);
      }
    }
    if (input.current) input.current.value = '';
    reread();
  };
  return (
    <Pane title={t('attach.title')}>
      <Loaded query={query} what={t('attach.loading')} rows={2}>
        {(all) => all.length === 0 ? <p className="pb help">{t('attach.none')}</p> : <ul className="list" data-list="attachments">{all.map((a) => <Row key={a.id} incident={incident} attachment={a} onRemove={() => setRemoving(a)} />)}</ul>}
      </Loaded>
      {may('blackbox.write') && (
        <div className="pb col">
          <div className="row wrap">
            <label className="btn sm file-pick"><Icon name="upload" />{t('attach.add_file')}<input ref={input} className="sr" type="file" name="attachment" accept="image/jpeg,image/png,image/webp,image/heic,application/pdf" multiple onChange={(event) => void add(event.target.files)} /></label>
            <button type="button" className="btn sm" data-action="add-statement" onClick={() => setSaying(true)}>{t('attach.add_statement')}</button>
          </div>
          <p className="help">{t('attach.limits')}</p>
          <InlineError error={error} />
        </div>
      )}
      {saying && <StatementDialog incident={incident} onClose={() => setSaying(false)} />}
      {removing && <RemoveDialog incident={incident} attachment={removing} onClose={() => setRemoving(null)} />}
    </Pane>
  );
}
