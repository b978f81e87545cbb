// Dialogs and panel of the users page. A temporary password is shown once and never again.
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSignedIn } from '@/api/session';
import type { CreatedUser, Role, TenantUser } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { Dialog, useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import { UserSessions, UserTokens } from './api-tokens';
import { FormDialog } from './asset-forms';

export const ROLES: Role[] = ['viewer', 'engineer', 'optimization_engineer', 'tenant_admin', 'platform_owner'];

/** Nobody gives a role above their own. */
export const rolesUpTo = (own: Role): Role[] => ROLES.slice(0, ROLES.indexOf(own) + 1);

export function UserForm({ onClose, onCreated }: { onClose: () => void; onCreated: (created: CreatedUser) => void }) {
  const { t, word } = useText();
  const session = useSignedIn();
  const [form, setForm] = useState({ username: '', name: '', email: '', role: 'viewer' as Role });
  const save = async () => onCreated(await api.createUser({ ...form, username: form.username.trim(), name: form.name.trim(), email: form.email.trim() || null }));
  return (
    <FormDialog title={t('users.add')} onClose={onClose} onSaved={() => undefined} save={save}>
      {(error) => (
        <>
          <Field label={t('field.name')} required error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" required value={form.name} onChange={(e) => setForm({ ...form, name: e.target.value })} />}</Field>
          <Field label={t('field.username')} required error={problemOf(error, 'username')}>{(p) => <input {...p} className="in mono" name="username" autoComplete="off" required value={form.username} onChange={(e) => setForm({ ...form, username: e.target.value })} />}</Field>
          <Field label={t('field.email')} help={t('field.optional')} error={problemOf(error, 'email')}>{(p) => <input {...p} className="in mono" type="email" name="email" value={form.email} onChange={(e) => setForm({ ...form, email: e.target.value })} />}</Field>
          <Field label={t('field.role')} help={t(`role.${form.role}`)} error={problemOf(error, 'role')}>{(p) => <select {...p} className="in" name="role" value={form.role} onChange={(e) => setForm({ ...form, role: e.target.value as Role })}>{rolesUpTo(session.role).map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>}</Field>
        </>
      )}
    </FormDialog>
  );
}

/** Name, e-mail and role of a user; what the identity provider decides is shown and stays. */
export function UserEdit({ user, onClose, onSaved }: { user: TenantUser; onClose: () => void; onSaved: () => void }) {
  const { t, word } = useText();
  const session = useSignedIn();
  const [form, setForm] = useState({ name: user.name, email: user.email ?? '', role: user.role });
  const owned = (field: string) => user.owned_by_provider.includes(field);
  const why = (field: string) => (owned(field) ? t('users.owned', { provider: user.provider ?? word('auth_source', 'sso') }) : undefined);
  const isSelf = user.id === session.user_id;
  const save = () => api.updateUser(user.id, { username: user.username, name: form.name.trim(), email: form.email.trim() || null, role: form.role, is_active: user.is_active });
  return (
    <FormDialog title={t('users.edit')} onClose={onClose} onSaved={onSaved} save={save}>
      {(error) => (
        <>
          <Field label={t('field.name')} required help={why('name')} error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" required disabled={owned('name')} value={form.name} onChange={(e) => setForm({ ...form, name: e.target.value })} />}</Field>
          <Field label={t('field.email')} help={why('email') ?? t('field.optional')} error={problemOf(error, 'email')}>{(p) => <input {...p} className="in mono" type="email" name="email" disabled={owned('email')} value={form.email} onChange={(e) => setForm({ ...form, email: e.target.value })} />}</Field>
          <Field label={t('field.role')} help={why('role') ?? t(`role.${form.role}`)} error={problemOf(error, 'role')}>{(p) => <select {...p} className="in" name="role" disabled={owned('role') || isSelf} value={form.role} onChange={(e) => setForm({ ...form, role: e.target.value as Role })}>{rolesUpTo(session.role).map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>}</Field>
        </>
      )}
    </FormDialog>
  );
}

export function TemporaryPassword({ created, onClose }: { created: CreatedUser; onClose: () => void }) {
  const { t } = useText();
  return (
    <Dialog title={t('users.password_title', { name: created.user.name })} onClose={onClose}>
      <div className="stack">
        <Notice tone="warning">{t('users.password_once')}</Notice>
        <dl className="kv"><dt>{t('field.username')}</dt><dd><Tag>{created.user.username}</Tag></dd><dt>{t('field.temporary_password')}</dt><dd><Tag className="b password" wrap>{created.temporary_password}</Tag></dd></dl>
        <div className="actions"><CopyButton text={created.temporary_password} /><button type="button" className="btn pri" onClick={onClose}>{t('users.password_noted')}</button></div>
      </div>
    </Dialog>
  );
}

export function UserPanel({ user, onClose, onChanged, onReset }: { user: TenantUser; onClose: () => void; onChanged: () => void; onReset: (created: CreatedUser) => void }) {
  const { t, word } = useText();
  const session = useSignedIn();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const self = user.id === session.user_id;
  const above = ROLES.indexOf(user.role) > ROLES.indexOf(session.role);
  const locked = self || above || !session.permissions.includes('users.write');
  const update = async (changes: Partial<TenantUser>) => {
    await api.updateUser(user.id, { username: user.username, email: user.email, name: user.name, role: user.role, is_active: user.is_active, ...changes });
    toasts.done(t('toast.saved'));
    onChanged();
  };
  const disable = () => confirm({ title: t('users.disable_title', { name: user.name }), body: t('users.disable_body'), action: t('users.disable'), danger: true, run: () => update({ is_active: false }) });
  const owned = user.owned_by_provider.includes('role');
  const [editing, setEditing] = useState(false);
  const reset = () => confirm({ title: t('users.reset_title', { name: user.name }), body: t('users.reset_body'), action: t('users.reset'), run: async () => { onReset(await api.resetPassword(user.id)); onChanged(); } });
  return (
    <aside className="pane side" aria-label={user.name}>
      <button type="button" className="btn quiet sm icon shut" aria-label={t('action.close')} onClick={onClose}><Icon name="close" /></button>
      <div className="pt"><h2><bdi>{user.name}</bdi></h2></div>
      <div className="pb stack">
        <dl className="kv">
          <dt>{t('field.username')}</dt><dd><Tag>{user.username}</Tag></dd>
          {user.email && <><dt>{t('field.email')}</dt><dd><Tag wrap>{user.email}</Tag></dd></>}
          <dt>{t('users.signs_in_with')}</dt><dd>{user.provider ? <bdi>{user.provider}</bdi> : word('auth_source', user.auth_source)}</dd>
          <dt>{t('users.created')}</dt><dd><When at={user.created_at} /></dd>
          <dt>{t('users.last_sign_in')}</dt><dd><When at={user.last_sign_in_at} /></dd>
        </dl>
        <Field label={t('field.role')} help={owned ? t('users.owned', { provider: user.provider ?? word('auth_source', 'sso') }) : t(`role.${user.role}`)}>{(p) => <select {...p} className="in" disabled={locked || owned} value={user.role} onChange={(e) => void update({ role: e.target.value as Role }).catch(toasts.failed)}>{(above ? ROLES : rolesUpTo(session.role)).map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>}</Field>
        {user.must_change_password && <Notice tone="warning">{t('users.temporary_why')}</Notice>}
        {self && <p className="help">{t('users.self')}</p>}
        {above && <p className="help">{t('users.above')}</p>}
        <UserSessions user={user} mayEnd={!locked} />
        <UserTokens user={user} mayEnd={!above && session.permissions.includes('users.write')} />
      </div>
      {!locked && (
        <div className="pf actions">
          <button type="button" className="btn" data-action="edit-user" onClick={() => setEditing(true)}><Icon name="edit" />{t('users.edit')}</button>
          {user.is_active && user.auth_source === 'local' && <button type="button" className="btn" onClick={reset}>{t('users.reset')}</button>}
          {user.is_active ? <button type="button" className="btn danger end" onClick={disable}>{t('users.disable')}</button> : <button type="button" className="btn" onClick={() => void update({ is_active: true }).catch(toasts.failed)}>{t('users.enable')}</button>}
        </div>
      )}
      {dialog}
      {editing && <UserEdit user={user} onClose={() => setEditing(false)} onSaved={() => { setEditing(false); onChanged(); }} />}
    </aside>
  );
}
