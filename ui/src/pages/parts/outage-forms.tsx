// Dialogs that create and change a planned outage and a spare part.
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useAllAssets } from '@/api/all-assets';
import { api } from '@/api/calls';
import { RequestFailed } from '@/api/http';
import type { Outage, Site, SparePart } from '@/api/types';
import { DayInput, Field, problemOf } from '@/components/fields';
import { useText } from '@/i18n/text';
import { outageInput, type OutageProblem, outageText, sparePartInput, type SparePartProblem, sparePartText } from '@/lib/outages';
import { FormDialog } from './asset-forms';
import { MomentInput } from './moment-input';

interface Props<T> { of?: T; sites: Site[]; onClose: () => void; onSaved: () => void }

/** What was typed can't be read; the fields say where. */
const unreadable = (problems: readonly string[]) => new RequestFailed(0, 'request.fields_wrong', '', '', [], { count: String(problems.length) });

function SiteSelect({ id, value, sites, onChange }: { id: string; value: string; sites: Site[]; onChange: (id: string) => void }) {
  const { name } = useText();
  return <select id={id} className="in" name="site" value={value} onChange={(e) => onChange(e.target.value)}>{sites.map((s) => <option key={s.id} value={s.id}>{`${s.code} · ${name(s.names)}`}</option>)}</select>;
}

export function OutageForm({ of, sites, onClose, onSaved }: Props<Outage>) {
  const { t, name } = useText();
  const list = useId();
  const units = useQuery({ queryKey: ['units'], queryFn: api.units });
  const assets = useAllAssets();
  const [form, setForm] = useState(() => outageText(of, sites[0]?.id ?? ''));
  const [problems, setProblems] = useState<OutageProblem[]>([]);
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const save = async () => {
    const read = outageInput(form, assets.data ?? []);
    setProblems('problems' in read ? read.problems : []);
    if ('problems' in read) throw unreadable(read.problems);
    await (of ? api.updateOutage(of.id, read.body) : api.createOutage(read.body));
  };
  const moment = (field: 'from' | 'to', error: unknown) => (problems.includes(field) ? t('outages.moment') : problemOf(error, field));
  const here = (assets.data ?? []).filter((a) => a.site_id === form.site_id);
  return (
    <FormDialog title={of ? t('outages.edit', { title: of.title }) : t('outages.add')} onClose={onClose} onSaved={onSaved} save={save}>
      {(error) => (
        <>
          <Field wide label={t('outages.name')} required error={problemOf(error, 'title')}>{(p) => <input {...p} className="in" dir="auto" name="title" required maxLength={120} data-autofocus value={form.title} onChange={(e) => set({ title: e.target.value })} />}</Field>
          <Field label={t('outages.from')} required error={moment('from', error)}>{(p) => <MomentInput id={p.id} value={form.from} onChange={(from) => set({ from })} />}</Field>
          <Field label={t('outages.to')} required error={moment('to', error)}>{(p) => <MomentInput id={p.id} value={form.to} onChange={(to) => set({ to })} />}</Field>
          <Field label={t('field.site')} required error={problemOf(error, 'site_id')}>{(p) => <SiteSelect id={p.id} value={form.site_id} sites={sites} onChange={(site_id) => set({ site_id, unit_id: '', asset: '' })} />}</Field>
          <Field label={t('outages.unit')} error={problemOf(error, 'unit_id')}>{(p) => <select {...p} className="in" name="unit" value={form.unit_id} onChange={(e) => set({ unit_id: e.target.value, asset: '' })}><option value="">{t('outages.whole_site')}</option>{(units.data ?? []).filter((u) => u.site_id === form.site_id).map((u) => <option key={u.id} value={u.id}>{`${u.code} · ${name(u.names)}`}</option>)}</select>}</Field>
          <Field label={t('outages.asset')} help={t('outages.asset_help')} error={problems.includes('asset') ? t('outages.asset_unknown', { code: form.asset.trim() }) : problemOf(error, 'asset_id')}>{(p) => <><input {...p} className="in mono" dir="ltr" name="asset" list={`${list}-assets`} autoComplete="off" value={form.asset} onChange={(e) => set({ asset: e.target.value, unit_id: e.target.value.trim() === '' ? form.unit_id : '' })} /><datalist id={`${list}-assets`}>{here.map((a) => <option key={a.id} value={a.code}>{name(a.names)}</option>)}</datalist></>}</Field>
          <Field wide label={t('field.note')} error={problemOf(error, 'note')}>{(p) => <textarea {...p} className="in" dir="auto" rows={2} value={form.note} onChange={(e) => set({ note: e.target.value })} />}</Field>
        </>
      )}
    </FormDialog>
  );
}

export function SparePartForm({ of, sites, onClose, onSaved }: Props<SparePart>) {
  const { t } = useText();
  const [form, setForm] = useState(() => sparePartText(of, sites[0]?.id ?? ''));
  const [problems, setProblems] = useState<SparePartProblem[]>([]);
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const save = async () => {
    const read = sparePartInput(form);
    setProblems('problems' in read ? read.problems : []);
    if ('problems' in read) throw unreadable(read.problems);
    await (of ? api.updateSparePart(of.id, read.body) : api.createSparePart(read.body));
  };
  const said = (field: SparePartProblem, error: unknown) => (problems.includes(field) ? t('spare_parts.number') : problemOf(error, field));
  const amount = (key: 'on_hand' | 'expected_quantity' | 'lead_time', field: SparePartProblem, label: string, error: unknown, help?: string) => (
    <Field label={t(label)} help={help && t(help)} required={key === 'on_hand'} error={said(field, error)}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" name={key} value={form[key]} onChange={(e) => set({ [key]: e.target.value })} />}</Field>
  );
  return (
    <FormDialog title={of ? t('spare_parts.edit', { code: of.code }) : t('spare_parts.add')} onClose={onClose} onSaved={onSaved} save={save}>
      {(error) => (
        <>
          <Field label={t('spare_parts.code')} help={t('spare_parts.code_help')} required error={problemOf(error, 'code')}>{(p) => <input {...p} className="in mono" dir="ltr" name="code" required maxLength={40} data-autofocus value={form.code} onChange={(e) => set({ code: e.target.value })} />}</Field>
          <Field label={t('field.site')} required error={problemOf(error, 'site_id')}>{(p) => <SiteSelect id={p.id} value={form.site_id} sites={sites} onChange={(site_id) => set({ site_id })} />}</Field>
          <Field wide label={t('spare_parts.title')} required error={problemOf(error, 'title')}>{(p) => <input {...p} className="in" dir="auto" name="title" required maxLength={120} value={form.title} onChange={(e) => set({ title: e.target.value })} />}</Field>
          {amount('on_hand', 'on_hand', 'spare_parts.on_hand', error)}
          {amount('lead_time', 'lead_time_days', 'spare_parts.lead_time', error, 'spare_parts.lead_time_help')}
          {amount('expected_quantity', 'expected_quantity', 'spare_parts.expected_quantity', error)}
          <Field label={t('spare_parts.expected_on')} help={t('spare_parts.expected_help')} error={said('expected_at', error)}>{(p) => <DayInput id={p.id} value={form.expected_on} onChange={(expected_on) => set({ expected_on })} />}</Field>
          <Field wide label={t('field.note')} error={problemOf(error, 'note')}>{(p) => <textarea {...p} className="in" dir="auto" rows={2} value={form.note} onChange={(e) => set({ note: e.target.value })} />}</Field>
        </>
      )}
    </FormDialog>
  );
}
