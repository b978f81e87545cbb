// Tamper evidence of an incident: how far the log is protected, the file that leaves the house, and how its reader
// checks it without us.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { EvidenceFinding, EvidenceStatus } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { type EvidenceExport, exportEvidence, makeReport, type ReportLanguage, save } from '@/lib/evidence-file';

const EVERY_MS = 15_000;

function Protection({ status }: { status: EvidenceStatus }) {
  const { t, n, word } = useText();
  if (status.records === 0) return <p className="help">{t('evidence.none')}</p>;
  return (
    <>
      <dl className="kv">
        <dt>{t('evidence.protected')}</dt>
        <dd>{status.protected_at === null ? t('evidence.protected_none') : <When at={status.protected_at} full />}</dd>
        <dt>{t('evidence.records')}</dt>
        <dd><span>{n(status.protected_records, 0)}</span> <span className={status.newer_records > 0 ? 'chip' : 'dim'} title={t('evidence.newer_help')}>{t('evidence.newer', { n: status.newer_records })}</span></dd>
        <dt>{t('evidence.audit')}</dt>
        <dd>{n(status.audit_records, 0)}</dd>
        {status.key_fingerprint !== null && <><dt>{t('evidence.key')}</dt><dd><Tag>{status.key_fingerprint}</Tag></dd></>}
        <dt>{t('evidence.epoch')}</dt>
        <dd>{n(status.epoch_number, 0)} <span className="dim">· {word('evidence_reason', status.epoch_reason)}{status.epoch_opened_at !== null && <> · <When at={status.epoch_opened_at} /></>}</span></dd>
      </dl>
      <p className="help">{status.is_demo ? t('evidence.demo') : t('evidence.signer_only')}</p>
    </>
  );
}

function Findings({ findings }: { findings: EvidenceFinding[] }) {
  const { t, word } = useText();
  if (findings.length === 0) return null;
  return (
    <Notice tone="critical">
      <b>{t('evidence.broken')}</b>
      <ul>{findings.map((f) => <li key={`${f.reason} ${f.found_at} ${f.row} ${f.record}`}>{word('evidence_reason', f.reason)}{f.had !== null && f.has !== null && <> · <bdi dir="ltr">{f.had} → {f.has}</bdi></>}{f.record !== null && <> · <bdi dir="ltr">#{f.record}</bdi></>}{f.row !== null && <> · <bdi dir="ltr">{f.row}</bdi></>} · <When at={f.found_at} /></li>)}</ul>
    </Notice>
  );
}

function Exporting({ incident, onDone }: { incident: string; onDone: () => void }) {
  const { t, n, word } = useText();
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<EvidenceExport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      const file = await exportEvidence(incident);
      save(file.name, file.blob);
      setMade(file);
      onDone();
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="col">
      <div><button type="button" className="btn pri" disabled={busy} onClick={() => void run()}><Icon name="download" />{busy ? t('evidence.exporting') : t('evidence.export')}</button></div>
      <InlineError error={error} />
      {made && (
        <div role="status" className="s">
          <p>{t('evidence.exported', { records: made.records, windows: made.windows })}</p>
          {made.leftOut.length > 0 && <><p className="help">{t('evidence.left_out')}</p><ul className="help">{made.leftOut.map((o) => <li key={`${o.what} ${o.why}`}>{word('evidence_left', `${o.what}_${o.why}`)}: {n(o.count, 0)}</li>)}</ul></>}
        </div>
      )}
    </div>
  );
}

/** The same incident for people: a PDF in Arabic, in English, or one after the other. */
function Reporting({ incident }: { incident: string }) {
  const { t } = useText();
  const [language, setLanguage] = useState<ReportLanguage>('both');
  const [busy, setBusy] = useState(false);
  const [pages, setPages] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    setPages(null);
    try {
      const report = await makeReport(incident, language);
      save(report.name, report.blob);
      setPages(report.pages);
    } catch (e) {
      setError(e);
    } finally {
      setBusy(false);
    }
  };
  const options: { value: ReportLanguage; label: string }[] = [{ value: 'both', label: t('evidence.report_both') }, ...(['ar', 'en'] as const).map((value) => ({ value, label: t(`settings.language.${value}`) }))];
  return (
    <div className="col report-making">
      <div className="row wrap">
        <button type="button" className="btn" disabled={busy} onClick={() => void run()}><Icon name="download" />{busy ? t('evidence.reporting') : t('evidence.report')}</button>
        <Select label={t('evidence.report_language')} value={language} onChange={setLanguage} options={options} />
      </div>
      <p className="help">{t('evidence.report_help')}</p>
      <InlineError error={error} />
      {pages !== null && <p role="status" className="s">{t('evidence.report_done', { pages })}</p>}
    </div>
  );
}

/** What a reader types; a command has no language. */
const VERIFY_COMMAND = 'optria-verify INC.oqe --trust keys.txt';

function Verify() {
  const { t } = useText();
  const keys = useQuery({ queryKey: ['evidence-keys'], queryFn: api.evidenceKeys });
  const current = keys.data?.find((key) => key.is_current);
  return (
    <ol className="steps-plain">
      <li>{t('evidence.verify_1')} <a className="link" href="/api/evidence/verifier" download="optria-verify.html">{t('evidence.verifier')}</a></li>
      <li>{t('evidence.verify_2')}
        <InlineError error={keys.error} />
        {current && <div className="col trust-line"><Tag wrap>{current.trust_line}</Tag><div><CopyButton text={current.trust_line} className="btn sm" /></div></div>}
      </li>
      <li>{t('evidence.verify_3')} <Tag wrap>{VERIFY_COMMAND}</Tag></li>
    </ol>
  );
}

export function EvidencePanel({ incident }: { incident: string }) {
  const { t } = useText();
  const { may } = useSession();
  const status = useQuery({ queryKey: ['evidence-status'], queryFn: api.evidenceStatus, refetchInterval: EVERY_MS });
  return (
    <Pane title={t('evidence.title')} flush={false}>
      <Loaded query={status} what={t('evidence.loading')} rows={4}>
        {(found) => (
          <div className="stack evidence-pane">
            <Findings findings={found.findings} />
            <Protection status={found} />
            {may('blackbox.write') ? <Exporting incident={incident} onDone={() => void status.refetch()} /> : <p className="help">{t('evidence.only_roles')}</p>}
            <Reporting incident={incident} />
            <details>
              <summary className="s">{t('evidence.holds_title')}</summary>
              <ul className="plain-list">{(['records', 'windows', 'versions', 'left'] as const).map((part) => <li key={part}>{t(`evidence.holds_${part}`)}</li>)}</ul>
            </details>
            <details>
              <summary className="s">{t('evidence.verify_title')}</summary>
              <Verify />
            </details>
          </div>
        )}
      </Loaded>
    </Pane>
  );
}
