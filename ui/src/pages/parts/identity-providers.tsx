// Identity providers: list, test step by step, and what a test sign-in showed. An appliance shows those of its tenant, a
// hub those of the tenant or of the platform; what is asked goes where each of them answers.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ClaimPreview, IdentityProvider, IdentityProviderInput, TestReport } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag, Toward, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded } from '@/components/page';
import { StagedTest } from '@/components/staged-test';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { ProviderForm } from './provider-form';

/** Where the providers are. */
export interface ProviderCalls {
  list: () => Promise<IdentityProvider[]>;
  create: (body: IdentityProviderInput) => Promise<IdentityProvider>;
  update: (id: string, body: IdentityProviderInput) => Promise<IdentityProvider>;
  remove: (id: string) => Promise<unknown>;
  test: (id: string) => Promise<TestReport>;
  startPreview: (id: string) => Promise<{ url: string }>;
  lastPreview: (id: string) => Promise<{ preview?: ClaimPreview | null }>;
}

interface PaneProps {
  calls: ProviderCalls;
  /** Whether a provider gives roles by its groups; owners of a platform are named one by one instead. */
  givesRoles?: boolean;
  /** What else belongs to a provider. */
  more?: (provider: IdentityProvider) => ReactNode;
  /** What holds for all of them, once there is one. */
  rules?: ReactNode;
}

const STEPS = ['dns', 'tcp', 'tls', 'discovery', 'issuer', 'endpoints', 'keys', 'clock', 'client'];

function Preview({ preview }: { preview: ClaimPreview }) {
  const { t, word } = useText();
  const facts: [string, string | null][] = [['username', preview.username], ['name', preview.name], ['email', preview.email], ['subject', preview.subject], ['issuer', preview.issuer]];
  return (
    <section className="stack" data-preview={preview.problem ? 'failed' : 'ok'}>
      <h3>{t('sso.preview_title')} <span className="cap dim"><When at={preview.at} /></span></h3>
      {preview.problem && <Notice tone="critical">{preview.problem.message}</Notice>}
      {preview.role && <Notice>{preview.role_group ? t('sso.preview_role_group', { role: word('role', preview.role), group: preview.role_group }) : t('sso.preview_role', { role: word('role', preview.role) })}</Notice>}
      {preview.subject && <dl className="kv">{facts.map(([key, value]) => <div key={key} className="kv-row"><dt>{t(`sso.fact.${key}`)}</dt><dd>{value ? <Tag wrap>{value}</Tag> : '—'}</dd></div>)}</dl>}
      {preview.claims.length > 0 && (
        <details open><summary className="s">{t('sso.preview_claims', { n: preview.claims.length })}</summary>
          <ul className="list">{preview.claims.map((c) => <li key={c.name}><div className="grow"><Tag className="b">{c.name}</Tag>{c.from_user_info && <span className="cap dim"> · {t('sso.from_user_info')}</span>}</div><Tag wrap>{c.value}</Tag></li>)}</ul>
        </details>
      )}
    </section>
  );
}

