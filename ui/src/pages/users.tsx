// Users of the tenant: who may sign in, with which role.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { CreatedUser, TenantUser } from '@/api/types';
import { SearchInput, Select } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { ROLES, TemporaryPassword, UserForm, UserPanel } from './parts/user-parts';

function State({ user }: { user: TenantUser }) {
  const { t } = useText();
  if (!user.is_active) return <span className="st mid"><Icon name="close" />{t('users.disabled')}</span>;
  if (user.must_change_password) return <span className="st warning"><StatusShape shape="warning" />{t('users.temporary')}</span>;
  return <span className="st mid"><Icon name="check" />{t('users.active')}</span>;
}

export default function UsersPage() {
  const { t, word, n } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<CreatedUser | null>(null);
  const [role, q, selected] = ['role', 'q', 'user'].map((k) => parameters.get(k) ?? '') as [string, string, string];
  const query = useQuery({ queryKey: ['users'], queryFn: api.users });
  const changed = () => void client.invalidateQueries({ queryKey: ['users'] });
  const fold = (text: string) => text.toLocaleLowerCase().normalize('NFKC');
  const shown = (query.data ?? []).filter((u) => (!role || u.role === role) && (!q || fold(`${u.name} ${u.username} ${u.email ?? ''}`).includes(fold(q))));
  const user = query.data?.find((u) => u.id === selected);
  const columns: Column<TenantUser>[] = [
    { key: 'name', title: t('field.name'), sort: (u) => u.name, csv: (u) => u.name, cell: (u) => <span className="row"><span className="avatar" aria-hidden="true">{[...u.name][0]}</span><span className="two"><button type="button" className="link b" onClick={(e) => { e.stopPropagation(); change({ user: u.id }); }}><bdi>{u.name}</bdi></button><small><Tag>{u.username}</Tag></small></span></span> },
    { key: 'role', title: t('field.role'), sort: (u) => ROLES.indexOf(u.role), csv: (u) => u.role, cell: (u) => word('role', u.role) },
    { key: 'auth_source', title: t('users.signs_in_with'), sort: (u) => u.auth_source, csv: (u) => u.auth_source, cell: (u) => <span className="st mid"><Icon name={u.auth_source === 'local' ? 'key' : 'globe'} />{word('auth_source', u.auth_source)}</span>, wideOnly: true },
    { key: 'state', title: t('field.state'), csv: (u) => (u.is_active ? 'active' : 'disabled'), cell: (u) => <State user={u} /> },
    { key: 'last_sign_in_at', title: t('users.last_sign_in'), sort: (u) => u.last_sign_in_at, csv: (u) => u.last_sign_in_at && new Date(u.last_sign_in_at).toISOString(), cell: (u) => <When at={u.last_sign_in_at} />, wideOnly: true },
  ];
  return (
    <>
      <PageHead title={t('page.users')} sub={t('users.sub')}>
        <Select label={t('field.role')} value={role} onChange={(v) => change({ role: v })} options={[{ value: '', label: t('users.all_roles') }, ...ROLES.map((r) => ({ value: r as string, label: word('role', r) }))]} />
        {may('users.write') && <button type="button" className="btn pri" onClick={() => setCreating(true)}><Icon name="plus" />{t('users.add')}</button>}
      </PageHead>
      <div className={user ? 'twin with-panel' : 'twin'}>
        <Pane title={t('users.count', { n: query.data?.length ?? 0 })} end={<SearchInput label={t('users.search')} value={q} onChange={(v) => change({ q: v })} />}>
          <Loaded query={query} what={t('users.loading')}>
            {() => <DataTable id="users" label={t('page.users')} columns={columns} rows={shown} rowKey={(u) => u.id} onRow={(u) => change({ user: u.id })} selected={selected} csvName="users" empty={<EmptyState icon="users" title={t('empty.search', { query: q || word('role', role || 'viewer') })} action={<button type="button" className="btn" onClick={() => change({ q: null, role: null })}>{t('action.clear_filters')}</button>} />} />}
          </Loaded>
        </Pane>
        {user && <UserPanel key={user.id} user={user} onClose={() => change({ user: null })} onChanged={changed} onReset={setCreated} />}
      </div>
      <RolesPane />
      {creating && <UserForm onClose={() => setCreating(false)} onCreated={(made) => { setCreating(false); setCreated(made); changed(); }} />}
      {created && <TemporaryPassword created={created} onClose={() => setCreated(null)} />}
      <span className="sr" aria-live="polite">{t('table.count', { shown: n(shown.length, 0), total: n(query.data?.length ?? 0, 0) })}</span>
    </>
  );
}

/** What each role may do, in one sentence each. */
function RolesPane() {
  const { t, word } = useText();
  return (
    <div className="roles-pane">
      <Pane title={t('users.roles')} flush={false}>
        <dl className="kv">{ROLES.map((r) => <div key={r} className="kv-row"><dt>{word('role', r)}</dt><dd className="mid">{t(`role.${r}`)}</dd></div>)}</dl>
      </Pane>
    </div>
  );
}
