// The plan of a work order: who, when, how long, with what, and what was found. What another system owns is not asked for.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { WorkOrder, WorkOrderPatch } from '@/api/types';
import { useAllAssets } from '@/api/all-assets';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';
import { clockFrom, momentOf } from '@/lib/wall-moment';
import { FormDialog } from './asset-forms';
import { MomentInput } from './moment-input';
import { CERTIFICATES, useVocabulary } from './technician-marks';
import { called } from './work-order-board';

export const FAILURE_MODES = ['AIR', 'BRD', 'DOP', 'ELF', 'ELP', 'ELU', 'ERO', 'FTC', 'FTF', 'FTI', 'FTO', 'FTR', 'FTS', 'HIO', 'IHT', 'INL', 'LBP', 'LCP', 'LOO', 'NOI', 'NOO', 'OHE', 'OTH', 'PDE', 'PLU', 'SER', 'SPO', 'STD', 'STP', 'UNK', 'UST', 'VIB'];

/** Modes and causes the packs of an asset's family know; every mode of the standard where there is no family. */
export function useFailureCodes(asset: string | null): { modes: string[]; causes: { id: string; mode: string; names: { en: string; ar: string } }[] } {
  const assets = useAllAssets();
  const packs = useQuery({ queryKey: ['rule-packs'], queryFn: api.rulePacks, staleTime: Infinity });
  const family = assets.data?.find((a) => a.id === asset)?.family;
  const fitting = (packs.data ?? []).filter((p) => family !== undefined && p.families.includes(family));
  const causes = fitting.flatMap((p) => p.rules).map((r) => ({ id: r.id, mode: r.mode, names: r.names }));
  const own = [...new Set(causes.map((c) => c.mode))].filter((m) => FAILURE_MODES.includes(m)).sort();
  return { modes: own.length > 0 ? [...own, ...FAILURE_MODES.filter((m) => !own.includes(m))] : FAILURE_MODES, causes };
}

export function TechnicianSelect({ id, value, onChange }: { id: string; value: string; onChange: (id: string) => void }) {
  const { t, name } = useText();
  const people = useQuery({ queryKey: ['technicians', 'all'], queryFn: () => api.technicians({ limit: 500 }) });
  return (
    <select id={id} className="in" name="technician" value={value} onChange={(e) => onChange(e.target.value)}>
      <option value="">{t('work_orders.nobody')}</option>
      {(people.data?.items ?? []).filter((p) => p.is_active || p.id === value).map((p) => <option key={p.id} value={p.id}>{`${name(p.names)} · ${p.code}`}</option>)}
    </select>
  );
}

const number = (text: string): number | null => (text.trim() === '' ? null : Number(normaliseDigits(text)));

