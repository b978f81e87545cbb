// Sets up or changes an identity provider. Each type asks for what it needs and nothing else.
import { useState } from 'react';
import type { IdentityProvider, IdentityProviderInput, ProviderType, Role } from '@/api/types';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import { FormDialog } from './asset-forms';
import type { ProviderCalls } from './identity-providers';
import { ROLES } from './user-parts';

const TYPES: ProviderType[] = ['azure_ad', 'okta', 'google'];
/** A provider gives every role but the owner's. */
const GIVEN = ROLES.slice(0, 4);

interface Form {
  provider_type: ProviderType;
  display_name: string;
  client_id: string;
  client_secret: string;
  tenant_id: string;
  issuer_url: string;
  hosted_domain: string;
  scopes: string;
  group_claim: string;
  group_roles: { group: string; role: Role }[];
  default_role: Role | '';
  tls_ca: string;
  accept_plain_http: boolean;
  pinned_metadata: string;
  pinned_keys: string;
  is_enabled: boolean;
}

function formOf(p: IdentityProvider | null, first: Role | ''): Form {
  return {
    provider_type: p?.provider_type ?? 'azure_ad', display_name: p?.display_name ?? '', client_id: p?.client_id ?? '', client_secret: p?.client_secret ?? '', tenant_id: p?.tenant_id ?? '', issuer_url: p?.issuer_url ?? '', hosted_domain: p?.hosted_domain ?? '',
    scopes: (p?.scopes ?? ['profile', 'email']).join(' '), group_claim: p?.group_claim ?? 'groups', group_roles: p?.group_roles ?? [], default_role: p ? (p.default_role ?? '') : first, tls_ca: p?.tls_ca ?? '', accept_plain_http: p?.accept_plain_http ?? false,
    pinned_metadata: p?.pinned_metadata ?? '', pinned_keys: p?.pinned_keys ?? '', is_enabled: p?.is_enabled ?? false,
  };
}

function inputOf(form: Form): IdentityProviderInput {
  const groups = form.group_roles.filter((rule) => rule.group.trim() !== '');
  return { ...form, scopes: form.scopes.split(/\s+/).filter(Boolean), group_roles: form.provider_type === 'google' ? [] : groups, default_role: form.default_role || null };
}

