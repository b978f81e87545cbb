// Tenants of the hub: who there is and how they fare.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf, SearchInput } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { hub, type HubTenant, type HubUser, type OneTime } from './api';
import { NothingFound, StateSelect, useListFilters } from './filters';
import { FormDialog, OncePassword } from './parts';
import { RulesForm } from './sign-in-rules';
import { DemoChip } from './words';

/** What is wrong is asked of the hub, which names every field at once; a browser would stop at the first. */
export function TenantForm({ tenant, onClose, onSaved }: { tenant: HubTenant | null; onClose: () => void; onSaved: () => void }) {
  const { t } = useText();
  const [code, setCode] = useState(tenant?.code ?? '');
  const [names, setNames] = useState(tenant?.names ?? { en: '', ar: '' });
  const send = async () => {
    await (tenant ? hub.updateTenant(tenant, names) : hub.createTenant({ code: code.trim(), names }));
    onSaved();
  };
  return (
    <FormDialog title={t(tenant ? 'hub.tenant_edit' : 'hub.tenant_add')} submit={t('action.save')} send={send} onClose={onClose}>
      {(error) => (
        <>
          <Field label={t('hub.tenant_code')} help={t('hub.tenant_code.help')} error={problemOf(error, 'code')} required>
            {(p) => <input {...p} className="in mono" dir="ltr" name="code" disabled={tenant !== null} value={code} onChange={(e) => setCode(e.target.value)} />}
          </Field>
          <Field label={t('hub.name_ar')} error={problemOf(error, 'names') ?? problemOf(error, 'names.ar')}>
            {(p) => <input {...p} className="in" dir="rtl" name="ar" value={names.ar} onChange={(e) => setNames({ ...names, ar: e.target.value })} />}
          </Field>
          <Field label={t('hub.name_en')} error={problemOf(error, 'names.en')}>
            {(p) => <input {...p} className="in" dir="ltr" name="en" value={names.en} onChange={(e) => setNames({ ...names, en: e.target.value })} />}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

export function TenantsPage() {
  const { t, name, n } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const filters = useListFilters('tenants');
  const [editing, setEditing] = useState<HubTenant | 'new' | null>(null);
  const [made, setMade] = useState<OneTime | null>(null);
  const [requiring, setRequiring] = useState<{ tenant: HubTenant; accounts: HubUser[] } | null>(null);
  const query = useQuery({ queryKey: ['tenants'], queryFn: hub.tenants, refetchInterval: 15_000 });
  const changed = () => void client.invalidateQueries({ queryKey: ['tenants'] });
  useTitle(t('hub.tenants'));
  const suspend = (tenant: HubTenant) => confirm({
    title: t(tenant.is_suspended ? 'hub.resume' : 'hub.suspend'),
    body: t(tenant.is_suspended ? 'hub.resume_what' : 'hub.suspend_what', { name: name(tenant.names) }),
    action: t(tenant.is_suspended ? 'hub.resume' : 'hub.suspend'),
    danger: !tenant.is_suspended,
    run: async () => { await hub.suspend(tenant, !tenant.is_suspended); changed(); },
  });
  const demo = () => confirm({
    title: t('hub.demo_add'), body: t('hub.demo_what'), action: t('hub.demo_add'),
    run: async () => { setMade(await hub.createDemo()); changed(); },
  });
  const requireSso = async (tenant: HubTenant) => {
    try {
      const rules = await hub.signInRulesOf(tenant);
      if (rules.sso_only) confirm({ title: t('sso.both_title'), body: t('sso.both_body'), action: t('sso.both_do'), run: async () => { await hub.saveSignInRulesOf(tenant, { sso_only: false }); toasts.done(t('toast.saved')); } });
      else setRequiring({ tenant, accounts: (await hub.usersOf(tenant)).filter((u) => u.is_active && u.auth_source === 'local' && u.role === 'tenant_admin') });
    } catch (error) {
      toasts.failed(error);
    }
  };
  const columns: Column<HubTenant>[] = [
    { key: 'name', title: t('field.name'), sort: (r) => name(r.names), csv: (r) => name(r.names), cell: (r) => <span className="two"><b className="b"><bdi>{name(r.names)}</bdi></b><small><Tag>{r.code}</Tag> <DemoChip is={r.is_demo} /></small></span> },
    { key: 'state', title: t('field.state'), csv: (r) => (r.is_suspended ? 'suspended' : 'active'), cell: (r) => (r.is_suspended ? <span className="st warning"><StatusShape shape="warning" />{t('hub.suspended')}</span> : <span className="st mid"><Icon name="check" />{t('hub.active')}</span>) },
    { key: 'users', title: t('page.users'), end: true, sort: (r) => r.users, csv: (r) => r.users, cell: (r) => n(r.users, 0), wideOnly: true },
    { key: 'appliances', title: t('hub.appliances'), end: true, sort: (r) => r.appliances, csv: (r) => r.appliances, cell: (r) => n(r.appliances, 0) },
    { key: 'last_receipt_at', title: t('hub.last_receipt'), sort: (r) => r.last_receipt_at, csv: (r) => r.last_receipt_at && new Date(r.last_receipt_at).toISOString(), cell: (r) => <When at={r.last_receipt_at} />, wideOnly: true },
    { key: 'act', title: '', end: true, cell: (r) => <span className="row end"><button type="button" className="btn sm" onClick={() => setEditing(r)}>{t('hub.edit')}</button><button type="button" className="btn sm" data-action="sign-in-rules" onClick={() => void requireSso(r)}>{t('hub.sso')}</button><button type="button" className="btn sm" onClick={() => suspend(r)}>{t(r.is_suspended ? 'hub.resume' : 'hub.suspend')}</button></span> },
  ];
  return (
    <>
      <PageHead title={t('hub.tenants')} sub={t('hub.tenants_sub')}>
        <button type="button" className="btn" onClick={demo}>{t('hub.demo_add')}</button>
        <button type="button" className="btn pri" onClick={() => setEditing('new')}><Icon name="plus" />{t('hub.tenant_add')}</button>
      </PageHead>
      <Pane title={t('hub.tenants')} end={<span className="row"><StateSelect id="tenants" states={[{ value: 'active', label: t('hub.active') }, { value: 'suspended', label: t('hub.suspended') }]} /><SearchInput label={t('users.search')} value={filters.q} onChange={(v) => filters.set({ q: v })} /></span>}>
        <Loaded query={query} what={t('state.loading')}>
          {(rows) => <DataTable id="tenants" label={t('hub.tenants')} columns={columns} rows={rows.filter((r) => filters.has(r.code, r.names.en, r.names.ar) && (!filters.state || (filters.state === 'suspended') === r.is_suspended))} rowKey={(r) => r.id} csvName="tenants" empty={filters.filtered ? <NothingFound query={filters.q} onClear={filters.clear} /> : <EmptyState icon="globe" title={t('hub.tenants_none')}>{t('hub.tenants_none_what')}</EmptyState>} />}
        </Loaded>
      </Pane>
      {editing && <TenantForm tenant={editing === 'new' ? null : editing} onClose={() => setEditing(null)} onSaved={() => { setEditing(null); toasts.done(t('toast.saved')); changed(); }} />}
      {requiring && <RulesForm accounts={requiring.accounts} save={(rules) => hub.saveSignInRulesOf(requiring.tenant, rules)} onClose={() => setRequiring(null)} onSaved={() => { setRequiring(null); toasts.done(t('toast.saved')); }} />}
      {made && <OncePassword made={made} onClose={() => setMade(null)} />}
      {dialog}
    </>
  );
}
