// First start: names the organisation and creates its first administrator.
import { type FormEvent, useState } from 'react';
import { Redirect } from 'wouter';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import { Door, useSetupStatus } from '@/components/door';
import { Field, problemOf } from '@/components/fields';
import { InlineError } from '@/components/notices';
import { PasswordInput } from '@/components/password';
import { useTitle } from '@/components/page';
import { useText } from '@/i18n/text';

export default function SetupPage() {
  const { t } = useText();
  const { accept } = useSession();
  const setup = useSetupStatus();
  const [form, setForm] = useState({ ar: '', en: '', name: '', username: '', email: '', password: '', again: '' });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  useTitle(t('page.setup'));
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
      await accept(await api.createFirst({ tenant, username: form.username.trim(), name: form.name.trim(), password: form.password, email: form.email.trim() || null }));
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