function Provider({ provider, calls, givesRoles, more, onEdit, onChanged }: Omit<PaneProps, 'rules'> & { provider: IdentityProvider; onEdit: () => void; onChanged: () => void }) {
  const { t, word } = useText();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [report, setReport] = useState<TestReport | null>(null);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [shown] = useParameter('provider');
  const preview = useQuery({ queryKey: ['provider-preview', provider.id], queryFn: () => calls.lastPreview(provider.id), enabled: shown === provider.id });
  const test = async () => {
    setRunning(true);
    setReport(null);
    setError(null);
    try {
      setReport(await calls.test(provider.id));
    } catch (e) {
      setError(e);
    }
    setRunning(false);
  };
  const trySignIn = async () => {
    setError(null);
    try {
      window.location.assign((await calls.startPreview(provider.id)).url);
    } catch (e) {
      setError(e);
    }
  };
  const remove = () => confirm({ title: t('sso.remove_title', { name: provider.display_name }), body: t('sso.remove_body'), action: t('sso.remove'), danger: true, run: async () => { await calls.remove(provider.id); toasts.done(t('toast.saved')); onChanged(); } });
  return (
    <article className="pane" data-provider={provider.display_name}>
      <div className="pt"><h2><bdi>{provider.display_name}</bdi></h2><span className="end st mid"><Icon name={provider.is_enabled ? 'check' : 'close'} />{t(provider.is_enabled ? 'sso.on' : 'sso.off')}</span></div>
      <div className="pb stack">
        <dl className="kv">
          <dt>{t('sso.type')}</dt><dd>{word('provider_type', provider.provider_type)}</dd>
          {provider.issuer_url && <><dt>{t('sso.issuer_url')}</dt><dd><Tag wrap>{provider.issuer_url}</Tag></dd></>}
          {provider.tenant_id && <><dt>{t('sso.tenant_id')}</dt><dd><Tag wrap>{provider.tenant_id}</Tag></dd></>}
          <dt>{t('sso.client_id')}</dt><dd><Tag wrap>{provider.client_id}</Tag></dd>
          <dt>{t('sso.redirect_uri')}</dt><dd className="row wrap"><Tag wrap>{provider.redirect_uri}</Tag><CopyButton text={provider.redirect_uri} className="btn sm" /></dd>
          {givesRoles && <><dt>{t('sso.roles')}</dt><dd>{provider.group_roles.map((rule) => <div key={rule.group}><Tag>{rule.group}</Tag> <Toward /> {word('role', rule.role)}</div>)}<div>{provider.default_role ? t('sso.others_get', { role: word('role', provider.default_role) }) : t('sso.others_out')}</div></dd></>}
        </dl>
        {provider.accept_plain_http && <Notice tone="warning">{t('sso.plain_accepted')}</Notice>}
        <InlineError error={error} />
        {(running || report) && <StagedTest stages={[]} running={running} report={report} order={STEPS} />}
        {preview.data?.preview && <Preview preview={preview.data.preview} />}
        {more?.(provider)}
      </div>
      <div className="pf actions">
        <button type="button" className="btn" data-action="test-provider" disabled={running} onClick={() => void test()}>{t('action.test')}</button>
        <button type="button" className="btn" data-action="preview-provider" onClick={() => void trySignIn()}>{t('sso.try')}</button>
        <button type="button" className="btn" onClick={onEdit}><Icon name="edit" />{t('sso.edit')}</button>
        <button type="button" className="btn danger end" onClick={remove}>{t('sso.remove')}</button>
      </div>
      {dialog}
    </article>
  );
}

export function IdentityProvidersPane({ calls, givesRoles = true, more, rules }: PaneProps) {
  const { t } = useText();
  const client = useQueryClient();
  const [editing, setEditing] = useState<IdentityProvider | 'new' | null>(null);
  const query = useQuery({ queryKey: ['identity-providers'], queryFn: calls.list });
  const changed = () => void client.invalidateQueries({ queryKey: ['identity-providers'] });
  const add = <button type="button" className="btn pri" data-action="add-provider" onClick={() => setEditing('new')}><Icon name="plus" />{t('sso.add')}</button>;
  return (
    <div className="stack">
      <Loaded query={query} what={t('state.loading')}>
        {(list) => list.length === 0
          ? <section className="pane"><EmptyState icon="key" title={t('sso.none')} action={add}>{t(givesRoles ? 'sso.none_why' : 'hub.sso_none_why')}</EmptyState></section>
          : <><div className="actions">{add}</div>{list.map((provider) => <Provider key={provider.id} provider={provider} calls={calls} givesRoles={givesRoles} more={more} onEdit={() => setEditing(provider)} onChanged={changed} />)}{rules}</>}
      </Loaded>
      {editing && <ProviderForm provider={editing === 'new' ? null : editing} calls={calls} givesRoles={givesRoles} onClose={() => setEditing(null)} onSaved={() => { setEditing(null); changed(); }} />}
    </div>
  );
}
