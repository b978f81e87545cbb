// When and where backups are made, and how long they are kept.
import { useState } from 'react';
import { api } from '@/api/calls';
import type { BackupSettings, BackupStatus } from '@/api/types';
import { Field, problemOf } from '@/components/fields';
import { useText } from '@/i18n/text';
import { FormDialog } from './asset-forms';
import { CadenceFields, cadenceForm, cadenceOf } from './schedules';

export function BackupSettingsForm({ settings, onClose, onSaved }: { settings: BackupSettings; onClose: () => void; onSaved: (status: BackupStatus) => void }) {
  const { t } = useText();
  const [form, setForm] = useState({ ...cadenceForm(settings.cadence), on: settings.is_enabled, folder: settings.folder ?? '', zone: settings.time_zone, days: settings.keep_days, months: settings.keep_months });
  const set = (changes: Partial<typeof form>) => setForm((f) => ({ ...f, ...changes }));
  const save = async () => onSaved(await api.saveBackupSettings({ is_enabled: form.on, folder: form.folder.trim() || null, cadence: cadenceOf(form), time_zone: form.zone, keep_days: form.days, keep_months: form.months }));
  return (
    <FormDialog title={t('backups.settings')} onClose={onClose} onSaved={() => undefined} save={save}>
      {(error) => (
        <>
          <label className="chk wide"><input type="checkbox" checked={form.on} onChange={(e) => set({ on: e.target.checked })} />{t('backups.on')}</label>
          <Field wide label={t('backups.folder')} help={t('backups.folder_help')} error={problemOf(error, 'folder')}>{(p) => <input {...p} className="in mono" dir="ltr" name="folder" value={form.folder} onChange={(e) => set({ folder: e.target.value })} />}</Field>
          <CadenceFields form={form} set={set} error={error} />
          <Field label={t('backups.keep_days')} error={problemOf(error, 'keep_days')}>{(p) => <input {...p} className="in" type="number" min={1} max={366} value={form.days} onChange={(e) => set({ days: Number(e.target.value) })} />}</Field>
          <Field label={t('backups.keep_months')} error={problemOf(error, 'keep_months')}>{(p) => <input {...p} className="in" type="number" min={0} max={120} value={form.months} onChange={(e) => set({ months: Number(e.target.value) })} />}</Field>
        </>
      )}
    </FormDialog>
  );
}
