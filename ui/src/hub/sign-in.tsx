// The door of the console: sign-in, the first own password, the second factor.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { RequestFailed } from '@/api/http';
import { CopyButton } from '@/components/copy';
import { DoorMotif } from '@/components/door-motif';
import { Field, problemOf } from '@/components/fields';
import { errorSentence, InlineError, Notice } from '@/components/notices';
import { useTitle } from '@/components/page';
import { PasswordInput } from '@/components/password';
import { QrCode } from '@/components/qr-code';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { SsoButton, SsoFailure } from '@/pages/parts/sso-sign-in';
import { Brand } from '@/shell/brand';
import { hub, type HubSession, type HubSignInProvider, type TotpSetup } from './api';
import { LooksSwitches } from './app';

type Done = (session: HubSession) => void;

/** A form that sends once at a time and shows what went wrong. */
function Sending({ title, why, submit, send, children }: { title: string; why?: string; submit: string; send: () => Promise<void>; children: (error: unknown) => ReactNode }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await send();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void onSubmit(event)}>
      <h1>{title}</h1>
      {why && <p className="prose">{why}</p>}
      {children(error)}
      <InlineError error={error} />
      <button type="submit" className="btn pri" disabled={busy}>{submit}</button>
    </form>
  );
}

function CodeField({ value, onChange, error }: { value: string; onChange: (code: string) => void; error?: string | null }) {
  const { t } = useText();
  return (
    <Field label={t('hub.code')} help={t('hub.code.help')} error={error}>
      {(p) => <input {...p} className="in mono" dir="ltr" name="code" inputMode="numeric" autoComplete="one-time-code" maxLength={6} autoFocus value={value} onChange={(e) => onChange(e.target.value)} />}
    </Field>
  );
}

/** Back to where somebody was; the server looks at it again. */
function startOf(provider: HubSignInProvider): string {
  const search = new URLSearchParams(window.location.search);
  search.delete('sso');
  const next = window.location.pathname + (search.size > 0 ? `?${search.toString()}` : '');
  return `/auth/sso/${provider.tenant_id}/${provider.id}/start?next=${encodeURIComponent(next)}`;
}

/** The providers of the organisation whose code was typed. */
function Providers({ tenant }: { tenant: string }) {
  const { t } = useText();
  const [code, setCode] = useState(tenant);
  useEffect(() => {
    const later = setTimeout(() => setCode(tenant), 300);
    return () => clearTimeout(later);
  }, [tenant]);
  const query = useQuery({ queryKey: ['sign-in-providers', code], queryFn: () => hub.signInProviders(code), staleTime: 60_000 });
  if (!query.data?.length) return null;
  return (
    <div className="stack sso-buttons">
      {query.data.map((provider) => <SsoButton key={provider.id} href={startOf(provider)} name={provider.display_name} />)}
      <p className="help">{t(query.data.every((p) => p.sso_only) ? 'sso.password_emergency' : 'sso.or_password')}</p>
    </div>
  );
}

