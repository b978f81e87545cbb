// What plans are bound to beside people: when machines stand anyway, and which parts are in store.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { everyRow } from '@/api/every-row';
import { useSession } from '@/api/session';
import type { Outage, Site, SparePart } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { SearchInput, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { downloadText } from '@/lib/csv';
import { iso } from '@/lib/format';
import { OUTAGE_COLUMNS, outagesCsv, outageState, PART_COLUMNS, sparePartsCsv } from '@/lib/outages';
import { useParameters } from '@/lib/url';
import { ImportDialog } from './parts/asset-import';
import { OutageForm, SparePartForm } from './parts/outage-forms';

const LIMIT = 50;
/** A page that stays open asks for what is not over by the hour. */
const hour = () => Math.floor(Date.now() / 3_600_000) * 3_600_000;

function RowActions({ edit, remove, onEdit, onRemove }: { edit: string; remove: string; onEdit: () => void; onRemove: () => void }) {
  return (
    <span className="row nw">
      <button type="button" className="btn quiet sm icon" aria-label={edit} onClick={onEdit}><Icon name="edit" /></button>
      <button type="button" className="btn quiet sm icon" aria-label={remove} onClick={onRemove}><Icon name="trash" /></button>
    </span>
  );
}

/** The whole list as it is filtered, in the columns an import knows. */
function ExportButton({ name, text }: { name: string; text: () => Promise<string> }) {
  const { t } = useText();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      downloadText(name, await text());
    } catch (error) {
      toasts.failed(error);
    }
    setBusy(false);
  };
  return <button type="button" className="btn quiet sm end" disabled={busy} onClick={() => void run()}><Icon name="download" />{t('action.export_csv')}</button>;
}

