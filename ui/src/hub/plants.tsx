// The plants of an organisation as its own people see them, who these people are, and what was done.
import { useQuery } from '@tanstack/react-query';
import type { TenantUser } from '@/api/types';
import { DayInput, SearchInput } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { dayStart } from '@/lib/zone';
import { useAuditColumns } from '@/pages/parts/audit-columns';
import { hub, type HubAuditRow } from './api';
import { TenantSelect } from './filters';
import { useFleetColumns } from './fleet';

export function PlantsPage() {
  const { t } = useText();
  const columns = useFleetColumns(false);
  const query = useQuery({ queryKey: ['plants'], queryFn: hub.plants, refetchInterval: 10_000 });
  useTitle(t('hub.plants'));
  return (
    <>
      <PageHead title={t('hub.plants')} sub={t('hub.plants_sub')} />
      <Pane title={t('hub.plants')}>
        <Loaded query={query} what={t('state.loading')}>
          {(rows) => <DataTable id="plants" label={t('hub.plants')} columns={columns} rows={rows} rowKey={(a) => a.id} csvName="plants" empty={<EmptyState icon="pulse" title={t('hub.plants_none')}>{t('hub.plants_none_what')}</EmptyState>} />}
        </Loaded>
      </Pane>
    </>
  );
}

export function PeoplePage() {
  const { t, word } = useText();
  const query = useQuery({ queryKey: ['people'], queryFn: hub.people });
  useTitle(t('page.users'));
  const columns: Column<TenantUser>[] = [
    { key: 'name', title: t('field.name'), sort: (u) => u.name, csv: (u) => u.name, cell: (u) => <span className="two"><b className="b"><bdi>{u.name}</bdi></b><small><Tag>{u.username}</Tag></small></span> },
    { key: 'role', title: t('field.role'), sort: (u) => u.role, csv: (u) => u.role, cell: (u) => word('role', u.role) },
    { key: 'state', title: t('field.state'), csv: (u) => (u.is_active ? 'active' : 'disabled'), cell: (u) => <UserState user={u} /> },
    { key: 'last', title: t('users.last_sign_in'), sort: (u) => u.last_sign_in_at, cell: (u) => <When at={u.last_sign_in_at} /> },
  ];
  return (
    <>
      <PageHead title={t('page.users')} sub={t('hub.people_sub')} />
      <Pane title={t('page.users')}>
        <Loaded query={query} what={t('users.loading')}>
          {(rows) => <DataTable id="people" label={t('page.users')} columns={columns} rows={rows} rowKey={(u) => u.id} csvName="people" empty={null} />}
        </Loaded>
      </Pane>
    </>
  );
}

export function UserState({ user }: { user: { is_active: boolean; must_change_password: boolean } }) {
  const { t } = useText();
  if (!user.is_active) return <span className="st mid"><Icon name="close" />{t('users.disabled')}</span>;
  if (user.must_change_password) return <span className="st warning"><StatusShape shape="warning" />{t('users.temporary')}</span>;
  return <span className="st mid"><Icon name="check" />{t('users.active')}</span>;
}

const LIMIT = 100;
const DAY = 86_400_000;

/** The own organisation's audit, or that of all for the platform owner. */
function Audit({ ofAll }: { ofAll: boolean }) {
  const { t } = useText();
  const offset = useOffset('audit', LIMIT);
  const [parameters, change] = useParameters();
  const [from, to, actor, q, org] = ['from', 'to', 'actor', 'q', 'org'].map((key) => parameters.get(key) ?? '') as [string, string, string, string, string];
  const end = dayStart(to);
  const wanted = { from: dayStart(from), to: end === null ? null : end + DAY, actor, q, ...(ofAll && org ? { tenant: org } : {}) };
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'audit.page': null });
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: hub.tenants, enabled: ofAll });
  const list = ofAll ? hub.auditOfAll : hub.audit;
  const query = useQuery({ queryKey: ['audit', ofAll, wanted, offset], placeholderData: (old) => old, queryFn: () => list({ ...wanted, limit: LIMIT, offset }) });
  const own = useAuditColumns<HubAuditRow>();
  const codes = new Map(tenants.data?.map((tenant) => [tenant.id, tenant.code]));
  const tenant: Column<HubAuditRow> = { key: 'tenant', title: t('hub.tenant'), cell: (r) => <Tag>{codes.get(r.tenant_id) ?? 'platform'}</Tag>, csv: (r) => codes.get(r.tenant_id) ?? r.tenant_id };
  useTitle(t('page.audit'));
  return (
    <>
      <PageHead title={t('page.audit')} sub={t('audit.sub')} />
      <div className="row wrap filters">
        {ofAll && <TenantSelect id="audit" />}
        <label className="row g1 s">{t('audit.from')}<DayInput value={from} onChange={(v) => filter({ from: v })} /></label>
        <label className="row g1 s">{t('audit.to')}<DayInput value={to} onChange={(v) => filter({ to: v })} /></label>
        <SearchInput label={t('audit.actor')} value={actor} onChange={(v) => filter({ actor: v })} />
        <span className="grow search-grow"><SearchInput label={t('audit.search')} value={q} onChange={(v) => filter({ q: v })} /></span>
      </div>
      <section className="pane">
        <Loaded query={query} what={t('audit.loading')} rows={8}>
          {(page) => <DataTable id="audit" label={t('page.audit')} columns={ofAll ? [tenant, ...own] : own} rows={page.items} rowKey={(r) => `${r.at}${r.actor}${r.action}${r.object}`} csvName="audit" server={{ total: page.total, offset, limit: LIMIT }} all={(part) => list({ ...wanted, ...part })} empty={<EmptyState icon="audit" title={t('audit.empty')} />} />}
        </Loaded>
      </section>
    </>
  );
}

export const AuditPage = () => <Audit ofAll={false} />;
export const AuditOfAllPage = () => <Audit ofAll />;