function SignIn({ why, onSession }: { why: RequestFailed | null; onSession: Done }) {
  const { t } = useText();
  const [asked] = useParameter('tenant');
  const [tenant, setTenant] = useState(asked);
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [asksCode, setAsksCode] = useState(false);
  const [reason, setReason] = useState('');
  const [asksReason, setAsksReason] = useState(false);
  const send = async () => {
    try {
      onSession(await hub.signIn({ tenant: tenant.trim(), username: username.trim(), password, code: asksCode ? code : null, emergency_reason: asksReason ? reason.trim() : null }));
    } catch (error) {
      // Only the right password learns that a reason is needed.
      if (error instanceof RequestFailed && error.code === 'session.emergency_reason_missing') setAsksReason(true);
      // Being asked for the code is a step on the way, no failure.
      if (!(error instanceof RequestFailed && error.code === 'hub.totp_required')) throw error;
      setAsksCode(true);
    }
  };
  return (
    <Sending title={t('page.login')} submit={t('login.submit')} send={send}>
      {() => (
        <>
          {why && <Notice tone="warning">{errorSentence(why)}</Notice>}
          <SsoFailure />
          <Field label={t('hub.tenant_code')} help={t('hub.tenant_code.door')}>
            {(p) => <input {...p} className="in mono" dir="ltr" name="tenant" autoComplete="organization" value={tenant} onChange={(e) => setTenant(e.target.value)} />}
          </Field>
          <Providers tenant={tenant.trim()} />
          <Field label={t('field.username')}>
            {(p) => <input {...p} className="in mono" name="username" autoComplete="username" required value={username} onChange={(e) => setUsername(e.target.value)} />}
          </Field>
          <Field label={t('field.password')}>
            {(p) => <PasswordInput {...p} name="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />}
          </Field>
          {asksReason && <Field label={t('sso.emergency_reason')} help={t('sso.emergency_help')}>{(p) => <input {...p} className="in" dir="auto" name="emergency_reason" required value={reason} onChange={(e) => setReason(e.target.value)} />}</Field>}
          {asksCode && <CodeField value={code} onChange={setCode} />}
        </>
      )}
    </Sending>
  );
}

function OwnPassword({ onSession }: { onSession: Done }) {
  const { t } = useText();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  return (
    <Sending title={t('login.change_title')} why={t('login.change_why')} submit={t('login.change_submit')} send={async () => onSession(await hub.changePassword({ current_password: current, new_password: next }))}>
      {(error) => (
        <>
          <Field label={t('field.temporary_password')} error={problemOf(error, 'current_password')}>
            {(p) => <PasswordInput {...p} autoComplete="current-password" required value={current} onChange={(e) => setCurrent(e.target.value)} />}
          </Field>
          <Field label={t('field.new_password')} help={t('field.new_password.help')} error={problemOf(error, 'new_password')}>
            {(p) => <PasswordInput {...p} autoComplete="new-password" required value={next} onChange={(e) => setNext(e.target.value)} />}
          </Field>
        </>
      )}
    </Sending>
  );
}

function SecondFactor({ onSession }: { onSession: Done }) {
  const { t } = useText();
  const [setup, setSetup] = useState<TotpSetup | null>(null);
  const [code, setCode] = useState('');
  const begin = async () => setSetup(await hub.beginTotp());
  if (!setup) return <Sending title={t('hub.totp')} why={t('hub.totp_why')} submit={t('hub.totp_begin')} send={begin}>{() => null}</Sending>;
  return (
    <Sending title={t('hub.totp')} why={t('hub.totp_type')} submit={t('hub.totp_confirm')} send={async () => onSession(await hub.confirmTotp(code))}>
      {(error) => (
        <>
          <QrCode text={setup.address} label={t('hub.totp_picture')} />
          <div className="row wrap"><bdi className="tag b" dir="ltr" data-secret>{setup.secret.match(/.{1,4}/g)?.join(' ')}</bdi><CopyButton text={setup.secret} /></div>
          <CodeField value={code} onChange={setCode} error={problemOf(error, 'code')} />
        </>
      )}
    </Sending>
  );
}

/** `why` is how the session ended that was open here. */
export function SignInPage({ session, why, onSession }: { session: HubSession | null; why: RequestFailed | null; onSession: Done }) {
  const { t } = useText();
  useTitle(t('page.login'));
  const form = !session ? <SignIn why={why} onSession={onSession} /> : session.must_change_password ? <OwnPassword onSession={onSession} /> : <SecondFactor onSession={onSession} />;
  return (
    <div className="door">
      <aside>
        <span className="brand"><Brand />{t('brand')}</span>
        <p className="claim">{t('hub.claim')}</p>
        <p className="prose">{t('hub.what')}</p>
        <DoorMotif />
      </aside>
      <main id="main">
        <div className="row"><span className="chip">{t('hub.name')}</span><span className="grow" /><LooksSwitches /></div>
        {form}
      </main>
    </div>
  );
}
