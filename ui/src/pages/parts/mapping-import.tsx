// A file of mappings: choose it and what its rows mean, see every change and every refused row, then apply it.
import { type ChangeEvent, useState } from 'react';
import { api } from '@/api/calls';
import type { ImportMode, Integration, MappingDiff } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field, Segment } from '@/components/fields';
import { Icon } from '@/components/icons';
import { InlineError } from '@/components/notices';
import { useText } from '@/i18n/text';
import { DiffView } from './mapping-diff';

const MODES: ImportMode[] = ['create', 'merge', 'overwrite', 'delete'];

export function MappingImport({ integrations, onClose, onDone }: { integrations: Integration[]; onClose: () => void; onDone: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const [file, setFile] = useState<File | null>(null);
  const [mode, setMode] = useState<ImportMode>('merge');
  const [source, setSource] = useState('');
  const [goodRows, setGoodRows] = useState(false);
  const [diff, setDiff] = useState<MappingDiff | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const run = async (chosen: File | null, changes: { mode?: ImportMode; source?: string }, dryRun: boolean) => {
    if (!chosen) return;
    setBusy(true);
    setError(null);
    try {
      const result = await api.importMappings(chosen, { mode: changes.mode ?? mode, integration_id: changes.source ?? source, dry_run: dryRun, good_rows: goodRows && !dryRun });
      setDiff(result);
      if (!dryRun && result.is_applied) {
        toasts.done(t('mapping.changed', { n: result.added + result.changed + result.removed }));
        onDone();
        onClose();
      }
    } catch (e) {
      setDiff(null);
      setError(e);
    }
    setBusy(false);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = event.target.files?.[0] ?? null;
    setFile(chosen);
    setDiff(null);
    setGoodRows(false);
    void run(chosen, {}, true);
  };
  const count = diff ? diff.added + diff.changed + diff.removed : 0;
  const ready = diff !== null && count > 0 && (diff.refused === 0 || goodRows);
  return (
    <Dialog title={t('mapping.import')} onClose={onClose} size="80%">
      <div className="stack">
        <p className="prose">{t('mapping.import_how')}</p>
        <div><Segment label={t('mapping.import_mode')} disabled={busy} value={mode} onChange={(m) => { setMode(m); void run(file, { mode: m }, true); }} options={MODES.map((m) => ({ value: m, label: t(`mapping.mode_${m}`) }))} /></div>
        <p className="help">{t(`mapping.mode_${mode}_help`)}</p>
        <div className="row wrap">
          <Field label={t('mapping.import_file')}>{(p) => <input {...p} className="in" type="file" name="mapping_file" disabled={busy} accept=".csv,.xlsx,text/csv" onChange={choose} />}</Field>
          <Field label={t('mapping.import_source')}>{(p) => <select {...p} className="in" disabled={busy} value={source} onChange={(e) => { setSource(e.target.value); void run(file, { source: e.target.value }, true); }}><option value="">{t('mapping.import_source_named')}</option>{integrations.map((i) => <option key={i.id} value={i.id}>{i.name}</option>)}</select>}</Field>
        </div>
        <InlineError error={error} />
        {busy && <p className="help" role="status">{t('mapping.import_reading')}</p>}
        {diff && <DiffView diff={diff} />}
        {diff && diff.refused > 0 && count > 0 && <label className="chk"><input type="checkbox" name="good_rows" checked={goodRows} onChange={(e) => setGoodRows(e.target.checked)} />{t('mapping.good_rows')}</label>}
        <div className="actions">
          <button type="button" className="btn pri" data-action="apply-import" disabled={!ready || busy} onClick={() => void run(file, {}, false)}><Icon name="check" />{t('mapping.apply', { n: count })}</button>
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </div>
    </Dialog>
  );
}
