// First start: names the organisation and creates its first administrator.
import { type FormEvent, useEffect, useState } from 'react';
import { Redirect } from 'wouter';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SetupResult } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { useConfirm } from '@/components/dialog';
import { Door, useSetupStatus } from '@/components/door';
import { Field, problemOf } from '@/components/fields';
import { Tag } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { PasswordInput } from '@/components/password';
import { useTitle } from '@/components/page';
import { useText } from '@/i18n/text';

/** The owner's temporary password exists on this screen only. */
function OwnerAccount({ made, onContinue }: { made: SetupResult; onContinue: () => void }) {
  const { t } = useText();
  const [confirm, dialog] = useConfirm();
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, []);
  // A page of the history to fall back on: going back lands here and is asked about.
  useEffect(() => { window.history.pushState(null, '', window.location.href); }, []);
  useEffect(() => {
    const back = () => {
      window.history.pushState(null, '', '/setup');
      confirm({ title: t('setup.leave_title'), body: t('setup.leave_body'), action: t('setup.leave_action'), danger: true, run: async () => onContinue() });
    };
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, [confirm, onContinue, t]);
  return (
    <div className="stack">
      <h1>{t('setup.owner_title')}</h1>
      <p className="prose">{t('setup.owner_why')}</p>
      <Notice tone="warning">{t('users.password_once')}</Notice>
      <dl className="kv">
        <dt>{t('field.username')}</dt><dd><Tag>{made.platform_owner_username}</Tag></dd>
        <dt>{t('field.temporary_password')}</dt><dd><Tag className="b password" wrap>{made.platform_owner_password}</Tag></dd>
      </dl>
      <div className="actions"><CopyButton text={made.platform_owner_password} /><button type="button" className="btn pri" onClick={onContinue}>{t('setup.owner_noted')}</button></div>
      {dialog}
    </div>
  );
}

export default function SetupPage() {
  const { t } = useText();
  const { accept } = useSession();
  const setup = useSetupStatus();
  const [form, setForm] = useState({ ar: '', en: '', name: '', username: '', email: '', password: '', again: '' });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<SetupResult | null>(null);
  useTitle(t('page.setup'));
  if (made) return <Door><OwnerAccount made={made} onContinue={() => void accept(made)} /></Door>;
  if (setup.data && !setup.data.needs_setup) return <Redirect to="/login" replace />;

  const set = (name: keyof typeof form) => (event: { target: { value: string } }) => setForm({ ...form, [name]: event.target.value });
  const differs = form.again !== '' && form.again !== form.password;
  const nameless = form.ar.trim() === '' && form.en.trim() === '';
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (differs || nameless) return;
    setBusy(true);
    setError(null);
    try {
      const tenant = { ar: form.ar.trim(), en: form.en.trim() };
      setMade(await api.createFirst({ tenant, username: form.username.trim(), name: form.name.trim(), password: form.password, email: form.email.trim() || null }));
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Door>
      <form onSubmit={(event) => void submit(event)}>
        <div>
          <h1>{t('setup.title')}</h1>
          <p className="prose">{t('setup.why')}</p>
        </div>
        <div className="form-grid">
          <Field label={t('setup.tenant_ar')} error={problemOf(error, 'tenant.ar') ?? problemOf(error, 'tenant')}>{(p) => <input {...p} className="in" dir="rtl" lang="ar" name="tenant_ar" autoFocus value={form.ar} onChange={set('ar')} />}</Field>
          <Field label={t('setup.tenant_en')} error={problemOf(error, 'tenant.en')}>{(p) => <input {...p} className="in" dir="ltr" lang="en" name="tenant_en" value={form.en} onChange={set('en')} />}</Field>
          <p className="help wide">{t('setup.tenant_help')}</p>
          <Field label={t('field.name')} required error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" autoComplete="name" required value={form.name} onChange={set('name')} />}</Field>
          <Field label={t('field.username')} required error={problemOf(error, 'username')}>{(p) => <input {...p} className="in mono" name="username" autoComplete="username" required value={form.username} onChange={set('username')} />}</Field>
          <Field wide label={t('field.email')} help={t('field.optional')} error={problemOf(error, 'email')}>{(p) => <input {...p} className="in mono" type="email" name="email" autoComplete="email" value={form.email} onChange={set('email')} />}</Field>
          <Field wide label={t('field.password')} required help={t('field.new_password.help')} error={problemOf(error, 'password')}>{(p) => <PasswordInput {...p} name="password" autoComplete="new-password" required value={form.password} onChange={set('password')} />}</Field>
          <Field wide label={t('field.repeat_password')} required error={differs ? t('field.repeat_password.differs') : null}>{(p) => <PasswordInput {...p} name="again" autoComplete="new-password" required value={form.again} onChange={set('again')} />}</Field>
        </div>
        <InlineError error={error} />
        <button type="submit" className="btn pri" disabled={busy || differs || nameless}>{t('setup.submit')}</button>
      </form>
    </Door>
  );
}
