// The fleet: every appliance by its receipts, and the codes by which new ones enrol.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useConfirm } from '@/components/dialog';
import { Field, problemOf, SearchInput } from '@/components/fields';
import { Icon } from '@/components/icons';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { hub, type FleetAppliance } from './api';
import { ConfigurationFile, Courier } from './courier';
import { NothingFound, StateSelect, TenantSelect, useListFilters } from './filters';
import { STATES, useFleetColumns } from './fleet';
import { FormDialog, Once } from './parts';

function CodeForm({ onClose, onMade }: { onClose: () => void; onMade: (code: string) => void }) {
  const { t, name } = useText();
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: hub.tenants });
  const [tenant, setTenant] = useState('');
  const [shown, setShown] = useState('');
  return (
    <FormDialog title={t('hub.enrol')} submit={t('hub.enrol')} send={async () => onMade((await hub.createCode({ tenant_id: tenant, name: shown })).code)} onClose={onClose}>
      {(error) => (
        <>
          <Field label={t('hub.tenant')} required>
            {(p) => <select {...p} className="in" name="tenant" required value={tenant} onChange={(e) => setTenant(e.target.value)}><option value="" />{tenants.data?.map((x) => <option key={x.id} value={x.id}>{name(x.names)}</option>)}</select>}
          </Field>
          <Field label={t('field.name')} error={problemOf(error, 'name')} required>
            {(p) => <input {...p} className="in" name="name" required value={shown} onChange={(e) => setShown(e.target.value)} />}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

export function AppliancesPage() {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const [asking, setAsking] = useState(false);
  const [code, setCode] = useState('');
  const filters = useListFilters('fleet');
  const query = useQuery({ queryKey: ['fleet'], queryFn: hub.fleet, refetchInterval: 10_000 });
  useTitle(t('hub.appliances'));
  const shows = (a: FleetAppliance) => filters.has(a.name, a.tenant_code, a.fingerprint, a.version) && (!filters.org || a.tenant_id === filters.org) && (!filters.state || a.state === filters.state);
  const revoke = (a: FleetAppliance) => confirm({
    title: t('hub.revoke'), body: t('hub.revoke_what', { name: a.name }), action: t('hub.revoke'), danger: true,
    run: async () => { await hub.revoke(a); await client.invalidateQueries({ queryKey: ['fleet'] }); },
  });
  const columns: Column<FleetAppliance>[] = [
    ...useFleetColumns(true),
    { key: 'act', title: '', end: true, cell: (a) => a.revoked_at === null && <span className="row"><ConfigurationFile appliance={a} /><button type="button" className="btn sm" onClick={() => revoke(a)}>{t('hub.revoke')}</button></span> },
  ];
  return (
    <>
      <PageHead title={t('hub.appliances')} sub={t('hub.appliances_sub')}>
        <button type="button" className="btn pri" onClick={() => setAsking(true)}><Icon name="plus" />{t('hub.enrol')}</button>
      </PageHead>
      <div className="stack">
        <div className="row wrap filters">
          <TenantSelect id="fleet" />
          <StateSelect id="fleet" states={STATES.map((state) => ({ value: state, label: t(`hub.state.${state}`) }))} />
          {filters.filtered && <button type="button" className="btn sm" onClick={filters.clear}>{t('action.clear_filters')}</button>}
        </div>
        <Pane title={t('hub.appliances')} end={<SearchInput label={t('users.search')} value={filters.q} onChange={(v) => filters.set({ q: v })} />}>
          <Loaded query={query} what={t('state.loading')}>
            {(rows) => <DataTable id="fleet" label={t('hub.appliances')} columns={columns} rows={rows.filter(shows)} rowKey={(a) => a.id} csvName="appliances" empty={filters.filtered ? <NothingFound query={filters.q} onClear={filters.clear} /> : <EmptyState icon="pulse" title={t('hub.fleet_none')}>{t('hub.fleet_none_what')}</EmptyState>} />}
          </Loaded>
        </Pane>
        <Courier />
      </div>
      {asking && <CodeForm onClose={() => setAsking(false)} onMade={(made) => { setAsking(false); setCode(made); }} />}
      {code && <Once title={t('hub.enrol')} why={t('hub.enrol_once')} rows={[[t('hub.enrol_code'), code]]} secret={code} onClose={() => setCode('')} />}
      {dialog}
    </>
  );
}
