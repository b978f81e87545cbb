// Dialogs that create and change sites, units and assets.
import { type FormEvent, type ReactNode, useState } from 'react';
import { api } from '@/api/calls';
import type { Asset, Criticality, FamilyTemplate, Names, Site, Unit } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { DayInput, Field, problemOf } from '@/components/fields';
import { useFamilyName } from '@/components/metrics';
import { InlineError } from '@/components/notices';
import { useText } from '@/i18n/text';
import { iso } from '@/lib/format';
import { dayStart } from '@/lib/zone';

interface FrameProps {
  title: string;
  children: (error: unknown) => ReactNode;
  save: () => Promise<unknown>;
  onClose: () => void;
  onSaved: () => void;
}

export function FormDialog({ title, children, save, onClose, onSaved }: FrameProps) {
  const { t } = useText();
  const toasts = useToasts();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await save();
      toasts.done(t('toast.saved'));
      onSaved();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} size="lg">
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <div className="form-grid">{children(error)}</div>
        <InlineError error={error} />
        <div className="actions">
          <button type="submit" className="btn pri" disabled={busy}>{t('action.save')}</button>
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function NameFields({ names, error, onChange }: { names: Names; error: unknown; onChange: (names: Names) => void }) {
  const { t } = useText();
  return (
    <>
      <Field label={t('field.name_ar')} error={problemOf(error, 'names.ar') ?? problemOf(error, 'names')}>{(p) => <input {...p} className="in" dir="rtl" lang="ar" name="name_ar" value={names.ar} onChange={(e) => onChange({ ...names, ar: e.target.value })} />}</Field>
      <Field label={t('field.name_en')} error={problemOf(error, 'names.en')}>{(p) => <input {...p} className="in" dir="ltr" lang="en" name="name_en" value={names.en} onChange={(e) => onChange({ ...names, en: e.target.value })} />}</Field>
    </>
  );
}

const NONE: Names = { en: '', ar: '' };

export function SiteForm({ site, onClose, onSaved }: { site?: Site; onClose: () => void; onSaved: () => void }) {
  const { t } = useText();
  const [form, setForm] = useState({ code: site?.code ?? '', names: site?.names ?? NONE, time_zone: site?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone });
  return (
    <FormDialog title={site ? t('assets.edit', { code: site.code }) : t('assets.add_site')} onClose={onClose} onSaved={onSaved} save={() => (site ? api.updateSite(site.id, form) : api.createSite(form))}>
      {(error) => (
        <>
          <Field label={t('field.code')} required error={problemOf(error, 'code')}>{(p) => <input {...p} className="in mono" name="code" required value={form.code} onChange={(e) => setForm({ ...form, code: e.target.value })} />}</Field>
          <Field label={t('field.time_zone')} required error={problemOf(error, 'time_zone')}>{(p) => <input {...p} className="in mono" name="time_zone" list="zones" required value={form.time_zone} onChange={(e) => setForm({ ...form, time_zone: e.target.value })} />}</Field>
          <datalist id="zones">{Intl.supportedValuesOf('timeZone').map((z) => <option key={z} value={z} />)}</datalist>
          <NameFields names={form.names} error={error} onChange={(names) => setForm({ ...form, names })} />
        </>
      )}
    </FormDialog>
  );
}

export function UnitForm({ unit, sites, onClose, onSaved }: { unit?: Unit; sites: Site[]; onClose: () => void; onSaved: () => void }) {
  const { t, name } = useText();
  const [form, setForm] = useState({ site_id: unit?.site_id ?? sites[0]?.id ?? '', code: unit?.code ?? '', names: unit?.names ?? NONE });
  return (
    <FormDialog title={unit ? t('assets.edit', { code: unit.code }) : t('assets.add_unit')} onClose={onClose} onSaved={onSaved} save={() => (unit ? api.updateUnit(unit.id, form) : api.createUnit(form))}>
      {(error) => (
        <>
          <Field label={t('field.site')} required error={problemOf(error, 'site_id')}>{(p) => <select {...p} className="in" name="site" value={form.site_id} onChange={(e) => setForm({ ...form, site_id: e.target.value })}>{sites.map((s) => <option key={s.id} value={s.id}>{`${s.code} · ${name(s.names)}`}</option>)}</select>}</Field>
          <Field label={t('field.code')} required error={problemOf(error, 'code')}>{(p) => <input {...p} className="in mono" name="code" required value={form.code} onChange={(e) => setForm({ ...form, code: e.target.value })} />}</Field>
          <NameFields names={form.names} error={error} onChange={(names) => setForm({ ...form, names })} />
        </>
      )}
    </FormDialog>
  );
}

