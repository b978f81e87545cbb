// Page states and messages: notice, empty, error, forbidden, loading.
import type { ReactNode } from 'react';
import { RequestFailed } from '@/api/http';
import { useSession } from '@/api/session';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { Icon, type IconName, StatusShape } from './icons';
import { AppLink } from './link';
import { Tag } from './marks';

export function Notice({ tone = 'plain', children, action }: { tone?: 'plain' | 'warning' | 'critical' | 'past'; children: ReactNode; action?: ReactNode }) {
  return (
    <div className={`note ${tone}`} role={tone === 'critical' ? 'alert' : 'status'}>
      {tone === 'warning' || tone === 'critical' ? <StatusShape shape={tone} /> : <Icon name={tone === 'past' ? 'clock' : 'info'} />}
      <div className="grow">{children}</div>
      {action}
    </div>
  );
}

export function EmptyState({ icon = 'doc', title, children, action }: { icon?: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="state">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action && <div className="actions">{action}</div>}
    </div>
  );
}

export function LoadingState({ what, rows = 5 }: { what: string; rows?: number }) {
  return (
    <div className="skel" role="status" aria-label={what}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} aria-hidden="true">
          <i style={{ inlineSize: 16 }} />
          <i style={{ flex: `0 1 ${30 + ((i * 17) % 22)}%` }} />
          <i style={{ flex: `0 1 ${12 + ((i * 7) % 10)}%` }} />
          <i style={{ marginInlineStart: 'auto', inlineSize: 80 }} />
        </div>
      ))}
      <p className="help">{what}</p>
    </div>
  );
}

/** The sentence of an error: the server's, else the catalogue's, else by kind of failure. */
export function errorSentence(error: unknown): string {
  const general = sentence('ui', 'error.unexpected') ?? '';
  if (!(error instanceof RequestFailed)) return general;
  return error.message || sentence('errors', error.code, error.params) || sentence('ui', `error.${error.code}`) || general;
}

export function Forbidden() {
  const { t, word } = useText();
  const { session } = useSession();
  return (
    <div className="state">
      <Icon name="lock" />
      <h2>{t('state.forbidden')}</h2>
      <p>{t('state.forbidden_why', { role: session ? word('role', session.role) : '' })}</p>
      <AppLink className="btn" to="/">{t('state.back_to_dashboard')}</AppLink>
    </div>
  );
}

export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useText();
  if (error instanceof RequestFailed && error.status === 403) return <Forbidden />;
  const failed = error instanceof RequestFailed ? error : null;
  const missing = failed?.status === 404;
  return (
    <div className="state" role="alert">
      <StatusShape shape={missing ? 'unknown' : 'critical'} />
      <h2>{t(missing ? 'state.not_found' : 'state.error')}</h2>
      {/* A page has no fields to mark: it says itself what is wrong with what was asked. */}
      {failed && failed.fields.length > 0 ? failed.fields.map((f) => <p key={`${f.field} ${f.code}`}>{f.message}</p>) : <p>{errorSentence(error)}</p>}
      <div className="actions">
        {retry && <button type="button" className="btn pri" onClick={retry}>{t('action.retry')}</button>}
        <AppLink className="btn" to="/">{t('state.back_to_dashboard')}</AppLink>
      </div>
      {failed && (
        <p className="help">
          <Tag>{failed.code}</Tag>
          {failed.requestId && <> · {t('state.request_id')} <Tag>{failed.requestId}</Tag></>}
        </p>
      )}
    </div>
  );
}

/** An error beside the form or button that caused it. */
export function InlineError({ error }: { error: unknown }) {
  if (!error) return null;
  const failed = error instanceof RequestFailed ? error : null;
  return (
    <Notice tone="critical">
      {errorSentence(error)}
      {failed && <div className="help"><Tag>{failed.code}</Tag>{failed.requestId && <> · <Tag>{failed.requestId}</Tag></>}</div>}
    </Notice>
  );
}
