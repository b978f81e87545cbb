// The connection doctor: what is wrong, what to do next, who can do it, and what to send them.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { DoctorFinding, DoctorReport } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { Icon, StatusShape } from '@/components/icons';
import { Tag } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import '@/styles/integrations.css';

function Finding({ f }: { f: DoctorFinding }) {
  const { t } = useText();
  const letter = [f.send, ...f.evidence.map((e) => `${e.label}: ${e.value}`)].join('\n');
  return (
    <article className="finding" data-topic={f.topic}>
      <div className="row top"><StatusShape shape={f.is_blocking ? 'critical' : 'warning'} /><div className="grow"><h3>{f.cause.message}</h3><span className="cap dim">{sentence('stage', f.stage) ?? t(`stage.${f.stage}`)}</span></div></div>
      <dl className="kv">
        <dt>{t('doctor.next')}</dt><dd>{f.next_step}</dd>
        <dt>{t('doctor.who')}</dt><dd>{f.who}</dd>
      </dl>
      {f.fixer !== 'you' && (
        <div className="col">
          <span className="cap dim">{t('doctor.send')}</span>
          <p className="send s">{f.send}</p>
          <div className="row wrap"><CopyButton text={letter} label={t('doctor.copy')} className="btn sm" /></div>
        </div>
      )}
      <details><summary className="s">{t('doctor.evidence')}</summary><dl className="kv">{f.evidence.map((e) => <div key={e.key} className="kv-row"><dt>{e.label}</dt><dd><Tag wrap>{e.value}</Tag></dd></div>)}</dl></details>
    </article>
  );
}

export function Doctor({ id, title }: { id: string; title?: string }) {
  const { t } = useText();
  const client = useQueryClient();
  const [report, setReport] = useState<DoctorReport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    setError(null);
    setReport(null);
    try {
      setReport(await api.doctor(id));
    } catch (e) {
      setError(e);
    }
    setBusy(false);
    for (const key of ['activity', 'integration', 'integrations']) void client.invalidateQueries({ queryKey: [key] });
  };
  return (
    <Pane title={title ?? t('doctor.title')} end={<button type="button" className="btn sm" disabled={busy} onClick={() => void ask()}><Icon name="search" />{t(busy ? 'doctor.looking' : 'doctor.ask')}</button>} foot={t('doctor.foot')}>
      <div aria-live="polite" data-doctor={report ? (report.findings.length === 0 ? 'well' : 'ill') : 'idle'}>
        {error !== null && <div className="pb"><InlineError error={error} /></div>}
        {report && report.findings.length === 0 && <div className="pb"><Notice>{report.test.message}</Notice></div>}
        {report?.findings.map((f) => <Finding key={`${f.stage}${f.cause.code}`} f={f} />)}
      </div>
    </Pane>
  );
}
