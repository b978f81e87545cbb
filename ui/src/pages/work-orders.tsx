// Work orders of the maintenance systems and our own; what is on its way out; what is tied to which asset.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { WorkOrder } from '@/api/types';
import { ExportMenu } from '@/components/export-menu';
import { SearchInput, Select } from '@/components/fields';
import { Filters } from '@/components/filters';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { useParameters } from '@/lib/url';
import { Reliability } from './parts/reliability';
import { WorkOrderBoard } from './parts/work-order-board';
import { WorkOrderCalendar } from './parts/work-order-calendar';
import { KINDS, WorkOrderForm } from './parts/work-order-form';
import { Objects } from './parts/work-order-objects';
import { Outbox } from './parts/work-order-outbox';
import { WorkOrderPanel } from './parts/work-order-panel';
import { Called, MATCHES, OutboxMark, PriorityMark, STATUSES, WorkOrderStatusMark } from './parts/work-order-parts';

const LIMIT = 50;
/** What a file of the server holds. */
const MOST = 10_000;
const TABS = ['list', 'board', 'calendar', 'outbox', 'objects', 'reliability'] as const;
type Tab = (typeof TABS)[number];

function Orders({ view }: { view: 'list' | 'board' | 'calendar' }) {
  const { t, word, name } = useText();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const [parameters, change] = useParameters();
  const [status, kind, system, match, asset, incident, technician, overdue, q, selected] = ['status', 'kind', 'system', 'match', 'asset', 'incident', 'technician', 'overdue', 'q', 'order'].map((k) => parameters.get(k) ?? '') as [string, string, string, string, string, string, string, string, string, string];
  const offset = useOffset('orders', LIMIT);
  const coverage = useQuery({ queryKey: ['object-coverage'], queryFn: api.objectCoverage });
  const people = useQuery({ queryKey: ['technicians', 'all'], queryFn: () => api.technicians({ limit: 500 }) });
  // The board has a column for each state.
  const wanted = { kind, integration_id: system, match, asset_id: asset, incident_id: incident, technician_id: technician, overdue: overdue || null, q };
  const query = useQuery({
    queryKey: ['work-orders', cursor.t, status, wanted, offset], refetchInterval, placeholderData: (old) => old, enabled: view === 'list',
    queryFn: () => api.workOrders({ t: cursor.t, status, ...wanted, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'orders.page': null });
  const show = (o: WorkOrder) => change({ order: o.id });
  const columns: Column<WorkOrder>[] = [
    { key: 'number', title: t('work_orders.number'), cell: (o) => <span className="two"><button type="button" className="link b" onClick={(e) => { e.stopPropagation(); show(o); }}><Called order={o} /></button><small>{word('work_order_kind', o.kind)}{o.order_type && <> · <Tag>{o.order_type}</Tag></>}</small></span> },
    { key: 'title', title: t('work_orders.what'), cell: (o) => <span className="two"><bdi>{o.title}</bdi>{o.visit && <small>{t('work_orders.visit_place', { place: o.visit.place, count: o.visit.count })}</small>}{o.push_state && o.push_state !== 'sent' && <small><OutboxMark state={o.push_state} /></small>}</span> },
    { key: 'asset', title: t('field.asset'), cell: (o) => (o.asset_id ? <span className="two"><AppLink to={`/assets/${o.asset_id}`} onClick={(e) => e.stopPropagation()}><Tag>{o.asset_code}</Tag></AppLink><small>{name(o.asset_names)}</small></span> : <span className="dim">{o.match_state === 'ambiguous' ? word('match_state', 'ambiguous') : t('work_orders.no_asset')}</span>) },
    { key: 'status', title: t('field.state'), cell: (o) => <span className="two"><WorkOrderStatusMark status={o.status} />{o.source_status && <small><Tag>{o.source_status}</Tag></small>}</span> },
    { key: 'technician', title: t('work_orders.technician'), cell: (o) => (o.technician_code ? <span className="two"><bdi>{name(o.technician_names)}</bdi><small><Tag>{o.technician_code}</Tag></small></span> : <span className="dim">{t('work_orders.nobody')}</span>), wideOnly: true },
    { key: 'due', title: t('work_orders.due'), cell: (o) => (o.due_at === null ? <span className="dim">{'—'}</span> : <span className="two"><When at={o.due_at} />{o.is_overdue && <small><span className="chip critical">{t('work_orders.overdue')}</span></small>}</span>), wideOnly: true },
    { key: 'priority', title: t('work_orders.priority'), cell: (o) => <PriorityMark priority={o.priority} />, wideOnly: true },
    { key: 'system', title: t('work_orders.system'), cell: (o) => (o.source_system ? <bdi>{o.source_system}</bdi> : <span className="mid">{t('work_orders.only_here')}</span>), wideOnly: true },
    { key: 'opened_at', title: t('work_orders.opened'), cell: (o) => <When at={o.opened_at} /> },
    { key: 'planned', title: t('work_orders.planned'), cell: (o) => (o.planned_start_at === null ? <span className="dim">{'—'}</span> : <When at={o.planned_start_at} />), wideOnly: true },
  ];
  // Beside an open panel there is room for what tells one from another.
  const shownColumns = selected ? columns.filter((c) => !['priority', 'system', 'planned', 'technician', 'due'].includes(c.key)) : columns;
  const filtered = Boolean(status || kind || system || match || asset || incident || technician || overdue || q);
  const clear = () => filter({ status: null, kind: null, system: null, match: null, asset: null, incident: null, technician: null, overdue: null, q: null });
  const systems = coverage.data ?? [];
  return (
    <>
      {cursor.t !== null && <Notice tone="past">{t('work_orders.later')}</Notice>}
      <Filters
        active={[view === 'list' && status, kind, match, system, technician, overdue, asset, incident].filter(Boolean).length}
        search={<SearchInput label={t('work_orders.search')} value={q} onChange={(v) => filter({ q: v })} />}
        after={view === 'list' && <><span className="grow" /><ExportMenu path="/api/work-orders/export" query={{ t: cursor.t, status, ...wanted }} total={query.data?.total ?? 0} holds={MOST} /></>}
      >
        {view === 'list' && <Select label={t('field.state')} value={status} onChange={(v) => filter({ status: v })} options={[{ value: '', label: t('work_orders.all_statuses') }, ...STATUSES.map((s) => ({ value: s as string, label: word('work_order_status', s) }))]} />}
        <Select label={t('work_orders.kind')} value={kind} onChange={(v) => filter({ kind: v })} options={[{ value: '', label: t('work_orders.all_kinds') }, ...KINDS.map((k) => ({ value: k as string, label: word('work_order_kind', k) }))]} />
        <Select label={t('work_orders.match')} value={match} onChange={(v) => filter({ match: v })} options={[{ value: '', label: t('work_orders.all_matches') }, ...MATCHES.map((m) => ({ value: m as string, label: word('match_state', m) }))]} />
        {systems.length > 0 && <Select label={t('work_orders.system')} value={system} onChange={(v) => filter({ system: v })} options={[{ value: '', label: t('work_orders.all_systems') }, ...systems.map((s) => ({ value: s.integration_id, label: s.integration_name }))]} />}
        <Select label={t('work_orders.technician')} value={technician} onChange={(v) => filter({ technician: v })} options={[{ value: '', label: t('work_orders.all_technicians') }, ...(people.data?.items ?? []).map((x) => ({ value: x.id, label: `${name(x.names)} · ${x.code}` }))]} />
        <label className="chk"><input type="checkbox" checked={overdue !== ''} onChange={(e) => filter({ overdue: e.target.checked ? 'true' : null })} />{t('work_orders.only_overdue')}</label>
        {asset && <button type="button" className="btn quiet" onClick={() => filter({ asset: null })}>{t('work_orders.one_asset')}</button>}
        {incident && <button type="button" className="btn quiet" onClick={() => filter({ incident: null })}>{t('work_orders.one_incident')}</button>}
      </Filters>
      <div className={selected ? 'twin with-panel' : 'twin'}>
        {view === 'board' && <div className="view"><WorkOrderBoard filters={wanted} selected={selected} onShow={(id) => change({ order: id })} /></div>}
        {view === 'calendar' && <div className="view"><WorkOrderCalendar filters={wanted} selected={selected} onShow={(id) => change({ order: id })} /></div>}
        {view === 'list' && <section className="pane">
          <Loaded query={query} what={t('work_orders.loading')} rows={8}>
            {(page) => <DataTable id="orders" label={t('page.work_orders')} columns={shownColumns} rows={page.items} rowKey={(o) => o.id} onRow={show} selected={selected} server={{ total: page.total, offset, limit: LIMIT }} empty={
              <EmptyState icon="wrench" title={t(filtered ? 'work_orders.none_match' : 'work_orders.empty')} action={filtered && <button type="button" className="btn" onClick={clear}>{t('action.clear_filters')}</button>}>{!filtered && t('work_orders.empty_why')}</EmptyState>
            } />}
          </Loaded>
        </section>}
        {selected && <WorkOrderPanel key={selected} id={selected} onClose={() => change({ order: null })} />}
      </div>
    </>
  );
}

export default function WorkOrdersPage() {
  const { t } = useText();
  const { may } = useSession();
  const cursor = useCursor();
  const [parameters, change] = useParameters();
  const [creating, setCreating] = useState(false);
  const tab = TABS.find((x) => x === parameters.get('tab')) ?? 'list';
  // Filters belong to their tab; the three views of the same orders share theirs.
  const views: Tab[] = ['list', 'board', 'calendar'];
  const open = (next: Tab) => change(views.includes(next) && views.includes(tab) ? { tab: next === 'list' ? null : next, 'orders.page': null } : { tab: next === 'list' ? null : next, q: null, state: null, status: null, kind: null, system: null, match: null, technician: null, overdue: null, order: null, entry: null, by: null, days: null, 'reliability.page': null, 'reliability.sort': null, 'orders.page': null, 'objects.page': null, 'outbox.page': null });
  return (
    <>
      <PageHead title={t('page.work_orders')} sub={t('work_orders.sub')}>
        {may('work_orders.write') && cursor.t === null && <button type="button" className="btn pri" onClick={() => setCreating(true)}><Icon name="plus" />{t('work_orders.create')}</button>}
      </PageHead>
      <div className="tabs" role="navigation" aria-label={t('work_orders.tabs')}>
        {TABS.map((x) => <button key={x} type="button" aria-current={tab === x ? 'page' : undefined} onClick={() => open(x)}>{t(`work_orders.tab.${x}`)}</button>)}
      </div>
      {tab === 'outbox' ? <Outbox /> : tab === 'objects' ? <Objects /> : tab === 'reliability' ? <Reliability t={cursor.t} /> : <Orders key={tab} view={tab} />}
      {creating && <WorkOrderForm onClose={() => setCreating(false)} />}
    </>
  );
}