function GroupRoles({ form, change, error }: { form: Form; change: (changes: Partial<Form>) => void; error: unknown }) {
  const { t, word } = useText();
  const rules = form.group_roles;
  const put = (at: number, next: Partial<{ group: string; role: Role }>) => change({ group_roles: rules.map((rule, i) => (i === at ? { ...rule, ...next } : rule)) });
  const problem = problemOf(error, 'group_roles');
  return (
    <fieldset className="field wide">
      <legend>{t('sso.group_roles')}</legend>
      <p className="help">{t('sso.group_roles_help')}</p>
      <div className="stack">
        {rules.map((rule, i) => (
          <div className="row wrap" key={i}>
            <input className="in mono grow" aria-label={t('sso.group')} name={`group_${i}`} value={rule.group} onChange={(e) => put(i, { group: e.target.value })} />
            <select className="in" aria-label={t('field.role')} name={`group_role_${i}`} value={rule.role} onChange={(e) => put(i, { role: e.target.value as Role })}>{GIVEN.map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>
            <button type="button" className="btn sm icon" aria-label={t('sso.group_remove')} onClick={() => change({ group_roles: rules.filter((_, at) => at !== i) })}><Icon name="trash" /></button>
          </div>
        ))}
        <div><button type="button" className="btn sm" data-action="add-group" onClick={() => change({ group_roles: [...rules, { group: '', role: 'engineer' }] })}><Icon name="plus" />{t('sso.group_add')}</button></div>
      </div>
      {problem && <div className="err"><span>{problem}</span></div>}
    </fieldset>
  );
}

interface Props {
  provider: IdentityProvider | null;
  calls: ProviderCalls;
  givesRoles: boolean;
  onClose: () => void;
  onSaved: () => void;
}

export function ProviderForm({ provider, calls, givesRoles, onClose, onSaved }: Props) {
  const { t, word } = useText();
  const [form, setForm] = useState(() => formOf(provider, givesRoles ? 'viewer' : ''));
  const change = (changes: Partial<Form>) => setForm({ ...form, ...changes });
  const type = form.provider_type;
  const save = () => (provider ? calls.update(provider.id, inputOf(form)) : calls.create(inputOf(form)));
  const text = (key: 'display_name' | 'client_id' | 'client_secret' | 'tenant_id' | 'issuer_url' | 'hosted_domain' | 'scopes' | 'group_claim', error: unknown, more: { required?: boolean; help?: string; secret?: boolean; prose?: boolean } = {}) => (
    <Field label={t(`sso.${key}`)} help={more.help} required={more.required} error={problemOf(error, key)}>
      {(p) => <input {...p} className={more.prose ? 'in' : 'in mono'} dir={more.prose ? 'auto' : 'ltr'} type={more.secret ? 'password' : 'text'} autoComplete="off" name={key} required={more.required} value={form[key]} onFocus={more.secret ? (e) => e.target.select() : undefined} onChange={(e) => setForm({ ...form, [key]: e.target.value })} />}
    </Field>
  );
  const long = (key: 'tls_ca' | 'pinned_metadata' | 'pinned_keys', error: unknown) => (
    <Field wide label={t(`sso.${key}`)} help={t(`sso.${key}_help`)} error={problemOf(error, key)}>{(p) => <textarea {...p} className="in mono" dir="ltr" rows={4} name={key} spellCheck={false} value={form[key]} onChange={(e) => setForm({ ...form, [key]: e.target.value })} />}</Field>
  );
  return (
    <FormDialog title={t(provider ? 'sso.edit' : 'sso.add')} onClose={onClose} onSaved={onSaved} save={save}>
      {(error) => (
        <>
          <Field label={t('sso.type')}>{(p) => <select {...p} className="in" name="provider_type" value={type} onChange={(e) => change({ provider_type: e.target.value as ProviderType })}>{TYPES.map((v) => <option key={v} value={v}>{word('provider_type', v)}</option>)}</select>}</Field>
          {text('display_name', error, { required: true, help: t('sso.display_name_help'), prose: true })}
          {type === 'azure_ad' && text('tenant_id', error, { required: true, help: t('sso.tenant_id_help') })}
          {type === 'google' && text('hosted_domain', error, { help: t('sso.hosted_domain_help') })}
          {text('issuer_url', error, { required: type === 'okta', help: t(type === 'okta' ? 'sso.issuer_url_help' : 'sso.issuer_url_usual') })}
          {text('client_id', error, { required: true })}
          {text('client_secret', error, { secret: true, help: t('sso.client_secret_help') })}
          {givesRoles && <Field label={t('sso.default_role')} help={t('sso.default_role_help')} error={problemOf(error, 'default_role')}>{(p) => <select {...p} className="in" name="default_role" value={form.default_role} onChange={(e) => change({ default_role: e.target.value as Role | '' })}><option value="">{t('sso.no_default')}</option>{GIVEN.map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>}</Field>}
          {givesRoles && type !== 'google' && <GroupRoles form={form} change={change} error={error} />}
          <label className="wide row s"><input type="checkbox" name="is_enabled" checked={form.is_enabled} onChange={(e) => change({ is_enabled: e.target.checked })} /> {t('sso.enable')}</label>
          <details className="field wide">
            <summary>{t('sso.more')}</summary>
            <div className="form-grid">
              {text('scopes', error, { help: t('sso.scopes_help') })}
              {givesRoles && type !== 'google' && text('group_claim', error, { help: t('sso.group_claim_help') })}
              {long('tls_ca', error)}
              {long('pinned_metadata', error)}
              {long('pinned_keys', error)}
              <label className="wide row s"><input type="checkbox" name="accept_plain_http" checked={form.accept_plain_http} onChange={(e) => change({ accept_plain_http: e.target.checked })} /> {t('sso.accept_plain_http')}</label>
            </div>
          </details>
        </>
      )}
    </FormDialog>
  );
}