export function PlanForm({ order, onClose }: { order: WorkOrder; onClose: () => void }) {
  const { t, word, name } = useText();
  const { certificate } = useVocabulary();
  const client = useQueryClient();
  const codes = useFailureCodes(order.asset_id);
  const ours = order.number === null;
  const [form, setForm] = useState({
    technician: order.technician_id ?? '', start: clockFrom(order.planned_start_at), end: clockFrom(order.planned_end_at), due: clockFrom(order.due_at),
    estimated: order.estimated_hours === null ? '' : String(order.estimated_hours), actual: order.actual_hours === null ? '' : String(order.actual_hours),
    mode: order.failure_mode ?? '', cause: order.failure_cause ?? '', certificates: order.certificates, needs_outage: order.needs_outage, parts: order.parts.map((x) => ({ name: x.name, number: x.number ?? '', quantity: String(x.quantity) })),
  });
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const save = async () => {
    const plan: WorkOrderPatch = {
      technician_id: form.technician || null, due_at: momentOf(form.due, 1439), estimated_hours: number(form.estimated), actual_hours: number(form.actual), failure_mode: form.mode || null, failure_cause: form.cause || null, certificates: form.certificates, needs_outage: form.needs_outage,
      parts: form.parts.filter((x) => x.name.trim() !== '').map((x) => ({ name: x.name, number: x.number.trim() || null, quantity: number(x.quantity) ?? 1 })),
      ...(ours ? { planned_start_at: momentOf(form.start, 0), planned_end_at: momentOf(form.end, 1439) } : {}),
    };
    await api.changeWorkOrder(order.id, plan);
    for (const key of ['work-orders', 'work-order']) void client.invalidateQueries({ queryKey: [key] });
  };
  const causes = codes.causes.filter((c) => form.mode === '' || c.mode === form.mode || c.id === form.cause);
  const part = (i: number, changes: Partial<(typeof form.parts)[number]>) => set({ parts: form.parts.map((x, j) => (i === j ? { ...x, ...changes } : x)) });
  return (
    <FormDialog title={t('work_orders.plan_title', { order: called(order) })} onClose={onClose} onSaved={onClose} save={save}>
      {(error) => (
        <>
          {!ours && <p className="help wide">{t('work_orders.owned', { system: order.source_system ?? '' })}</p>}
          <Field label={t('work_orders.technician')} error={problemOf(error, 'technician_id')}>{(p) => <TechnicianSelect id={p.id} value={form.technician} onChange={(technician) => set({ technician })} />}</Field>
          <Field label={t('work_orders.due')}>{(p) => <MomentInput id={p.id} value={form.due} onChange={(due) => set({ due })} />}</Field>
          {ours && <Field label={t('work_orders.planned_start')}>{(p) => <MomentInput id={p.id} value={form.start} onChange={(start) => set({ start })} />}</Field>}
          {ours && <Field label={t('work_orders.planned_end')} error={problemOf(error, 'planned_end_at')}>{(p) => <MomentInput id={p.id} value={form.end} onChange={(end) => set({ end })} />}</Field>}
          <Field label={t('work_orders.estimated_hours')} error={problemOf(error, 'estimated_hours')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" value={form.estimated} onChange={(e) => set({ estimated: e.target.value })} />}</Field>
          <Field label={t('work_orders.actual_hours')} error={problemOf(error, 'actual_hours')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" value={form.actual} onChange={(e) => set({ actual: e.target.value })} />}</Field>
          <Field label={t('work_orders.failure_mode')} error={problemOf(error, 'failure_mode')}>{(p) => <select {...p} className="in" name="failure_mode" value={form.mode} onChange={(e) => set({ mode: e.target.value })}><option value="">{t('work_orders.unset')}</option>{codes.modes.map((m) => <option key={m} value={m}>{`${m} · ${word('failure_mode', m)}`}</option>)}</select>}</Field>
          <Field label={t('work_orders.failure_cause')} error={problemOf(error, 'failure_cause')}>{(p) => <select {...p} className="in" name="failure_cause" value={form.cause} disabled={causes.length === 0} onChange={(e) => set({ cause: e.target.value })}><option value="">{t('work_orders.unset')}</option>{causes.map((c) => <option key={c.id} value={c.id}>{`${name(c.names)} · ${c.id}`}</option>)}</select>}</Field>
          <fieldset className="wide lines">
            <legend>{t('work_orders.certificates')}</legend>
            <p className="help">{t('work_orders.certificates_help')}</p>
            <div className="row wrap">{[...new Set([...CERTIFICATES, ...form.certificates])].map((x) => <label key={x} className="chk"><input type="checkbox" name="certificate" value={x} checked={form.certificates.includes(x)} onChange={(e) => set({ certificates: e.target.checked ? [...form.certificates, x] : form.certificates.filter((y) => y !== x) })} /><bdi>{certificate(x)}</bdi></label>)}</div>
            {problemOf(error, 'certificates') && <div className="err">{problemOf(error, 'certificates')}</div>}
          </fieldset>
          <div className="wide">
            <label className="chk"><input type="checkbox" name="needs_outage" checked={form.needs_outage} aria-describedby="needs-outage-help" onChange={(e) => set({ needs_outage: e.target.checked })} />{t('work_orders.needs_outage')}</label>
            <p className="help" id="needs-outage-help">{t('work_orders.needs_outage_help')}</p>
          </div>
          <fieldset className="wide lines">
            <legend>{t('work_orders.parts')}</legend>
            {form.parts.map((x, i) => (
              <div key={i} className="row wrap">
                <input className="in grow" dir="auto" aria-label={t('work_orders.part')} placeholder={t('work_orders.part')} value={x.name} onChange={(e) => part(i, { name: e.target.value })} />
                <input className="in mono" dir="ltr" aria-label={t('work_orders.part_number')} placeholder={t('work_orders.part_number')} value={x.number} onChange={(e) => part(i, { number: e.target.value })} />
                <input className="in mono day" dir="ltr" inputMode="decimal" aria-label={t('work_orders.quantity')} value={x.quantity} onChange={(e) => part(i, { quantity: e.target.value })} />
                <button type="button" className="btn quiet sm icon" aria-label={t('technicians.remove')} onClick={() => set({ parts: form.parts.filter((_, j) => j !== i) })}><Icon name="trash" /></button>
              </div>
            ))}
            {problemOf(error, 'parts') && <div className="err">{problemOf(error, 'parts')}</div>}
            <div><button type="button" className="btn quiet sm" onClick={() => set({ parts: [...form.parts, { name: '', number: '', quantity: '1' }] })}><Icon name="plus" />{t('work_orders.add_part')}</button></div>
          </fieldset>
        </>
      )}
    </FormDialog>
  );
}
