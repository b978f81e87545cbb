// People of every tenant: create, change role, switch off, reset the password.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { RequestFailed } from '@/api/http';
import type { Role } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf, SearchInput, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { hub, type HubUser, type OneTime } from './api';
import { NothingFound, StateSelect, TenantSelect, useListFilters } from './filters';
import { FormDialog, OncePassword } from './parts';
import { UserState } from './plants';

const ROLES: Role[] = ['viewer', 'engineer', 'optimization_engineer', 'tenant_admin'];
const OWNER: Role = 'platform_owner';

/** No organisation can be asked about nobody's people: what is empty is then said here, with the hub's own words. */
function refuseNowhere(filled: Record<string, string>): void {
  if (filled.tenant_id) return;
  const empty = Object.keys(filled).filter((field) => !filled[field]);
  throw new RequestFailed(422, 'request.fields_wrong', '', '', empty.map((field) => ({ field, code: 'request.text_empty', message: '', params: {} })), { count: String(empty.length) });
}

/** What is wrong is asked of the hub, which names every field at once; a browser would stop at the first. */
export function UserForm({ onClose, onMade }: { onClose: () => void; onMade: (made: OneTime) => void }) {
  const { t, word, name } = useText();
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: hub.tenants });
  const [tenant, setTenant] = useState('');
  const [username, setUsername] = useState('');
  const [shown, setShown] = useState('');
  const [role, setRole] = useState<Role>('tenant_admin');
  const send = async () => {
    const who = { tenant_id: tenant, username: username.trim(), name: shown.trim() };
    refuseNowhere(who);
    onMade(await hub.createUser({ ...who, role }));
  };
  return (
    <FormDialog title={t('users.add')} submit={t('users.add')} send={send} onClose={onClose}>
      {(error) => (
        <>
          <Field label={t('hub.tenant')} error={problemOf(error, 'tenant_id', t('hub.tenant'))} required>
            {(p) => <select {...p} className="in" name="tenant" value={tenant} onChange={(e) => setTenant(e.target.value)}><option value="" />{tenants.data?.map((x) => <option key={x.id} value={x.id}>{name(x.names)}</option>)}</select>}
          </Field>
          <Field label={t('field.username')} error={problemOf(error, 'username', t('field.username'))} required>
            {(p) => <input {...p} className="in mono" name="username" value={username} onChange={(e) => setUsername(e.target.value)} />}
          </Field>
          <Field label={t('field.name')} error={problemOf(error, 'name', t('field.name'))} required>
            {(p) => <input {...p} className="in" name="name" value={shown} onChange={(e) => setShown(e.target.value)} />}
          </Field>
          <Field label={t('field.role')} error={problemOf(error, 'role')}>
            {(p) => <select {...p} className="in" name="role" value={role} onChange={(e) => setRole(e.target.value as Role)}>{ROLES.map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

export function UsersPage() {
  const { t, word } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const filters = useListFilters('users');
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<OneTime | null>(null);
  const query = useQuery({ queryKey: ['users'], queryFn: hub.users });
  const shows = (u: HubUser) => filters.has(u.name, u.username, u.email ?? null, u.tenant_code)
    && (!filters.org || u.tenant_id === filters.org) && (!filters.role || u.role === filters.role) && (!filters.state || (filters.state === 'active') === u.is_active);
  const changed = () => void client.invalidateQueries({ queryKey: ['users'] });
  useTitle(t('page.users'));
  const reset = (user: HubUser) => confirm({
    title: t('hub.reset'), body: t('hub.reset_what', { name: user.name }), action: t('hub.reset'), danger: true,
    run: async () => { setMade(await hub.resetPassword(user)); changed(); },
  });
  const update = async (user: HubUser, next: { role: Role; is_active: boolean }) => {
    try {
      await hub.updateUser(user, next);
      toasts.done(t('toast.saved'));
    } catch (error) {
      toasts.failed(error);
    }
    changed();
  };
  const disable = (user: HubUser) => confirm({
    title: t('hub.disable'), body: t('hub.disable_what', { name: user.name }), action: t('hub.disable'), danger: true,
    run: () => update(user, { role: user.role, is_active: false }),
  });
  const columns: Column<HubUser>[] = [
    { key: 'name', title: t('field.name'), sort: (u) => u.name, csv: (u) => u.username, cell: (u) => <span className="two"><b className="b"><bdi>{u.name}</bdi></b><small><Tag className="tail">{u.username}</Tag></small></span> },
    { key: 'tenant', title: t('hub.tenant'), sort: (u) => u.tenant_code, csv: (u) => u.tenant_code, cell: (u) => <Tag>{u.tenant_code}</Tag> },
    { key: 'role', title: t('field.role'), sort: (u) => u.role, csv: (u) => u.role, cell: (u) => (u.role === 'platform_owner' ? word('role', u.role) : <select className="in auto" aria-label={t('field.role')} value={u.role} onChange={(e) => void update(u, { role: e.target.value as Role, is_active: u.is_active })}>{ROLES.map((r) => <option key={r} value={r}>{word('role', r)}</option>)}</select>) },
    { key: 'state', title: t('field.state'), csv: (u) => (u.is_active ? 'active' : 'disabled'), cell: (u) => <UserState user={u} /> },
    { key: 'last', title: t('users.last_sign_in'), sort: (u) => u.last_sign_in_at, cell: (u) => <When at={u.last_sign_in_at} />, wideOnly: true },
    { key: 'act', title: '', end: true, cell: (u) => <span className="row end"><button type="button" className="btn sm" onClick={() => reset(u)}>{t('hub.reset')}</button><button type="button" className="btn sm" onClick={() => (u.is_active ? disable(u) : void update(u, { role: u.role, is_active: true }))}>{t(u.is_active ? 'hub.disable' : 'hub.enable')}</button></span> },
  ];
  return (
    <>
      <PageHead title={t('page.users')} sub={t('hub.users_sub')}>
        <button type="button" className="btn pri" onClick={() => setCreating(true)}><Icon name="plus" />{t('users.add')}</button>
      </PageHead>
      <div className="row wrap filters">
        <TenantSelect id="users" />
        <Select label={t('field.role')} value={filters.role} onChange={(v) => filters.set({ role: v })} options={[{ value: '', label: t('users.all_roles') }, ...[...ROLES, OWNER].map((r) => ({ value: r as string, label: word('role', r) }))]} />
        <StateSelect id="users" states={[{ value: 'active', label: t('users.active') }, { value: 'disabled', label: t('users.disabled') }]} />
        {filters.filtered && <button type="button" className="btn sm" onClick={filters.clear}>{t('action.clear_filters')}</button>}
      </div>
      <Pane title={t('page.users')} end={<SearchInput label={t('users.search')} value={filters.q} onChange={(v) => filters.set({ q: v })} />}>
        <Loaded query={query} what={t('users.loading')}>
          {(rows) => <DataTable id="users" label={t('page.users')} columns={columns} rows={rows.filter(shows)} rowKey={(u) => u.id} csvName="users" empty={<NothingFound query={filters.q} onClear={filters.clear} />} />}
        </Loaded>
      </Pane>
      {creating && <UserForm onClose={() => setCreating(false)} onMade={(x) => { setCreating(false); setMade(x); changed(); }} />}
      {made && <OncePassword made={made} onClose={() => setMade(null)} />}
      {dialog}
    </>
  );
}
