// Enrolment with a hub by a one-time code.
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import { Field, problemOf } from '@/components/fields';
import { InlineError } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';

export function Enrol({ onChanged }: { onChanged: () => void }) {
  const { t, p } = useText();
  const { may } = useSession();
  const [url, setUrl] = useState('');
  const [code, setCode] = useState('');
  const [ca, setCa] = useState('');
  const [plain, setPlain] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  if (!may('sync.write')) return null;
  const zone = p.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const enrol = async () => {
    setBusy(true);
    setError(null);
    try {
      await api.enrol({ hub_url: url, code, allow_plain_http: plain, tls_ca: ca || null, time_zone: zone });
      onChanged();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const isPlain = url.trim().startsWith('http:');
  return (
    <Pane title={t('sync.enrol_title')} flush={false}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); void enrol(); }}>
        <p className="mid">{t('sync.enrol_help')}</p>
        <Field label={t('sync.hub_url')} required error={problemOf(error, 'hub_url')}>{(x) => <input {...x} className="in" dir="ltr" type="url" value={url} onChange={(event) => setUrl(event.target.value)} />}</Field>
        <Field label={t('sync.code')} required error={problemOf(error, 'code')}>{(x) => <input {...x} className="in" dir="ltr" autoComplete="off" spellCheck={false} value={code} onChange={(event) => setCode(event.target.value)} />}</Field>
        {isPlain && <label className="row"><input type="checkbox" checked={plain} onChange={(event) => setPlain(event.target.checked)} />{t('sync.allow_plain')}</label>}
        {!isPlain && <Field label={t('sync.ca')} error={problemOf(error, 'tls_ca')}>{(x) => <textarea {...x} className="in" dir="ltr" rows={2} value={ca} onChange={(event) => setCa(event.target.value)} />}</Field>}
        <InlineError error={error} />
        <div className="actions"><button type="submit" className="btn pri" disabled={busy || !url.trim() || !code.trim() || (isPlain && !plain)}>{t('sync.enrol')}</button></div>
      </form>
    </Pane>
  );
}
