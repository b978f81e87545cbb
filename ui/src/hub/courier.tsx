// Courier files at the hub: what an appliance wrote is read, and its receipts leave as a download, or as QR codes and text
// where no file goes back.
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { request, send } from '@/api/http';
import { CopyButton } from '@/components/copy';
import { useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { QrCode } from '@/components/qr-code';
import { useText } from '@/i18n/text';
import { save } from '@/lib/evidence-file';
import type { CourierAnswer, FleetAppliance } from './api';

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** The receipts as QR codes, each with the same as text; this alone is printed. */
function ReceiptCodes({ taken }: { taken: CourierAnswer }) {
  const { t, n } = useText();
  const { report, texts } = taken;
  return (
    <section className="qr-sheet" data-receipts={texts.length}>
      <h3>{t('hub.receipt_codes', { number: n(report.number, 0), name: report.name })}</h3>
      <p className="mid">{t('hub.receipt_codes_what')}</p>
      <div className="actions"><button type="button" className="btn" onClick={() => window.print()}>{t('hub.receipt_print')}</button></div>
      {texts.map((text, at) => (
        <figure key={text}>
          <QrCode text={text} label={t('hub.receipt_code', { part: n(at + 1, 0), of: n(texts.length, 0) })} />
          <figcaption className="cap">{t('hub.receipt_code', { part: n(at + 1, 0), of: n(texts.length, 0) })}</figcaption>
          <code className="qr-text" data-receipt-text>{text}</code>
          <div className="actions"><CopyButton text={text} /></div>
        </figure>
      ))}
    </section>
  );
}

export function Courier() {
  const { t, n } = useText();
  const client = useQueryClient();
  const chosen = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [taken, setTaken] = useState<CourierAnswer | null>(null);
  const [showsCodes, setShowsCodes] = useState(false);
  const read = async (file: File) => {
    setBusy(true);
    setError(null);
    setTaken(null);
    setShowsCodes(false);
    try {
      setTaken(await request<CourierAnswer>('POST', '/api/admin/courier', { raw: { body: file, type: 'application/octet-stream' } }));
      await client.invalidateQueries({ queryKey: ['fleet'] });
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const report = taken?.report;
  return (
    <Pane title={t('hub.courier')} flush={false}>
      <div className="stack">
        <p className="mid">{t('hub.courier_what')}</p>
        <div className="row wrap">
          <button type="button" className="btn" disabled={busy} onClick={() => chosen.current?.click()}><Icon name="upload" />{t('hub.courier_read')}</button>
          {taken && report && <button type="button" className="btn pri" onClick={() => save(`optria-${report.number}.oqr`, new Blob([bytesOf(taken.receipts)]))}><Icon name="download" />{t('hub.courier_receipts')}</button>}
          {taken && <button type="button" className="btn" aria-expanded={showsCodes} onClick={() => setShowsCodes(!showsCodes)}>{t('hub.receipt_show')}</button>}
        </div>
        <input ref={chosen} type="file" hidden accept=".oqb" aria-label={t('hub.courier_read')} onChange={(event) => { const file = event.target.files?.[0]; event.target.value = ''; if (file) void read(file); }} />
        <InlineError error={error} />
        {report && <p role="status">{t('hub.courier_done', { number: n(report.number, 0), name: report.name, stored: n(report.stored, 0) })}</p>}
        {report && report.forks > 0 && <Notice tone="critical">{t('hub.courier_fork')}</Notice>}
        {report && report.gaps.length > 0 && (
          <Notice tone="warning">
            <p>{t('hub.courier_gaps')}</p>
            <ul className="col">{report.gaps.map((code) => <li key={code}><Tag>{code}</Tag></li>)}</ul>
          </Notice>
        )}
        {taken && showsCodes && <ReceiptCodes taken={taken} />}
      </div>
    </Pane>
  );
}

/** People and flags for one appliance, as a file. */
export function ConfigurationFile({ appliance }: { appliance: FleetAppliance }) {
  const { t } = useText();
  const toasts = useToasts();
  const write = async () => {
    const answer = await send('GET', `/api/admin/courier/${appliance.tenant_id}/${appliance.id}`, { accept: 'application/octet-stream' });
    save('optria.oqc', await answer.blob());
  };
  return <button type="button" className="btn sm" onClick={() => void write().catch(toasts.failed)}>{t('hub.courier_config')}</button>;
}
