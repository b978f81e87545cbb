// Creates and changes a technician: person, skills, certificates, weekly shifts, absences.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useId, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { Site, Technician, TechnicianInput } from '@/api/types';
import { DayInput, Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import { iso, normaliseDigits } from '@/lib/format';
import { clockOf, shiftOf, WEEK } from '@/lib/shifts';
import { dayStart } from '@/lib/zone';
import { FormDialog, NameFields } from './asset-forms';
import { CERTIFICATES, SKILLS, useVocabulary } from './technician-marks';

const DAY = 86_400_000;
const day = (at: number | null) => (at === null ? '' : iso(at).slice(0, 10));
/** The last moment of a day. */
const endOf = (text: string) => { const start = dayStart(text); return start === null ? null : start + DAY - 1; };

interface ShiftRow { weekday: number; from: string; to: string }
interface AbsenceRow { from: string; to: string; reason: string }

/** Lines of a list that grow and shrink; each line is a row of inputs. */
function Lines<R>({ legend, help, error, rows, add, extra, onChange, blank, children }: { legend: string; help?: string; error: string | null; rows: R[]; add: string; extra?: ReactNode; onChange: (rows: R[]) => void; blank: R; children: (row: R, change: (row: R) => void) => ReactNode }) {
  const { t } = useText();
  return (
    <fieldset className="wide lines">
      <legend>{legend}</legend>
      {help && <p className="help">{help}</p>}
      {rows.map((row, i) => (
        <div key={i} className="row wrap">
          {children(row, (changed) => onChange(rows.map((old, j) => (j === i ? changed : old))))}
          <button type="button" className="btn quiet sm icon" aria-label={t('technicians.remove')} onClick={() => onChange(rows.filter((_, j) => j !== i))}><Icon name="trash" /></button>
        </div>
      ))}
      {error && <div className="err">{error}</div>}
      <div className="row wrap"><button type="button" className="btn quiet sm" onClick={() => onChange([...rows, blank])}><Icon name="plus" />{add}</button>{extra}</div>
    </fieldset>
  );
}

export function TechnicianForm({ technician, sites, onClose, onSaved }: { technician?: Technician; sites: Site[]; onClose: () => void; onSaved: () => void }) {
  const { t, word, name } = useText();
  const { may } = useSession();
  const vocabulary = useVocabulary();
  const list = useId();
  const users = useQuery({ queryKey: ['users'], queryFn: api.users, enabled: may('users.read') });
  const [form, setForm] = useState({
    code: technician?.code ?? '', names: technician?.names ?? { en: '', ar: '' }, site_id: technician?.site_id ?? sites[0]?.id ?? '', username: technician?.username ?? '',
    skills: technician?.skills.join('; ') ?? '', cost: technician?.hourly_cost === null || technician === undefined ? '' : String(technician.hourly_cost), active: technician?.is_active ?? true, note: technician?.note ?? '',
    certificates: (technician?.certificates ?? []).map((c) => ({ name: c.name, until: day(c.valid_until) })),
    shifts: (technician?.shifts ?? []).map((s): ShiftRow => ({ weekday: s.weekday, from: clockOf(s.from_minute), to: clockOf(s.to_minute) })),
    absences: (technician?.absences ?? []).map((a): AbsenceRow => ({ from: day(a.from), to: day(a.to - 1), reason: a.reason })),
  });
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const input = (): TechnicianInput => ({
    code: form.code.trim(), names: form.names, site_id: form.site_id, username: form.username.trim() || null, is_active: form.active, note: form.note,
    skills: form.skills.split(/[;،]/).map((s) => s.trim()).filter(Boolean),
    hourly_cost: form.cost.trim() === '' ? null : Number(normaliseDigits(form.cost)),
    certificates: form.certificates.filter((c) => c.name.trim() !== '').map((c) => ({ name: c.name, valid_until: c.until === '' ? null : endOf(c.until) })),
    // What can't be read is sent as a shift that can't be, so that the server names it.
    shifts: form.shifts.map((s) => shiftOf(s.weekday, s.from, s.to) ?? { weekday: s.weekday, from_minute: 0, to_minute: 0 }),
    absences: form.absences.map((a) => ({ from: dayStart(a.from) ?? 0, to: (endOf(a.to) ?? -1) + 1, reason: a.reason })),
  });
  const addSkill = (skill: string) => set({ skills: [...form.skills.split(/[;،]/).map((s) => s.trim()).filter(Boolean), skill].join('; ') });
  const has = form.skills.split(/[;،]/).map((s) => s.trim().toLowerCase());
  return (
    <FormDialog title={technician ? t('technicians.edit', { code: technician.code }) : t('technicians.add')} onClose={onClose} onSaved={onSaved} save={() => (technician ? api.updateTechnician(technician.id, input()) : api.createTechnician(input()))}>
      {(error) => (
        <>
          <Field label={t('technicians.code')} required error={problemOf(error, 'code')}>{(p) => <input {...p} className="in mono" name="code" required maxLength={40} data-autofocus value={form.code} onChange={(e) => set({ code: e.target.value })} />}</Field>
          <Field label={t('field.site')} required error={problemOf(error, 'site_id')}>{(p) => <select {...p} className="in" name="site" value={form.site_id} onChange={(e) => set({ site_id: e.target.value })}>{sites.map((s) => <option key={s.id} value={s.id}>{`${s.code} · ${name(s.names)}`}</option>)}</select>}</Field>
          <NameFields names={form.names} error={error} onChange={(names) => set({ names })} />
          <Field label={t('technicians.user')} help={t('technicians.user_help')} error={problemOf(error, 'username')}>{(p) => <><input {...p} className="in" dir="ltr" name="username" list={`${list}-users`} autoComplete="off" value={form.username} onChange={(e) => set({ username: e.target.value })} /><datalist id={`${list}-users`}>{users.data?.map((u) => <option key={u.id} value={u.username}>{u.name}</option>)}</datalist></>}</Field>
          <Field label={t('technicians.cost')} help={t('technicians.cost_help')} error={problemOf(error, 'hourly_cost')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" value={form.cost} onChange={(e) => set({ cost: e.target.value })} />}</Field>
          <Field wide label={t('technicians.skills')} help={t('technicians.skills_help')} error={problemOf(error, 'skills')}>{(p) => (
            <>
              <input {...p} className="in" dir="auto" name="skills" value={form.skills} onChange={(e) => set({ skills: e.target.value })} />
              <div className="chips offers">{SKILLS.filter((s) => !has.includes(s)).map((s) => <button key={s} type="button" className="chip" onClick={() => addSkill(s)}><Icon name="plus" />{vocabulary.skill(s)}</button>)}</div>
            </>
          )}</Field>
          <Lines legend={t('technicians.certificates')} error={problemOf(error, 'certificates')} rows={form.certificates} add={t('technicians.add_certificate')} blank={{ name: '', until: '' }} onChange={(certificates) => set({ certificates })}>
            {(row, change) => (
              <>
                <input className="in grow" dir="auto" aria-label={t('technicians.certificate')} list={`${list}-certificates`} value={row.name} onChange={(e) => change({ ...row, name: e.target.value })} />
                <label className="row s">{t('technicians.last_day')}<DayInput value={row.until} onChange={(until) => change({ ...row, until })} /></label>
              </>
            )}
          </Lines>
          <datalist id={`${list}-certificates`}>{CERTIFICATES.map((c) => <option key={c} value={c}>{vocabulary.certificate(c)}</option>)}</datalist>
          <Lines legend={t('technicians.shifts')} help={t('technicians.shifts_help')} error={problemOf(error, 'shifts')} rows={form.shifts} add={t('technicians.add_shift')} blank={{ weekday: 7, from: '07:00', to: '15:30' }} onChange={(shifts) => set({ shifts })} extra={form.shifts.length === 0 && <button type="button" className="btn quiet sm" data-action="week-of-shifts" onClick={() => set({ shifts: WEEK.slice(0, 5).map((weekday) => ({ weekday, from: '07:00', to: '15:30' })) })}><Icon name="clock" />{t('technicians.shift_week')}</button>}>
            {(row, change) => (
              <>
                <select className="in auto" aria-label={t('technicians.weekday')} value={row.weekday} onChange={(e) => change({ ...row, weekday: Number(e.target.value) })}>{WEEK.map((d) => <option key={d} value={d}>{word('weekday', String(d))}</option>)}</select>
                <input className="in mono day" dir="ltr" inputMode="numeric" maxLength={5} placeholder={t('technicians.time_form')} aria-label={t('technicians.shift_from')} value={row.from} onChange={(e) => change({ ...row, from: e.target.value })} />
                <input className="in mono day" dir="ltr" inputMode="numeric" maxLength={5} placeholder={t('technicians.time_form')} aria-label={t('technicians.shift_to')} value={row.to} onChange={(e) => change({ ...row, to: e.target.value })} />
              </>
            )}
          </Lines>
          <Lines legend={t('technicians.absences')} error={problemOf(error, 'absences')} rows={form.absences} add={t('technicians.add_absence')} blank={{ from: '', to: '', reason: '' }} onChange={(absences) => set({ absences })}>
            {(row, change) => (
              <>
                <label className="row s">{t('technicians.absence_from')}<DayInput value={row.from} onChange={(from) => change({ ...row, from })} /></label>
                <label className="row s">{t('technicians.absence_to')}<DayInput value={row.to} onChange={(to) => change({ ...row, to })} /></label>
                <input className="in grow" dir="auto" aria-label={t('technicians.reason')} placeholder={t('technicians.reason')} value={row.reason} onChange={(e) => change({ ...row, reason: e.target.value })} />
              </>
            )}
          </Lines>
          <Field wide label={t('field.note')} error={problemOf(error, 'note')}>{(p) => <textarea {...p} className="in" dir="auto" rows={2} value={form.note} onChange={(e) => set({ note: e.target.value })} />}</Field>
          <label className="chk wide"><input type="checkbox" checked={form.active} onChange={(e) => set({ active: e.target.checked })} />{t('technicians.active')}</label>
        </>
      )}
    </FormDialog>
  );
}
