// Alerts by their ISA-18.2 state: what is active, who has seen it, what it was.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Alert, AlertState, Severity } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field, SearchInput, Segment, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark, Since, Tag, When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { EmptyState, InlineError } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { useParameters } from '@/lib/url';
import { AlarmPerformance } from './parts/alarm-performance';
import { WorkOrderForm } from './parts/work-order-form';

const LIMIT = 50;
const STATES: AlertState[] = ['active_unacknowledged', 'active_acknowledged', 'cleared_unacknowledged', 'cleared'];

function Acknowledge({ alert, onClose }: { alert: Alert; onClose: () => void }) {
  const { t } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [comment, setComment] = useState('');
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await api.acknowledge(alert.id, { comment: comment.trim() || null });
      toasts.done(t('alerts.acknowledged'));
      for (const key of ['alerts', 'alert-counts', 'overview']) void client.invalidateQueries({ queryKey: [key] });
      onClose();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Dialog title={t('alerts.acknowledge_title', { code: alert.asset_code })} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <p className="prose">{alert.message}</p>
        <Field label={t('alerts.comment')} help={t('alerts.comment_help')}>{(p) => <textarea {...p} className="in" dir="auto" rows={3} data-autofocus value={comment} onChange={(e) => setComment(e.target.value)} />}</Field>
        <InlineError error={error} />
        <div className="actions"><button type="submit" className="btn pri">{t('action.acknowledge')}</button><button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button></div>
      </form>
    </Dialog>
  );
}

function AlertList() {
  const { t, name, word, p } = useText();
  const metric = useMetricName();
  const { may } = useSession();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const [parameters, change] = useParameters();
  const [acknowledging, setAcknowledging] = useState<Alert | null>(null);
  const [ordering, setOrdering] = useState<Alert | null>(null);
  const [state, severity, asset, q] = ['state', 'severity', 'asset', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string, string];
  const offset = useOffset('alerts', LIMIT);
  const wanted = { ...cursor.asOf, state, severity, asset_id: asset, q };
  const query = useQuery({
    queryKey: ['alerts', cursor.asOf, state, severity, asset, q, offset, p.language], refetchInterval, placeholderData: (old) => old,
    queryFn: () => api.alerts({ ...wanted, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'alerts.page': null });
  const columns: Column<Alert>[] = [
    { key: 'severity', title: t('field.severity'), cell: (a) => <SeverityMark severity={a.severity} />, csv: (a) => a.severity },
    { key: 'state', title: t('field.state'), cell: (a) => <span className={a.state === 'active_unacknowledged' ? 'b' : 'mid'}>{word('alert_state', a.state)}</span>, csv: (a) => a.state },
    { key: 'asset', title: t('field.asset'), cell: (a) => <span className="two"><AppLink to={`/assets/${a.asset_id}`}><Tag>{a.asset_code}</Tag></AppLink><small>{name(a.asset_names)}</small></span>, csv: (a) => a.asset_code },
    { key: 'message', title: t('alerts.what'), cell: (a) => <span className="two">{a.message}{a.metric && <small>{metric(a.metric)}</small>}{a.comment && <small><bdi>{a.comment}</bdi></small>}</span>, csv: (a) => a.message },
    { key: 'activated_at', title: t('alerts.activated'), cell: (a) => <span className="two"><When at={a.activated_at} /><small><Since at={a.activated_at} now={cursor.at} /></small></span>, csv: (a) => new Date(a.activated_at).toISOString() },
    { key: 'acknowledged_at', title: t('alerts.acknowledged_by'), cell: (a) => (a.acknowledged_at ? <span className="two"><bdi>{a.acknowledged_by}</bdi><small><When at={a.acknowledged_at} /></small></span> : <span className="dim">{'—'}</span>), csv: (a) => a.acknowledged_by, wideOnly: true },
    { key: 'cleared_at', title: t('alerts.cleared'), cell: (a) => (a.cleared_at ? <When at={a.cleared_at} /> : <span className="dim">{'—'}</span>), csv: (a) => a.cleared_at && new Date(a.cleared_at).toISOString(), wideOnly: true },
    { key: 'action', title: '', end: true, cell: (a) => (
      <span className="row g1 nw">
        {a.incident_id && <AppLink className="btn quiet sm" to={`/blackbox/incidents/${a.incident_id}`}>{t('action.incident')}</AppLink>}
        {may('alerts.acknowledge') && cursor.t === null && a.acknowledged_at === null && <button type="button" className="btn sm" onClick={() => setAcknowledging(a)}>{t('action.acknowledge')}</button>}
        {may('work_orders.write') && cursor.t === null && <button type="button" className="btn quiet sm icon" title={t('work_orders.create')} aria-label={t('work_orders.create_for', { asset: a.asset_code })} onClick={() => setOrdering(a)}><Icon name="wrench" /></button>}
      </span>
    ) },
  ];
  const filtered = Boolean(state || severity || asset || q);
  return (
    <>
      <div className="row wrap filters">
        <SearchInput label={t('alerts.search')} value={q} onChange={(v) => filter({ q: v })} />
        <Select label={t('field.state')} value={state} onChange={(v) => filter({ state: v })} options={[{ value: '', label: t('alerts.all_states') }, ...STATES.map((s) => ({ value: s as string, label: word('alert_state', s) }))]} />
        <Segment<Severity | ''> label={t('field.severity')} value={severity as Severity | ''} onChange={(v) => filter({ severity: v })} options={[{ value: '', label: t('common.all') }, ...(['critical', 'warning', 'info'] as const).map((s) => ({ value: s, label: word('severity', s) }))]} />
        {asset && <button type="button" className="btn quiet" onClick={() => filter({ asset: null })}>{t('alerts.one_asset')}</button>}
      </div>
      <section className="pane">
        <Loaded query={query} what={t('alerts.loading')} rows={8}>
          {(page) => <DataTable id="alerts" label={t('page.alerts')} columns={columns} rows={page.items} rowKey={(a) => a.id} server={{ total: page.total, offset, limit: LIMIT }} all={(part) => api.alerts({ ...wanted, ...part })} csvName="alerts" empty={
            <EmptyState icon="alerts" title={t(filtered ? 'alerts.none_match' : 'alerts.empty')} action={filtered && <button type="button" className="btn" onClick={() => filter({ state: null, severity: null, asset: null, q: null })}>{t('action.clear_filters')}</button>}>{!filtered && t('alerts.empty_why')}</EmptyState>
          } />}
        </Loaded>
      </section>
      {acknowledging && <Acknowledge alert={acknowledging} onClose={() => setAcknowledging(null)} />}
      {ordering && <WorkOrderForm start={{ alert_id: ordering.id, asset_id: ordering.asset_id, asset_code: ordering.asset_code, title: t('work_orders.title_for_alert', { asset: ordering.asset_code, message: ordering.message }) }} onClose={() => setOrdering(null)} />}
    </>
  );
}

export default function AlertsPage() {
  const { t } = useText();
  const [parameters, change] = useParameters();
  const view = parameters.get('view') === 'performance' ? 'performance' : 'list';
  return (
    <>
      <PageHead title={t('page.alerts')} sub={t(view === 'list' ? 'alerts.sub' : 'alarms.sub')}>
        <Segment label={t('alarms.view')} value={view} onChange={(v) => change({ view: v === 'list' ? null : v }, true)} options={[{ value: 'list', label: t('alarms.list') }, { value: 'performance', label: t('alarms.performance') }]} />
      </PageHead>
      {view === 'list' ? <AlertList /> : <AlarmPerformance />}
    </>
  );
}
