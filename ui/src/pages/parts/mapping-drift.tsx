// Tags that are no longer what they were when they were mapped: what was seen, what is proposed, and a person's decision.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { DriftFinding, DriftRun } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Segment } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { Quantity, SourceTag, Tag, When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { unitLabel } from '@/lib/format';

function Proposal({ finding }: { finding: DriftFinding }) {
  const { t } = useText();
  const { action, value } = finding.proposal;
  const shown = action === 'unit' ? unitLabel(value ?? '') : (value ?? '');
  return <p className="prose"><b>{t('mapping.drift_proposal')}</b> {t(`mapping.drift_do_${action}`, { value: shown, other: finding.other?.external_tag ?? '' })}</p>;
}

function Finding({ finding, write, onDecided }: { finding: DriftFinding; write: boolean; onDecided: () => void }) {
  const { t, n } = useText();
  const metric = useMetricName();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const m = finding.mapping;
  const decide = async (accept: boolean) => {
    setBusy(true);
    setError(null);
    try {
      await (accept ? api.acceptDrift(finding.id) : api.dismissDrift(finding.id));
      toasts.done(t(accept ? 'mapping.drift_accepted' : 'mapping.drift_dismissed'));
      onDecided();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return (
    <li className="drift" data-kind={finding.kind}>
      <div className="row wrap">
        <StatusShape shape={finding.state === 'open' ? 'warning' : 'unknown'} />
        <b>{t(`mapping.drift_${finding.kind}`)}</b>
        {m && <><SourceTag tag={m.external_tag} /><Tag>{m.asset_code}</Tag><span>{metric(m.metric_name)}</span><Quantity value={m.value} text={m.text} unit={m.signal_unit} metric={m.metric_name} className="b" /></>}
        {finding.other && <><span className="dim" aria-hidden="true">{'⇄'}</span><SourceTag tag={finding.other.external_tag} /><Tag>{finding.other.asset_code}</Tag></>}
        <span className="cap dim end">{t('mapping.drift_confidence', { n: n(finding.confidence * 100, 0) })}</span>
      </div>
      <ul className="evidence">{finding.evidence.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>
      <Proposal finding={finding} />
      <InlineError error={error} />
      <div className="row wrap">
        {finding.state === 'open' && write && m && <>
          <button type="button" className="btn pri sm" data-action="accept-drift" disabled={busy} onClick={() => void decide(true)}><Icon name="check" />{t('mapping.drift_accept')}</button>
          <button type="button" className="btn sm" data-action="dismiss-drift" disabled={busy} onClick={() => void decide(false)}>{t('mapping.drift_dismiss')}</button>
        </>}
        {finding.state !== 'open' && <span className="chip">{t(`mapping.drift_state_${finding.state}`)}</span>}
        {finding.decided_by && <span className="cap dim"><bdi>{finding.decided_by}</bdi> · <When at={finding.decided_at} /></span>}
        <span className="cap dim end">{t('mapping.drift_since')} <When at={finding.first_seen_at} /></span>
      </div>
    </li>
  );
}

export function DriftTab({ onDone }: { onDone: () => void }) {
  const { t, p } = useText();
  const { may } = useSession();
  const write = may('mappings.write');
  const [state, setState] = useState<'open' | 'all'>('open');
  const [run, setRun] = useState<DriftRun | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const query = useQuery({ queryKey: ['mapping-drift', state, p.language], queryFn: () => api.drift({ state }) });
  const look = async () => {
    setBusy(true);
    setError(null);
    try {
      setRun(await api.runDrift());
      await query.refetch();
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return (
    <Pane title={t('mapping.drift')} caption={t('mapping.drift_sub')} end={<>
      <Segment small label={t('mapping.drift_state')} value={state} onChange={setState} options={[{ value: 'open', label: t('mapping.drift_open') }, { value: 'all', label: t('common.all') }]} />
      {write && <button type="button" className="btn sm" data-action="look-for-drift" disabled={busy} onClick={() => void look()}><Icon name="refresh" />{t(busy ? 'mapping.drift_looking' : 'mapping.drift_look')}</button>}
    </>}>
      {(run || error !== null) && (
        <div className="pb stack">
          <InlineError error={error} />
          {run && <Notice>{t('mapping.drift_ran', { checked: run.checked, too_new: run.too_new, open: run.open })}</Notice>}
          {run?.unread.map((why) => <Notice key={why} tone="warning">{why}</Notice>)}
        </div>
      )}
      <Loaded query={query} what={t('mapping.loading')}>
        {(list) => list.length === 0
          ? <EmptyState icon="check" title={t('mapping.drift_none')}>{t('mapping.drift_none_how')}</EmptyState>
          : <ul className="drifts">{list.map((f) => <Finding key={f.id} finding={f} write={write} onDecided={() => { void query.refetch(); onDone(); }} />)}</ul>}
      </Loaded>
    </Pane>
  );
}
