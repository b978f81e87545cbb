// Identity providers of the tenant: list, test step by step, and what a test sign-in showed.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { ClaimPreview, IdentityProvider, TestReport } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { StagedTest } from '@/components/staged-test';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { ProviderForm } from './provider-form';

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

function Provider({ provider, onEdit, onChanged }: { provider: IdentityProvider; onEdit: () => void; onChanged: () => void }) {
  const { t, word } = useText();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [report, setReport] = useState<TestReport | null>(null);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [shown] = useParameter('provider');
  const preview = useQuery({ queryKey: ['provider-preview', provider.id], queryFn: () => api.lastPreview(provider.id), enabled: shown === provider.id });
  const test = async () => {
    setRunning(true);
    setReport(null);
    setError(null);
    try {
      setReport(await api.testProvider(provider.id));
    } catch (e) {
      setError(e);
    }
    setRunning(false);
  };
  const trySignIn = async () => {
    setError(null);
    try {
      window.location.assign((await api.startPreview(provider.id)).url);
    } catch (e) {
      setError(e);
    }
  };
  const remove = () => confirm({ title: t('sso.remove_title', { name: provider.display_name }), body: t('sso.remove_body'), action: t('sso.remove'), danger: true, run: async () => { await api.deleteProvider(provider.id); toasts.done(t('toast.saved')); onChanged(); } });
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
          <dt>{t('sso.roles')}</dt><dd>{provider.group_roles.map((rule) => <div key={rule.group}><Tag>{rule.group}</Tag> {'→'} {word('role', rule.role)}</div>)}<div>{provider.default_role ? t('sso.others_get', { role: word('role', provider.default_role) }) : t('sso.others_out')}</div></dd>
        </dl>
        {provider.accept_plain_http && <Notice tone="warning">{t('sso.plain_accepted')}</Notice>}
        <InlineError error={error} />
        {(running || report) && <StagedTest stages={[]} running={running} report={report} order={STEPS} />}
        {preview.data?.preview && <Preview preview={preview.data.preview} />}
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

function Rules() {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const query = useQuery({ queryKey: ['sign-in-rules'], queryFn: api.signInRules });
  const save = async (only: boolean) => { await api.saveSignInRules({ sso_only: only }); await client.invalidateQueries({ queryKey: ['sign-in-rules'] }); };
  const change = (only: boolean) => confirm({ title: t(only ? 'sso.only_title' : 'sso.both_title'), body: t(only ? 'sso.only_body' : 'sso.both_body'), action: t(only ? 'sso.only_do' : 'sso.both_do'), danger: only, run: () => save(only) });
  if (!query.data) return null;
  const only = query.data.sso_only;
  return (
    <Pane title={t('sso.rules')} flush={false} end={<button type="button" className="btn sm" data-action="sign-in-rules" onClick={() => change(!only)}>{t(only ? 'sso.both_do' : 'sso.only_do')}</button>}>
      <p className="s">{t(only ? 'sso.only_now' : 'sso.both_now')}</p>
      {dialog}
    </Pane>
  );
}

export function IdentityProvidersPane() {
  const { t } = useText();
  const client = useQueryClient();
  const [editing, setEditing] = useState<IdentityProvider | 'new' | null>(null);
  const query = useQuery({ queryKey: ['identity-providers'], queryFn: api.identityProviders });
  const changed = () => void client.invalidateQueries({ queryKey: ['identity-providers'] });
  const add = <button type="button" className="btn pri" data-action="add-provider" onClick={() => setEditing('new')}><Icon name="plus" />{t('sso.add')}</button>;
  return (
    <div className="stack">
      <Loaded query={query} what={t('state.loading')}>
        {(list) => list.length === 0
          ? <section className="pane"><EmptyState icon="key" title={t('sso.none')} action={add}>{t('sso.none_why')}</EmptyState></section>
          : <><div className="actions">{add}</div>{list.map((provider) => <Provider key={provider.id} provider={provider} onEdit={() => setEditing(provider)} onChanged={changed} />)}<Rules /></>}
      </Loaded>
      {editing && <ProviderForm provider={editing === 'new' ? null : editing} onClose={() => setEditing(null)} onSaved={() => { setEditing(null); changed(); }} />}
    </div>
  );
}
