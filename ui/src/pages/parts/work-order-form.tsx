// Writes a work order: for an alert, for an incident, for an asset, or by hand.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useAllAssets } from '@/api/all-assets';
import { api } from '@/api/calls';
import type { WorkOrderInput, WorkOrderKind, WorkOrderPriority } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { DayInput, Field, problemOf, Segment } from '@/components/fields';
import { InlineError } from '@/components/notices';
import { withoutIsolates } from '@/i18n/icu';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';
import { useGo } from '@/lib/url';
import { dayStart } from '@/lib/zone';
import { TechnicianSelect, useFailureCodes } from './work-order-plan';

export const PRIORITIES: WorkOrderPriority[] = ['low', 'medium', 'high', 'very_high'];
export const KINDS: WorkOrderKind[] = ['notification', 'order'];

const TITLE = 200;
const DAY = 86_400_000;

export interface WorkOrderStart {
  alert_id?: string;
  incident_id?: string;
  asset_id?: string;
  asset_code?: string;
  title?: string;
  /** What it is written for, as it was worded. */
  recommendation?: string;
  failure_mode?: string;
  failure_cause?: string;
  estimated_hours?: number;
}

/** A wanted period as two days: the last one ends with the day. */
export function periodOf(from: string, to: string): { planned_start_at: number | null; planned_end_at: number | null } {
  const end = dayStart(to);
  return { planned_start_at: dayStart(from), planned_end_at: end === null ? null : end + DAY - 60_000 };
}

export function AssetSelect({ id, value, onChange, none, ...rest }: { id: string; value: string; onChange: (id: string) => void; none: string; 'aria-invalid'?: boolean; 'aria-describedby'?: string }) {
  const { name } = useText();
  const assets = useAllAssets();
  const sorted = [...(assets.data ?? [])].sort((a, b) => a.code.localeCompare(b.code, 'en', { numeric: true }));
  return (
    <select id={id} className="in" value={value} onChange={(event) => onChange(event.target.value)} {...rest}>
      <option value="">{none}</option>
      {sorted.map((a) => <option key={a.id} value={a.id}>{`${a.code} · ${name(a.names)}`}</option>)}
    </select>
  );
}

export function WorkOrderForm({ start = {}, onClose }: { start?: WorkOrderStart; onClose: () => void }) {
  const { t, word } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const go = useGo();
  const [form, setForm] = useState({ asset: start.asset_id ?? '', kind: 'notification' as WorkOrderKind, title: withoutIsolates(start.title ?? '').slice(0, TITLE), description: '', priority: 'high' as WorkOrderPriority, type: '', from: '', to: '', down: false, technician: '', due: '', estimated: start.estimated_hours === undefined ? '' : String(start.estimated_hours), mode: start.failure_mode ?? '', cause: start.failure_cause ?? '' });
  const codes = useFailureCodes(form.asset || null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const body: WorkOrderInput = {
      asset_id: form.asset || null, kind: form.kind, title: form.title.trim(), description: form.description, priority: form.priority, order_type: form.type.trim() || null,
      ...periodOf(form.from, form.to), is_down: form.down, alert_id: start.alert_id ?? null, incident_id: start.incident_id ?? null,
      recommendation: start.recommendation ?? null, technician_id: form.technician || null, due_at: periodOf('', form.due).planned_end_at, estimated_hours: form.estimated.trim() === '' ? null : Number(normaliseDigits(form.estimated)), failure_mode: form.mode || null, failure_cause: form.cause || null,
    };
    try {
      const made = await api.createWorkOrder(body);
      toasts.done(t('work_orders.created', { reference: made.reference ?? '' }));
      for (const key of ['work-orders', 'timeline', 'events']) void client.invalidateQueries({ queryKey: [key] });
      onClose();
      go(`/work-orders?order=${made.id}`);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t('work_orders.create_title')} onClose={onClose} size="lg">
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <div className="form-grid">
          <Field wide label={t('work_orders.title')} required error={problemOf(error, 'title')}>{(p) => <input {...p} className="in" dir="auto" name="title" required maxLength={TITLE} data-autofocus value={form.title} onChange={(e) => set({ title: e.target.value })} />}</Field>
          <Field label={t('field.asset')} error={problemOf(error, 'asset_id')}>{(p) => <AssetSelect {...p} value={form.asset} onChange={(asset) => set({ asset })} none={t('work_orders.no_asset')} />}</Field>
          <Field label={t('work_orders.kind')}>{() => <Segment<WorkOrderKind> label={t('work_orders.kind')} value={form.kind} onChange={(kind) => set({ kind })} options={KINDS.map((k) => ({ value: k, label: word('work_order_kind', k) }))} />}</Field>
          <Field label={t('work_orders.priority')}>{(p) => <select {...p} className="in" name="priority" value={form.priority} onChange={(e) => set({ priority: e.target.value as WorkOrderPriority })}>{PRIORITIES.map((x) => <option key={x} value={x}>{word('work_order_priority', x)}</option>)}</select>}</Field>
          <Field label={t('work_orders.order_type')} help={t('work_orders.order_type_help')} error={problemOf(error, 'order_type')}>{(p) => <input {...p} className="in mono" name="order_type" maxLength={80} value={form.type} onChange={(e) => set({ type: e.target.value })} />}</Field>
          <Field label={t('work_orders.planned_start')}>{(p) => <DayInput id={p.id} value={form.from} onChange={(from) => set({ from })} />}</Field>
          <Field label={t('work_orders.planned_end')} error={problemOf(error, 'planned_end_at')}>{(p) => <DayInput id={p.id} value={form.to} onChange={(to) => set({ to })} />}</Field>
          <Field label={t('work_orders.technician')} error={problemOf(error, 'technician_id')}>{(p) => <TechnicianSelect id={p.id} value={form.technician} onChange={(technician) => set({ technician })} />}</Field>
          <Field label={t('work_orders.due')} help={t('work_orders.due_help')}>{(p) => <DayInput id={p.id} value={form.due} onChange={(due) => set({ due })} />}</Field>
          <Field label={t('work_orders.estimated_hours')} error={problemOf(error, 'estimated_hours')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" value={form.estimated} onChange={(e) => set({ estimated: e.target.value })} />}</Field>
          <Field label={t('work_orders.failure_mode')} error={problemOf(error, 'failure_mode')}>{(p) => <select {...p} className="in" value={form.mode} onChange={(e) => set({ mode: e.target.value })}><option value="">{t('work_orders.unset')}</option>{codes.modes.map((m) => <option key={m} value={m}>{`${m} · ${word('failure_mode', m)}`}</option>)}</select>}</Field>
          {start.recommendation && <p className="help wide">{t('work_orders.recommendation')}: <bdi>{start.recommendation}</bdi></p>}
          <Field wide label={t('work_orders.description')} error={problemOf(error, 'description')}>{(p) => <textarea {...p} className="in" dir="auto" rows={4} maxLength={4000} value={form.description} onChange={(e) => set({ description: e.target.value })} />}</Field>
          <label className="chk wide"><input type="checkbox" checked={form.down} onChange={(e) => set({ down: e.target.checked })} />{t('work_orders.is_down')}</label>
        </div>
        <p className="help">{t('work_orders.create_help')}</p>
        <InlineError error={error} />
        <div className="actions">
          <button type="submit" className="btn pri" disabled={busy || form.title.trim() === ''}>{t('work_orders.create')}</button>
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </form>
    </Dialog>
  );
}
