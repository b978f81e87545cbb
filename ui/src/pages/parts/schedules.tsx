// When jobs run by themselves, with their next run.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { Cadence, Schedule } from '@/api/types';
import { Field, problemOf, Segment } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { clockOf, minuteOf, WEEK } from '@/lib/shifts';
import { FormDialog } from './asset-forms';

export function useCadence(): (cadence: Cadence) => string {
  const { t, word } = useText();
  return (cadence) => {
    if (cadence.every === 'hours') return t('schedules.hours', { n: cadence.hours });
    if (cadence.every === 'day') return `${t('schedules.day')} ${clockOf(cadence.minute)}`;
    return `${t('schedules.week')}: ${word('weekday', String(cadence.weekday))} ${clockOf(cadence.minute)}`;
  };
}

export type CadenceForm = { every: Cadence['every']; hours: number; weekday: number; at: string; zone: string };

/** A cadence as the fields of a form. */
export function cadenceForm(old: Cadence) {
  return { every: old.every, hours: old.every === 'hours' ? old.hours : 6, weekday: old.every === 'week' ? old.weekday : 7, at: clockOf(old.every === 'hours' ? 120 : old.minute) };
}

export function cadenceOf(form: CadenceForm): Cadence {
  // A time that can't be read is sent as one that can't be, so that the server names it.
  const minute = minuteOf(form.at) ?? 1440;
  if (form.every === 'hours') return { every: 'hours', hours: form.hours };
  return form.every === 'day' ? { every: 'day', minute } : { every: 'week', weekday: form.weekday, minute };
}

export function CadenceFields({ form, set, error }: { form: CadenceForm; set: (changes: Partial<CadenceForm>) => void; error: unknown }) {
  const { t, word } = useText();
  return (
    <>
        <Field wide label={t('schedules.every')} error={problemOf(error, 'cadence')}>{() => <Segment<Cadence['every']> label={t('schedules.every')} value={form.every} onChange={(every) => set({ every })} options={[{ value: 'hours', label: t('schedules.hours', { n: form.hours }) }, { value: 'day', label: t('schedules.day') }, { value: 'week', label: t('schedules.week') }]} />}</Field>
        {form.every === 'hours' && <Field label={t('schedules.hours_field')}>{(p) => <input {...p} className="in" type="number" min={1} max={24} value={form.hours} onChange={(e) => set({ hours: Number(e.target.value) })} />}</Field>}
        {form.every === 'week' && <Field label={t('technicians.weekday')}>{(p) => <select {...p} className="in" value={form.weekday} onChange={(e) => set({ weekday: Number(e.target.value) })}>{WEEK.map((d) => <option key={d} value={d}>{word('weekday', String(d))}</option>)}</select>}</Field>}
        {form.every !== 'hours' && <Field label={t('schedules.time')}>{(p) => <input {...p} className="in mono day" dir="ltr" inputMode="numeric" maxLength={5} placeholder={t('technicians.time_form')} value={form.at} onChange={(e) => set({ at: e.target.value })} />}</Field>}
        <Field label={t('field.time_zone')} error={problemOf(error, 'time_zone')}>{(p) => <input {...p} className="in mono" dir="ltr" value={form.zone} onChange={(e) => set({ zone: e.target.value })} />}</Field>
    </>
  );
}

function Edit({ schedule, onClose }: { schedule: Schedule; onClose: () => void }) {
  const { t, word } = useText();
  const client = useQueryClient();
  const [form, setForm] = useState({ ...cadenceForm(schedule.cadence), on: schedule.is_enabled, zone: schedule.time_zone });
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const save = async () => {
    await api.changeSchedule({ kind: schedule.kind, is_enabled: form.on, cadence: cadenceOf(form), time_zone: form.zone });
    await client.invalidateQueries({ queryKey: ['schedules'] });
  };
  return (
    <FormDialog title={t('schedules.edit')} onClose={onClose} onSaved={onClose} save={save}>
      {(error) => (
        <>
          <p className="wide b">{word('schedule', schedule.kind)}</p>
          <label className="chk wide"><input type="checkbox" checked={form.on} onChange={(e) => set({ on: e.target.checked })} />{t('schedules.on')}</label>
          <CadenceFields form={form} set={set} error={error} />
        </>
      )}
    </FormDialog>
  );
}

export function SchedulesPane() {
  const { t, word, p } = useText();
  const { may } = useSession();
  const said = useCadence();
  const [editing, setEditing] = useState<Schedule | null>(null);
  const query = useQuery({ queryKey: ['schedules', p.language], queryFn: api.schedules, refetchInterval: 30_000 });
  return (
    <Pane title={t('schedules.title')}>
      <Loaded query={query} what={t('schedules.loading')} rows={2}>
        {(all) => (
          <ul className="list">
            {all.map((s) => (
              <li key={s.kind}>
                <div className="grow">
                  <div className="s b">{word('schedule', s.kind)}</div>
                  <div className="s">{s.is_enabled ? <>{said(s.cadence)} <Tag className="cap dim">{s.time_zone}</Tag></> : t('schedules.off')}</div>
                  <div className="cap dim">{s.next_at !== null && <>{t('schedules.next')}: <When at={s.next_at} /> · </>}{t('schedules.last')}: <When at={s.last_at} /></div>
                  {s.error && <Notice tone="critical">{s.error.message}</Notice>}
                </div>
                {may('schedules.write') && <button type="button" className="btn quiet sm icon" aria-label={`${t('schedules.edit')}: ${word('schedule', s.kind)}`} onClick={() => setEditing(s)}><Icon name="edit" /></button>}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {editing && <Edit schedule={editing} onClose={() => setEditing(null)} />}
    </Pane>
  );
}