function Outages({ sites, write, adding, onAdded }: { sites: Site[]; write: boolean; adding: boolean; onAdded: () => void }) {
  const { t, name } = useText();
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [editing, setEditing] = useState<Outage | null>(null);
  const [confirm, dialog] = useConfirm();
  const [site, time, q] = ['in', 'time', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string];
  const offset = useOffset('outages', LIMIT);
  const wanted = () => ({ site_id: site, from: time === 'all' ? null : hour(), q });
  const query = useQuery({
    queryKey: ['outages', 'list', site, time, q, offset], placeholderData: (old) => old,
    queryFn: () => api.outages({ ...wanted(), limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'outages.page': null });
  const changed = () => client.invalidateQueries({ queryKey: ['outages'] });
  const close = () => { setEditing(null); onAdded(); };
  const filtered = Boolean(site || time || q);
  const now = Date.now();
  const remove = (outage: Outage) => confirm({
    title: t('outages.delete_title', { title: outage.title }), body: t('outages.delete_body'), action: t('outages.delete', { title: outage.title }), danger: true,
    run: async () => { await api.deleteOutage(outage.id); await changed(); },
  });
  const columns: Column<Outage>[] = [
    { key: 'title', title: t('outages.name'), cell: (o) => <span className="two"><b className="m5"><bdi>{o.title}</bdi></b>{o.note && <small><bdi>{o.note}</bdi></small>}</span> },
    { key: 'place', title: t('outages.place'), cell: (o) => <span className="two"><Tag>{o.asset_code ?? o.unit_code ?? o.site_code}</Tag><small>{o.asset_code || o.unit_code ? <Tag>{o.site_code}</Tag> : t('outages.whole_site')}</small></span> },
    { key: 'from', title: t('outages.from'), cell: (o) => <When at={o.from} /> },
    { key: 'to', title: t('outages.to'), cell: (o) => <When at={o.to} /> },
    { key: 'state', title: t('field.state'), cell: (o) => { const state = outageState(o, now); return state === 'coming' ? null : <span className="chip">{t(`outages.${state}`)}</span>; } },
  ];
  if (write) columns.push({ key: 'actions', title: '', cell: (o) => <RowActions edit={t('outages.edit', { title: o.title })} remove={t('outages.delete', { title: o.title })} onEdit={() => setEditing(o)} onRemove={() => remove(o)} /> });
  return (
    <>
      <div className="row wrap filters">
        <SearchInput label={t('outages.search')} value={q} onChange={(v) => filter({ q: v })} />
        <Select label={t('field.site')} value={site} onChange={(v) => filter({ in: v })} options={[{ value: '', label: t('header.all_sites') }, ...sites.map((s) => ({ value: s.id, label: name(s.names) || s.code }))]} />
        <Select label={t('field.state')} value={time} onChange={(v) => filter({ time: v })} options={[{ value: '', label: t('outages.coming') }, { value: 'all', label: t('outages.all_times') }]} />
        <ExportButton name="outages.csv" text={async () => outagesCsv(await everyRow((page) => api.outages({ ...wanted(), ...page })))} />
      </div>
      <section className="pane">
        <Loaded query={query} what={t('outages.loading')} rows={6}>
          {(page) => <DataTable id="outages" label={t('outages.tab')} columns={columns} rows={page.items} rowKey={(o) => o.id} rowClass={(o) => (outageState(o, now) === 'over' ? 'off' : '')} server={{ total: page.total, offset, limit: LIMIT }} empty={
            <EmptyState icon="calendar" title={t(filtered ? 'outages.none_match' : 'outages.empty')} action={filtered ? <button type="button" className="btn" onClick={() => filter({ q: null, in: null, time: null })}>{t('action.clear_filters')}</button> : undefined}>{!filtered && t('outages.empty_why')}</EmptyState>
          } />}
        </Loaded>
      </section>
      {(adding || editing) && <OutageForm of={editing ?? undefined} sites={sites} onClose={close} onSaved={() => { void changed(); close(); }} />}
      {dialog}
    </>
  );
}

function SpareParts({ sites, write, adding, onAdded }: { sites: Site[]; write: boolean; adding: boolean; onAdded: () => void }) {
  const { t, n, name } = useText();
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [editing, setEditing] = useState<SparePart | null>(null);
  const [confirm, dialog] = useConfirm();
  const [site, out, q] = ['in', 'out', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string];
  const offset = useOffset('spare-parts', LIMIT);
  const wanted = { site_id: site, is_out: out, q };
  const query = useQuery({
    queryKey: ['spare-parts', 'list', site, out, q, offset], placeholderData: (old) => old,
    queryFn: () => api.spareParts({ ...wanted, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'spare-parts.page': null });
  const changed = () => client.invalidateQueries({ queryKey: ['spare-parts'] });
  const close = () => { setEditing(null); onAdded(); };
  const filtered = Boolean(site || out || q);
  const arrives = (part: SparePart) => (part.expected_at === null ? '' : iso(part.expected_at - 1).slice(0, 10));
  const remove = (part: SparePart) => confirm({
    title: t('spare_parts.delete_title', { code: part.code }), body: t('spare_parts.delete_body'), action: t('spare_parts.delete', { code: part.code }), danger: true,
    run: async () => { await api.deleteSparePart(part.id); await changed(); },
  });
  const columns: Column<SparePart>[] = [
    { key: 'code', title: t('spare_parts.code'), cell: (x) => <Tag>{x.code}</Tag> },
    { key: 'title', title: t('spare_parts.title'), cell: (x) => <span className="two"><bdi>{x.title}</bdi>{x.note && <small><bdi>{x.note}</bdi></small>}</span> },
    { key: 'site', title: t('field.site'), cell: (x) => <Tag>{x.site_code}</Tag> },
    { key: 'on_hand', title: t('spare_parts.on_hand'), cell: (x) => (x.on_hand > 0 ? <bdi>{n(x.on_hand)}</bdi> : <span className="chip warning">{t('spare_parts.out')}</span>) },
    { key: 'expected', title: t('spare_parts.expected'), cell: (x) => (x.expected_quantity === null ? <span className="dim">{'—'}</span> : <span className="row wrap"><bdi>{n(x.expected_quantity)}</bdi><bdi dir="ltr">{arrives(x)}</bdi>{x.is_overdue && <span className="chip warning">{t('spare_parts.overdue')}</span>}</span>) },
    { key: 'lead_time', title: t('spare_parts.lead_time'), cell: (x) => (x.lead_time_days === null ? <span className="dim">{'—'}</span> : t('spare_parts.lead_days', { n: x.lead_time_days })), wideOnly: true },
  ];
  if (write) columns.push({ key: 'actions', title: '', cell: (x) => <RowActions edit={t('spare_parts.edit', { code: x.code })} remove={t('spare_parts.delete', { code: x.code })} onEdit={() => setEditing(x)} onRemove={() => remove(x)} /> });
  return (
    <>
      <div className="row wrap filters">
        <SearchInput label={t('spare_parts.search')} value={q} onChange={(v) => filter({ q: v })} />
        <Select label={t('field.site')} value={site} onChange={(v) => filter({ in: v })} options={[{ value: '', label: t('header.all_sites') }, ...sites.map((s) => ({ value: s.id, label: name(s.names) || s.code }))]} />
        <Select label={t('field.state')} value={out} onChange={(v) => filter({ out: v })} options={[{ value: '', label: t('spare_parts.all') }, { value: 'false', label: t('spare_parts.only_in') }, { value: 'true', label: t('spare_parts.only_out') }]} />
        <ExportButton name="spare-parts.csv" text={async () => sparePartsCsv(await everyRow((page) => api.spareParts({ ...wanted, ...page })), sites)} />
      </div>
      <section className="pane">
        <Loaded query={query} what={t('spare_parts.loading')} rows={6}>
          {(page) => <DataTable id="spare-parts" label={t('spare_parts.tab')} columns={columns} rows={page.items} rowKey={(x) => x.id} server={{ total: page.total, offset, limit: LIMIT }} empty={
            <EmptyState icon="wrench" title={t(filtered ? 'spare_parts.none_match' : 'spare_parts.empty')} action={filtered ? <button type="button" className="btn" onClick={() => filter({ q: null, in: null, out: null })}>{t('action.clear_filters')}</button> : undefined}>{!filtered && t('spare_parts.empty_why')}</EmptyState>
          } />}
        </Loaded>
      </section>
      {(adding || editing) && <SparePartForm of={editing ?? undefined} sites={sites} onClose={close} onSaved={() => { void changed(); close(); }} />}
      {dialog}
    </>
  );
}

export default function OutagesPage() {
  const { t } = useText();
  const { may } = useSession();
  const write = may('technicians.write');
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [asking, setAsking] = useState<'add' | 'import' | null>(null);
  const isParts = parameters.get('tab') === 'parts';
  const sites = useQuery({ queryKey: ['sites'], queryFn: api.sites });
  const outages = useQuery({ queryKey: ['outages', 'count'], queryFn: () => api.outages({ from: hour(), limit: 1 }) });
  const parts = useQuery({ queryKey: ['spare-parts', 'count'], queryFn: () => api.spareParts({ limit: 1 }) });
  const close = () => setAsking(null);
  const open = (tab: string | null) => { close(); change({ tab, q: null, in: null, time: null, out: null, 'outages.page': null, 'spare-parts.page': null }); };
  const all = { sites: sites.data ?? [], write, adding: asking === 'add', onAdded: close };
  return (
    <>
      <PageHead title={t('page.outages')} sub={outages.data && parts.data && t('outages.sub', { outages: outages.data.total, parts: parts.data.total })}>
        {write && <>
          <button type="button" className="btn quiet" disabled={!sites.data?.length} onClick={() => setAsking('import')}><Icon name="upload" />{t(isParts ? 'spare_parts.import' : 'outages.import')}</button>
          <button type="button" className="btn pri" disabled={!sites.data?.length} onClick={() => setAsking('add')}><Icon name="plus" />{t(isParts ? 'spare_parts.add' : 'outages.add')}</button>
        </>}
      </PageHead>
      <div className="tabs" role="navigation" aria-label={t('outages.tabs')}>
        <button type="button" aria-current={isParts ? undefined : 'page'} onClick={() => open(null)}>{t('outages.tab')}</button>
        <button type="button" aria-current={isParts ? 'page' : undefined} onClick={() => open('parts')}>{t('spare_parts.tab')}</button>
      </div>
      {isParts ? <SpareParts {...all} /> : <Outages {...all} />}
      {asking === 'import' && <ImportDialog of={isParts
        ? { title: t('spare_parts.import'), how: t('spare_parts.import_how'), columns: PART_COLUMNS, template: 'spare-parts-template.csv', send: api.importSpareParts }
        : { title: t('outages.import'), how: t('outages.import_how'), columns: OUTAGE_COLUMNS, template: 'outages-template.csv', send: api.importOutages }}
        onClose={close} onDone={() => void client.invalidateQueries({ queryKey: [isParts ? 'spare-parts' : 'outages'] })} />}
    </>
  );
}
