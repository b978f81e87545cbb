// One uploaded file: what was found out about it, corrections, what its first rows mean, and the import itself.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '@/api/calls';
import { useSession, useSignedIn } from '@/api/session';
import type { ImportColumn, ImportFile, ImportLayout, ImportReading } from '@/api/types';
import { Dialog, useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { unitLabel } from '@/lib/format';
import { fileSize, StateOf } from '../imports';
import { mappingOf } from './integration-actions';

const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1256', 'windows-1252'] as const;
const DATES = ['iso', 'day_first', 'month_first', 'excel_serial', 'epoch_s', 'epoch_ms'] as const;
const QUALITIES = ['words', 'opc_da', 'opc_ua', 'flag'] as const;
const ROLES = ['timestamp', 'date', 'time_of_day', 'tag', 'value', 'quality', 'unit', 'message', 'state', 'priority', 'operator', 'ignore'] as const;
const DELIMITERS = [',', ';', '|', '\t'];
/** Shown of a wide table; the rest keeps what was found. */
const COLUMNS_SHOWN = 60;

type Change = (changes: Partial<ImportLayout>) => void;

function Choice<V extends string>({ label, value, options, word, onChange, error }: { label: string; value: V; options: readonly V[]; word: (v: V) => string; onChange: (v: V) => void; error?: string | null }) {
  return (
    <Field label={label} error={error}>
      {(p) => <select {...p} className="in" value={value} onChange={(event) => onChange(event.target.value as V)}>{options.map((o) => <option key={o} value={o}>{word(o)}</option>)}</select>}
    </Field>
  );
}

function LayoutForm({ file, layout, error, change }: { file: ImportFile; layout: ImportLayout; error: unknown; change: Change }) {
  const { t } = useText();
  const row = (value: string) => Math.max(0, Math.min(1_000_000, Math.trunc(Number(value)) || 0));
  return (
    <div className="form-grid">
      <Choice label={t('imports.kind')} value={layout.kind} options={['trend', 'journal'] as const} word={(v) => t(`enum.import_kind.${v}`)} onChange={(kind) => change({ kind })} />
      {layout.kind === 'trend' && <Choice label={t('imports.shape')} value={layout.shape} options={['long', 'wide'] as const} word={(v) => t(`enum.import_shape.${v}`)} onChange={(shape) => change({ shape })} />}
      {file.format === 'csv' && <Choice label={t('imports.encoding')} value={layout.encoding} options={ENCODINGS} word={(v) => v} onChange={(encoding) => change({ encoding })} />}
      {file.format === 'csv' && <Choice label={t('imports.delimiter')} value={layout.delimiter} options={DELIMITERS} word={(v) => t(`imports.delimiter.${v === '\t' ? 'tab' : v === ',' ? 'comma' : v === ';' ? 'semicolon' : 'bar'}`)} onChange={(delimiter) => change({ delimiter })} />}
      {file.format === 'xlsx' && file.sheets.length > 1 && <Choice label={t('imports.sheet')} value={layout.sheet ?? file.sheets[0]!} options={file.sheets} word={(v) => v} onChange={(sheet) => change({ sheet })} />}
      <Choice label={t('imports.decimal')} value={layout.decimal} options={['.', ',']} word={(v) => t(v === '.' ? 'imports.decimal.point' : 'imports.decimal.comma')} onChange={(decimal) => change({ decimal })} error={problemOf(error, 'decimal')} />
      <Choice label={t('imports.date_format')} value={layout.date_format} options={DATES} word={(v) => t(`enum.import_date.${v}`)} onChange={(date_format) => change({ date_format })} error={problemOf(error, 'date_format')} />
      <Field label={t('field.time_zone')} error={problemOf(error, 'time_zone')}>{(p) => <><input {...p} className="in mono" list="import-zones" value={layout.time_zone} onChange={(event) => change({ time_zone: event.target.value })} /><datalist id="import-zones">{['UTC', ...Intl.supportedValuesOf('timeZone')].map((z) => <option key={z} value={z} />)}</datalist></>}</Field>
      <Choice label={t('imports.quality')} value={layout.quality} options={QUALITIES} word={(v) => t(`enum.import_quality.${v}`)} onChange={(quality) => change({ quality })} />
      <Field label={t('imports.header_row')} error={problemOf(error, 'header_row')}>{(p) => <input {...p} className="in mono" type="number" min={0} value={layout.header_row} onChange={(event) => change({ header_row: row(event.target.value) })} />}</Field>
      <Field label={t('imports.first_row')} error={problemOf(error, 'first_row')}>{(p) => <input {...p} className="in mono" type="number" min={1} value={layout.first_row} onChange={(event) => change({ first_row: row(event.target.value) })} />}</Field>
    </div>
  );
}

function Columns({ file, layout, change }: { file: ImportFile; layout: ImportLayout; change: Change }) {
  const { t } = useText();
  const set = (index: number, changes: Partial<ImportColumn>) => change({ columns: layout.columns.map((c, i) => (i === index ? { ...c, ...changes } : c)) });
  const shown = layout.columns.slice(0, COLUMNS_SHOWN);
  return (
    <>
      <div className="scroll tall" tabIndex={0} role="region" aria-label={t('imports.columns')}>
        <table className="tb">
          <thead><tr><th scope="col">{t('imports.column')}</th><th scope="col">{t('imports.role')}</th><th scope="col">{t('imports.tag')}</th><th scope="col">{t('field.unit')}</th><th scope="col">{t('imports.first_values')}</th></tr></thead>
          <tbody>
            {shown.map((column, index) => (
              <tr key={`${index}.${column.name}`}>
                <td><Tag className="tail">{column.name || `#${index + 1}`}</Tag></td>
                <td><select className="in sm" aria-label={t('imports.role_of', { column: column.name || index + 1 })} value={column.role} onChange={(event) => set(index, { role: event.target.value as ImportColumn['role'] })}>{ROLES.map((role) => <option key={role} value={role}>{t(`enum.import_role.${role}`)}</option>)}</select></td>
                <td>{column.role === 'value' && layout.shape === 'wide' ? <input className="in sm mono" dir="ltr" aria-label={t('imports.tag_of', { column: column.name || index + 1 })} value={column.tag ?? ''} onChange={(event) => set(index, { tag: event.target.value || null })} /> : <span className="dim">{'—'}</span>}</td>
                <td><Tag>{unitLabel(column.unit ?? '') || '—'}</Tag></td>
                <td className="cap"><bdi dir="ltr">{file.sample.slice(0, 3).map((r) => r[index] ?? '').join(' · ')}</bdi></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {layout.columns.length > COLUMNS_SHOWN && <p className="help">{t('imports.more_columns', { n: layout.columns.length - COLUMNS_SHOWN })}</p>}
    </>
  );
}

/** The first rows as they are read, in the zone of the file: so they can be held beside what is written in it. */
function Readings({ rows, zone }: { rows: ImportReading[]; zone: string }) {
  const { t, n } = useText();
  if (rows.length === 0) return null;
  return (
    <div className="scroll tall" tabIndex={0} role="region" aria-label={t('imports.readings')}>
      <table className="tb">
        <thead><tr><th scope="col" className="r">{t('imports.row')}</th><th scope="col">{t('event.time')} <bdi dir="ltr">{zone}</bdi></th><th scope="col">{t('imports.tag')}</th><th scope="col">{t('imports.value')}</th><th scope="col">{t('imports.problem')}</th></tr></thead>
        <tbody>
          {rows.slice(0, 50).map((r, index) => (
            <tr key={`${r.row}.${index}`}>
              <td className="r">{n(r.row, 0)}</td>
              <td><When at={r.at} ms zone={zone} /></td>
              <td><Tag>{r.tag ?? '—'}</Tag></td>
              <td><bdi dir="auto">{r.value !== null ? n(r.value) : (r.text ?? '—')}</bdi></td>
              <td>{r.problem ? <span className="warn-t">{r.problem.message}</span> : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Facts({ file }: { file: ImportFile }) {
  const { t, n, span } = useText();
  const counts = file.run.rows > 0 ? file.run : file.scan;
  return (
    <dl className="kv">
      <dt>{t('field.status')}</dt><dd><StateOf file={file} /></dd>
      <dt>{t('imports.size')}</dt><dd><bdi dir="ltr">{fileSize(n, file.size_bytes)}</bdi></dd>
      <dt>{t('imports.rows')}</dt><dd>{n(counts.rows, 0)} {file.rows_per_s > 0 && <span className="dim">({t('imports.rate', { n: Math.round(file.rows_per_s) })})</span>}</dd>
      <dt>{t('imports.span')}</dt><dd>{file.first_at && file.last_at ? <><When at={file.first_at} zone={file.layout.time_zone} /> – <When at={file.last_at} zone={file.layout.time_zone} /> <bdi className="dim" dir="ltr">{file.layout.time_zone}</bdi></> : '—'}</dd>
      <dt>{t('imports.tags_mapped')}</dt><dd><bdi dir="ltr">{`${n(file.mapped_tags, 0)} / ${n(file.tags, 0)}`}</bdi></dd>
      <dt>{t('imports.stored')}</dt><dd>{n(file.run.samples + file.run.events, 0)} {file.run.ms > 0 && <span className="dim">({span(file.run.ms)})</span>}</dd>
      <dt>{t('imports.unmapped')}</dt><dd>{n(counts.unmapped, 0)}</dd>
      {counts.repeats > 0 && <><dt>{t('imports.repeats')}</dt><dd>{n(counts.repeats, 0)} <span className="dim">({t('imports.repeats_help')})</span></dd></>}
      <dt>{t('imports.rejected')}</dt><dd>{n(counts.rejected, 0)}</dd>
      <dt><bdi dir="ltr">{'SHA-256'}</bdi></dt><dd><Tag className="cap tail">{file.sha256}</Tag></dd>
    </dl>
  );
}

function Panel({ file, onClose, onChange }: { file: ImportFile; onClose: () => void; onChange: () => void }) {
  const { t, p } = useText();
  const { tenant_id } = useSignedIn();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [layout, setLayout] = useState(file.layout);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const stored = JSON.stringify(file.layout);
  useEffect(() => { setLayout(JSON.parse(stored) as ImportLayout); }, [stored]);
  const changed = JSON.stringify(layout) !== stored;
  const working = file.state === 'scanning' || file.state === 'running';
  const act = async (what: () => Promise<ImportFile | void>) => {
    setBusy(true);
    setError(null);
    try {
      const next = await what();
      if (next) client.setQueryData(['import', file.id, p.language], next);
      onChange();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const remove = () => confirm({ title: t('imports.delete'), body: t('imports.delete_body', { name: file.name }), action: t('imports.delete'), danger: true, run: async () => { await api.deleteImport(file.id); toasts.done(t('imports.deleted')); onChange(); onClose(); } });
  const unmapped = file.tags - file.mapped_tags;
  return (
    <div className="stack">
      {file.error && <Notice tone="critical">{file.error.message}</Notice>}
      {file.already_imported && <Notice>{t('imports.already')}</Notice>}
      {file.warnings.map((w) => <Notice key={w.code + w.message} tone="warning">{w.message}</Notice>)}
      {file.layout.kind === 'trend' && unmapped > 0 && !working && (
        <Notice action={may('mappings.write') && <AppLink className="btn sm" to={`${mappingOf(tenant_id, file.integration_id)}&tab=bulk`}>{t('imports.map')}</AppLink>}>{t('imports.unmapped_tags', { n: unmapped })}{!may('mappings.write') && <> {t('imports.unmapped_ask')}</>}</Notice>
      )}
      <div className="grid">
        <div className="c5"><Facts file={file} /></div>
        <div className="c7"><LayoutForm file={file} layout={layout} error={error} change={(changes) => setLayout({ ...layout, ...changes })} /></div>
      </div>
      <h3>{t('imports.columns')}</h3>
      <Columns file={file} layout={layout} change={(changes) => setLayout({ ...layout, ...changes })} />
      <h3>{t('imports.readings')}</h3>
      <Readings rows={file.readings} zone={file.layout.time_zone} />
      <InlineError error={error} />
      <div className="actions">
        {changed || file.state === 'needs_layout'
          ? <><button type="button" className="btn pri" disabled={busy || working} onClick={() => void act(() => api.setImportLayout(file.id, layout))}>{t('imports.apply')}</button><button type="button" className="btn" onClick={() => setLayout(file.layout)}>{t('imports.undo')}</button></>
          : <button type="button" className="btn pri" disabled={busy || working} onClick={() => void act(() => api.runImport(file.id))}>{t(file.run.rows > 0 ? 'imports.run_again' : 'imports.run')}</button>}
        {working && <button type="button" className="btn" disabled={busy} onClick={() => void act(() => api.cancelImport(file.id))}>{t('imports.cancel')}</button>}
        {Math.max(file.scan.rejected, file.run.rejected) > 0 && <a className="btn" href={`/api/imports/${file.id}/rejected.csv`} download><Icon name="download" />{t('imports.download_rejected')}</a>}
        <button type="button" className="btn danger" disabled={busy || working} onClick={remove}>{t('imports.delete')}</button>
      </div>
      {dialog}
    </div>
  );
}

export function ImportPanel({ id, onClose, onChange }: { id: string; onClose: () => void; onChange: () => void }) {
  const { t, p } = useText();
  const query = useQuery({
    queryKey: ['import', id, p.language], queryFn: () => api.import(id),
    refetchInterval: (q) => (q.state.data && ['scanning', 'running'].includes(q.state.data.state) ? 1000 : false),
  });
  return (
    <Dialog title={query.data ? t('imports.title', { name: query.data.name }) : t('page.imports')} onClose={onClose} size="90%">
      <Loaded query={query} what={t('imports.loading')}>{(file) => <Panel file={file} onClose={onClose} onChange={onChange} />}</Loaded>
    </Dialog>
  );
}
