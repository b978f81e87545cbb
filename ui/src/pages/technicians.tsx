// People who do maintenance: what they can do, which certificates hold, when they work and when they are away.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { Technician } from '@/api/types';
import { useConfirm } from '@/components/dialog';
import { SearchInput, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { iso } from '@/lib/format';
import { weeklyHours } from '@/lib/shifts';
import { useParameters } from '@/lib/url';
import { ImportDialog } from './parts/asset-import';
import { TechnicianForm } from './parts/technician-form';
import { Certificate, Shifts, SKILLS, useVocabulary } from './parts/technician-marks';

const LIMIT = 50;
const IMPORTED = ['code', 'name_en', 'name_ar', 'site', 'skills', 'certificates', 'shifts', 'username', 'hourly_cost', 'active', 'note'];

export default function TechniciansPage() {
  const { t, n, name } = useText();
  const vocabulary = useVocabulary();
  const { may } = useSession();
  const write = may('technicians.write');
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [editing, setEditing] = useState<{ form?: Technician; import?: boolean } | null>(null);
  const [confirm, dialog] = useConfirm();
  const [site, skill, active, q] = ['in', 'skill', 'active', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string, string];
  const offset = useOffset('technicians', LIMIT);
  const sites = useQuery({ queryKey: ['sites'], queryFn: api.sites });
  const wanted = { site_id: site, skill, is_active: active, q };
  const query = useQuery({
    queryKey: ['technicians', site, skill, active, q, offset], placeholderData: (old) => old,
    queryFn: () => api.technicians({ ...wanted, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'technicians.page': null });
  const changed = () => client.invalidateQueries({ queryKey: ['technicians'] });
  const close = () => setEditing(null);
  const saved = () => { void changed(); close(); };
  const filtered = Boolean(site || skill || active || q);
  const remove = (person: Technician) => confirm({
    title: t('technicians.delete_title', { code: person.code }), body: t('technicians.delete_body'), action: t('technicians.delete', { code: person.code }), danger: true,
    run: async () => { await api.deleteTechnician(person.id); await changed(); },
  });
  const columns: Column<Technician>[] = [
    { key: 'code', title: t('technicians.person'), csv: (p) => p.code, cell: (p) => <span className="two"><b className="m5"><bdi>{name(p.names)}</bdi></b><small><Tag>{p.code}</Tag>{p.username && <> · <Tag>{p.username}</Tag></>}</small></span> },
    { key: 'site', title: t('field.site'), csv: (p) => p.site_code, cell: (p) => <Tag>{p.site_code}</Tag> },
    { key: 'skills', title: t('technicians.skills'), csv: (p) => p.skills.join('; '), cell: (p) => <span className="chips">{p.skills.map((s) => <span key={s} className="chip"><bdi>{vocabulary.skill(s)}</bdi></span>)}</span> },
    { key: 'certificates', title: t('technicians.certificates'), csv: (p) => p.certificates.map((c) => `${c.name}${c.valid_until === null ? '' : ` ${iso(c.valid_until).slice(0, 10)}`}`).join('; '), cell: (p) => <span className="chips">{p.certificates.map((c) => <Certificate key={c.name} held={c} />)}</span> },
    { key: 'shifts', title: t('technicians.shifts'), csv: (p) => n(weeklyHours(p.shifts), 1), cell: (p) => <Shifts shifts={p.shifts} />, wideOnly: true },
    { key: 'absences', title: t('technicians.absences'), csv: (p) => p.absences.map((a) => `${iso(a.from).slice(0, 10)}/${iso(a.to - 1).slice(0, 10)}`).join('; '), cell: (p) => <span className="two">{!p.is_active && <span className="chip">{t('technicians.inactive')}</span>}{p.is_away && <span className="chip warning">{t('technicians.away')}</span>}{p.absences.slice(0, 2).map((a) => <small key={a.from}><bdi dir="ltr">{`${iso(a.from).slice(0, 10)} – ${iso(a.to - 1).slice(0, 10)}`}</bdi>{a.reason && <> · <bdi>{a.reason}</bdi></>}</small>)}</span> },
  ];
  if (write) {
    columns.push({ key: 'actions', title: '', cell: (p) => <span className="row nw">
      <button type="button" className="btn quiet sm icon" aria-label={t('technicians.edit', { code: p.code })} onClick={() => setEditing({ form: p })}><Icon name="edit" /></button>
      <button type="button" className="btn quiet sm icon" aria-label={t('technicians.delete', { code: p.code })} onClick={() => remove(p)}><Icon name="trash" /></button>
    </span> });
  }
  return (
    <>
      <PageHead title={t('page.technicians')} sub={query.data && t('technicians.sub', { n: query.data.total })}>
        {write && <>
          <button type="button" className="btn quiet" onClick={() => setEditing({ import: true })}><Icon name="upload" />{t('technicians.import')}</button>
          <button type="button" className="btn pri" disabled={!sites.data?.length} onClick={() => setEditing({})}><Icon name="plus" />{t('technicians.add')}</button>
        </>}
      </PageHead>
      <div className="row wrap filters">
        <SearchInput label={t('technicians.search')} value={q} onChange={(v) => filter({ q: v })} />
        <Select label={t('field.site')} value={site} onChange={(v) => filter({ in: v })} options={[{ value: '', label: t('header.all_sites') }, ...(sites.data ?? []).map((s) => ({ value: s.id, label: name(s.names) || s.code }))]} />
        <Select label={t('technicians.skills')} value={skill} onChange={(v) => filter({ skill: v })} options={[{ value: '', label: t('technicians.all_skills') }, ...SKILLS.map((s) => ({ value: s, label: vocabulary.skill(s) }))]} />
        <Select label={t('field.state')} value={active} onChange={(v) => filter({ active: v })} options={[{ value: '', label: t('technicians.all_active') }, { value: 'true', label: t('technicians.only_active') }, { value: 'false', label: t('technicians.only_inactive') }]} />
      </div>
      <section className="pane">
        <Loaded query={query} what={t('technicians.loading')} rows={8}>
          {(page) => <DataTable id="technicians" label={t('page.technicians')} columns={columns} rows={page.items} rowKey={(p) => p.id} rowClass={(p) => (p.is_active ? '' : 'off')} server={{ total: page.total, offset, limit: LIMIT }} all={(part) => api.technicians({ ...wanted, ...part })} csvName="technicians" empty={
            <EmptyState icon="users" title={t(filtered ? 'technicians.none_match' : 'technicians.empty')} action={filtered ? <button type="button" className="btn" onClick={() => filter({ q: null, in: null, skill: null, active: null })}>{t('action.clear_filters')}</button> : undefined}>{!filtered && t('technicians.empty_why')}</EmptyState>
          } />}
        </Loaded>
      </section>
      {editing && !editing.import && <TechnicianForm technician={editing.form} sites={sites.data ?? []} onClose={close} onSaved={saved} />}
      {editing?.import && <ImportDialog of={{ title: t('technicians.import'), how: t('technicians.import_how'), columns: IMPORTED, template: 'technicians-template.csv', send: api.importTechnicians }} onClose={close} onDone={() => void changed()} />}
      {dialog}
    </>
  );
}
