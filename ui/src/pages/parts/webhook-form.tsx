// Enters or changes a system that is told what happened.
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Webhook, WebhookInput, WebhookKind } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { Field, problemOf } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { useText } from '@/i18n/text';
import { FormDialog } from './asset-forms';

const KINDS: WebhookKind[] = ['assignment', 'overdue', 'critical_incident'];

type Form = Required<WebhookInput> & { secret: string; tls_ca: string };

function formOf(hook: Webhook | null): Form {
  return { name: hook?.name ?? '', url: hook?.url ?? '', kinds: hook?.kinds ?? KINDS, secret: '', tls_ca: hook?.tls_ca ?? '', accept_plain_http: hook?.accept_plain_http ?? false, is_enabled: hook?.is_enabled ?? true };
}

/** 256 bits in letters and digits that any system takes. */
function madeSecret(): string {
  return [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What was made here is readable until it is saved: it has to be carried to the other system. */
function Secret({ value, kept, change, problem }: { value: string; kept: boolean; change: (secret: string) => void; problem: string | null }) {
  const { t } = useText();
  const [made, setMade] = useState('');
  const isMade = made !== '' && made === value;
  const make = () => { const secret = madeSecret(); setMade(secret); change(secret); };
  return (
    <div className="field wide">
      <Field label={t('webhooks.secret')} required={!kept} help={t(isMade ? 'webhooks.secret_note' : kept ? 'webhooks.secret_kept' : 'webhooks.secret_help')} error={problem}>
        {(p) => <input {...p} className="in mono" dir="ltr" type={isMade ? 'text' : 'password'} autoComplete="new-password" name="secret" maxLength={200} value={value} onChange={(e) => change(e.target.value)} />}
      </Field>
      <div className="row wrap">
        <button type="button" className="btn sm" data-action="make-secret" onClick={make}><Icon name="key" />{t('webhooks.make_secret')}</button>
        {isMade && <CopyButton text={value} className="btn sm" />}
      </div>
    </div>
  );
}

export function WebhookForm({ hook, onClose, onSaved }: { hook: Webhook | null; onClose: () => void; onSaved: () => void }) {
  const { t, word } = useText();
  const [form, setForm] = useState(() => formOf(hook));
  const change = (changes: Partial<Form>) => setForm({ ...form, ...changes });
  const toggle = (kind: WebhookKind) => change({ kinds: form.kinds.includes(kind) ? form.kinds.filter((k) => k !== kind) : [...form.kinds, kind] });
  const isPlain = /^\s*http:/i.test(form.url);
  const save = async () => {
    const input: WebhookInput = { ...form, secret: form.secret || null, tls_ca: form.tls_ca.trim() || null, accept_plain_http: isPlain && form.accept_plain_http };
    await (hook ? api.updateWebhook(hook.id, input) : api.createWebhook(input));
  };
  return (
    <FormDialog title={t(hook ? 'webhooks.edit' : 'webhooks.add')} onClose={onClose} onSaved={onSaved} save={save}>
      {(error) => (
        <>
          <Field wide label={t('field.name')} required error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" required maxLength={120} value={form.name} onChange={(e) => change({ name: e.target.value })} />}</Field>
          <Field wide label={t('webhooks.address')} help={t('webhooks.address_help')} required error={problemOf(error, 'url')}>{(p) => <input {...p} className="in mono" dir="ltr" type="url" name="url" required maxLength={500} value={form.url} onChange={(e) => change({ url: e.target.value })} />}</Field>
          {isPlain && <label className="wide row s"><input type="checkbox" className="chkbox" name="accept_plain_http" checked={form.accept_plain_http} onChange={(e) => change({ accept_plain_http: e.target.checked })} /> {t('webhooks.plain')}</label>}
          <div className="field wide" role="group" aria-label={t('webhooks.kinds')}>
            <span className="lbl">{t('webhooks.kinds')}<span className="req" aria-hidden="true">{' *'}</span></span>
            <div className="row wrap">{KINDS.map((kind) => <label key={kind} className="row s"><input type="checkbox" className="chkbox" name={kind} checked={form.kinds.includes(kind)} onChange={() => toggle(kind)} /> {word('webhook_kind', kind)}</label>)}</div>
            {problemOf(error, 'kinds') && <div className="err"><StatusShape shape="critical" /><span>{problemOf(error, 'kinds')}</span></div>}
          </div>
          <Secret value={form.secret} kept={Boolean(hook?.secret)} change={(secret) => change({ secret })} problem={problemOf(error, 'secret')} />
          <label className="wide row s"><input type="checkbox" className="chkbox" name="is_enabled" checked={form.is_enabled} onChange={(e) => change({ is_enabled: e.target.checked })} /> {t('webhooks.enable')}</label>
          {!isPlain && (
            <details className="field wide" open={Boolean(problemOf(error, 'tls_ca')) || undefined}>
              <summary>{t('webhooks.tls_ca')}</summary>
              <Field label={t('webhooks.tls_ca')} help={t('webhooks.tls_ca_help')} error={problemOf(error, 'tls_ca')}>{(p) => <textarea {...p} className="in mono" dir="ltr" rows={4} name="tls_ca" spellCheck={false} value={form.tls_ca} onChange={(e) => change({ tls_ca: e.target.value })} />}</Field>
            </details>
          )}
        </>
      )}
    </FormDialog>
  );
}
