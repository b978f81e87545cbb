// Sign-in, and the password change that a temporary password forces.
import { type FormEvent, useState } from 'react';
import { Redirect } from 'wouter';
import { api } from '@/api/calls';
import { RequestFailed } from '@/api/http';
import { useSession } from '@/api/session';
import { Door, useSetupStatus } from '@/components/door';
import { Field, problemOf } from '@/components/fields';
import { errorSentence, InlineError, Notice } from '@/components/notices';
import { PasswordInput } from '@/components/password';
import { useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { SsoButtons, SsoFailure, useSignInProviders } from './parts/sso-sign-in';

function SignIn() {
  const { t } = useText();
  const { enter, why } = useSession();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [reason, setReason] = useState('');
  const providers = useSignInProviders().data ?? [];
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [asksReason, setAsksReason] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await enter(await api.signIn({ username: username.trim(), password, emergency_reason: reason.trim() || null }));
    } catch (e) {
      // Only the right password learns that a reason is needed.
      if (e instanceof RequestFailed && e.code === 'session.emergency_reason_missing') setAsksReason(true);
      setError(e);
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <h1>{t('page.login')}</h1>
      {why && <Notice tone="warning">{errorSentence(why)}</Notice>}
      <SsoFailure />
      {providers.length > 0 && <><SsoButtons providers={providers} /><p className="help">{t(providers.every((p) => p.sso_only) ? 'sso.password_emergency' : 'sso.or_password')}</p></>}
      <Field label={t('field.username')}>
        {(p) => <input {...p} className="in mono" name="username" autoComplete="username" autoFocus required value={username} onChange={(e) => setUsername(e.target.value)} />}
      </Field>
      <Field label={t('field.password')}>
        {(p) => <PasswordInput {...p} name="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />}
      </Field>
      {asksReason && <Field label={t('sso.emergency_reason')} help={t('sso.emergency_help')}>{(p) => <input {...p} className="in" dir="auto" name="emergency_reason" required value={reason} onChange={(e) => setReason(e.target.value)} />}</Field>}
      <InlineError error={error} />
      <button type="submit" className="btn pri" disabled={busy}>{t('login.submit')}</button>
      <p className="help">{t('login.files')} <a href="/login?next=%2Fblackbox%2Finvestigation" data-link="investigation">{t('page.investigation')}</a></p>
      <p className="help">{t('login.audited')}</p>
    </form>
  );
}

export function ChangePassword({ onDone, first }: { onDone?: () => void; first?: boolean }) {
  const { t } = useText();
  const { accept, signOut } = useSession();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const differs = again !== '' && again !== next;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (next !== again) return;
    setBusy(true);
    setError(null);
    try {
      await accept(await api.changePassword({ current_password: current, new_password: next }));
      setCurrent('');
      setNext('');
      setAgain('');
      onDone?.();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      {first && <><h1>{t('login.change_title')}</h1><p className="prose">{t('login.change_why')}</p></>}
      <Field label={t(first ? 'field.temporary_password' : 'field.current_password')} error={problemOf(error, 'current_password')}>
        {(p) => <PasswordInput {...p} autoComplete="current-password" required value={current} onChange={(e) => setCurrent(e.target.value)} />}
      </Field>
      <Field label={t('field.new_password')} help={t('field.new_password.help')} error={problemOf(error, 'new_password')}>
        {(p) => <PasswordInput {...p} autoComplete="new-password" required value={next} onChange={(e) => setNext(e.target.value)} />}
      </Field>
      <Field label={t('field.repeat_password')} error={differs ? t('field.repeat_password.differs') : null}>
        {(p) => <PasswordInput {...p} autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.target.value)} />}
      </Field>
      <InlineError error={error} />
      <div className="actions">
        <button type="submit" className="btn pri" disabled={busy || differs}>{t('login.change_submit')}</button>
        {first && <button type="button" className="btn quiet" onClick={() => void signOut()}>{t('header.sign_out')}</button>}
      </div>
    </form>
  );
}

export default function LoginPage() {
  const { t } = useText();
  const { session } = useSession();
  const setup = useSetupStatus();
  useTitle(t('page.login'));
  if (setup.data?.needs_setup) return <Redirect to="/setup" replace />;
  return <Door>{session?.must_change_password ? <ChangePassword first /> : <SignIn />}</Door>;
}
