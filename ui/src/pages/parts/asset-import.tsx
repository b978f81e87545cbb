// CSV import of assets or technicians: choose a file, see what it would do, then do it. With one wrong row nothing is written.
import { type ChangeEvent, useState } from 'react';
import type { ImportReport } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import { downloadText, toCsv } from '@/lib/csv';

export interface ImportOf {
  title: string;
  how: string;
  columns: string[];
  template: string;
  send: (csv: string, dryRun: boolean) => Promise<ImportReport>;
}

export function ImportDialog({ of, onClose, onDone }: { of: ImportOf; onClose: () => void; onDone: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const [text, setText] = useState('');
  const [report, setReport] = useState<ImportReport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const run = async (csv: string, dryRun: boolean) => {
    setBusy(true);
    setError(null);
    try {
      const result = await of.send(csv, dryRun);
      setReport(result);
      if (!dryRun && result.errors.length === 0) {
        toasts.done(t('import.done', { n: result.created + result.updated }));
        onDone();
        onClose();
      }
    } catch (e) {
      setReport(null);
      setError(e);
    }
    setBusy(false);
  };
  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    if (!file) return;
    const csv = await file.text();
    setText(csv);
    await run(csv, true);
  };
  const ready = report !== null && report.errors.length === 0 && report.created + report.updated > 0;
  return (
    <Dialog title={of.title} onClose={onClose} size="xl">
      <div className="stack">
        <p className="prose">{of.how}</p>
        <Field label={t('import.file')}>{(p) => <input {...p} className="in" type="file" accept=".csv,text/csv" onChange={(event) => void choose(event)} />}</Field>
        <div><button type="button" className="btn quiet sm" onClick={() => downloadText(of.template, toCsv(of.columns, []))}><Icon name="download" />{t('import.template')}</button></div>
        <InlineError error={error} />
        {report && (
          <Notice tone={report.errors.length > 0 ? 'critical' : 'plain'}>
            {t('import.would', { created: report.created, updated: report.updated, unchanged: report.unchanged })}
            {report.errors.length > 0 && <> {t('import.refused', { n: report.errors.length })}</>}
          </Notice>
        )}
        {report && report.errors.length > 0 && (
          <div className="scroll tall" tabIndex={0} role="region" aria-label={t('import.errors')}>
            <table className="tb">
              <thead><tr><th scope="col" className="r">{t('import.row')}</th><th scope="col">{t('import.column')}</th><th scope="col">{t('import.reason')}</th></tr></thead>
              <tbody>{report.errors.slice(0, 200).map((e) => <tr key={`${e.row}.${e.column}.${e.code}`}><td className="r">{e.row}</td><td><Tag>{e.column}</Tag></td><td>{e.message}</td></tr>)}</tbody>
            </table>
          </div>
        )}
        <div className="actions">
          <button type="button" className="btn pri" disabled={!ready || busy} onClick={() => void run(text, false)}>{t('import.submit', { n: report ? report.created + report.updated : 0 })}</button>
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </div>
    </Dialog>
  );
}