const codes = (text: string) => text.split(/[;,،\s]+/).map((c) => c.trim()).filter(Boolean);

export function AssetForm({ asset, unit, sites, units, families, onClose, onSaved }: { asset?: Asset; unit?: string; sites: Site[]; units: Unit[]; families: FamilyTemplate[]; onClose: () => void; onSaved: () => void }) {
  const { t, name, word } = useText();
  const familyName = useFamilyName();
  const [form, setForm] = useState({
    unit_id: asset?.unit_id ?? unit ?? units[0]?.id ?? '', code: asset?.code ?? '', names: asset?.names ?? NONE, family: asset?.family ?? families[0]?.family ?? '',
    criticality: asset?.criticality ?? ('medium' as Criticality), equipment_number: asset?.equipment_number ?? '', functional_location: asset?.functional_location ?? '',
    upstream: asset?.upstream.join('; ') ?? '', downstream: asset?.downstream.join('; ') ?? '', note: asset?.note ?? '', since: asset?.in_service_since == null ? '' : iso(asset.in_service_since).slice(0, 10),
  });
  const set = (key: keyof typeof form) => (event: { target: { value: string } }) => setForm({ ...form, [key]: event.target.value });
  const body = () => ({ unit_id: form.unit_id, code: form.code, names: form.names, family: form.family, criticality: form.criticality, note: form.note, in_service_since: form.since === '' ? null : dayStart(form.since), parent_id: asset?.parent_id ?? null, equipment_number: form.equipment_number.trim() || null, functional_location: form.functional_location.trim() || null, upstream: codes(form.upstream), downstream: codes(form.downstream) });
  const site = (id: string) => sites.find((s) => s.id === id);
  return (
    <FormDialog title={asset ? t('assets.edit', { code: asset.code }) : t('assets.add_asset')} onClose={onClose} onSaved={onSaved} save={() => (asset ? api.updateAsset(asset.id, body()) : api.createAsset(body()))}>
      {(error) => (
        <>
          <Field label={t('field.unit')} required error={problemOf(error, 'unit_id')}>{(p) => <select {...p} className="in" name="unit" value={form.unit_id} onChange={set('unit_id')}>{units.map((u) => <option key={u.id} value={u.id}>{`${site(u.site_id)?.code ?? ''} / ${u.code} · ${name(u.names)}`}</option>)}</select>}</Field>
          <Field label={t('field.code')} required error={problemOf(error, 'code')}>{(p) => <input {...p} className="in mono" name="code" required value={form.code} onChange={set('code')} />}</Field>
          <NameFields names={form.names} error={error} onChange={(names) => setForm({ ...form, names })} />
          <Field label={t('field.family')} required error={problemOf(error, 'family')}>{(p) => <select {...p} className="in" name="family" value={form.family} onChange={set('family')}>{families.map((f) => <option key={f.family} value={f.family}>{familyName(f.family)}</option>)}</select>}</Field>
          <Field label={t('field.criticality')} required error={problemOf(error, 'criticality')}>{(p) => <select {...p} className="in" name="criticality" value={form.criticality} onChange={set('criticality')}>{(['critical', 'high', 'medium', 'low'] as const).map((c) => <option key={c} value={c}>{word('criticality', c)}</option>)}</select>}</Field>
          <Field label={t('field.equipment_number')} error={problemOf(error, 'equipment_number')}>{(p) => <input {...p} className="in mono" value={form.equipment_number} onChange={set('equipment_number')} />}</Field>
          <Field label={t('field.functional_location')} error={problemOf(error, 'functional_location')}>{(p) => <input {...p} className="in mono" value={form.functional_location} onChange={set('functional_location')} />}</Field>
          <Field label={t('field.upstream')} help={t('field.codes_help')} error={problemOf(error, 'upstream')}>{(p) => <input {...p} className="in mono" value={form.upstream} onChange={set('upstream')} />}</Field>
          <Field label={t('field.downstream')} help={t('field.codes_help')} error={problemOf(error, 'downstream')}>{(p) => <input {...p} className="in mono" value={form.downstream} onChange={set('downstream')} />}</Field>
          <Field label={t('field.in_service_since')} help={t('field.in_service_since_help')} error={problemOf(error, 'in_service_since')}>{(p) => <DayInput {...p} value={form.since} onChange={(since) => setForm({ ...form, since })} />}</Field>
          <Field wide label={t('field.note')} error={problemOf(error, 'note')}>{(p) => <textarea {...p} className="in" dir="auto" rows={2} value={form.note} onChange={set('note')} />}</Field>
        </>
      )}
    </FormDialog>
  );
}
