// One work order beside the list: what it says, where it stands, where it came from, where it was sent.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { WorkOrder, WorkOrderChange, WorkOrderStatus } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { moment } from '@/lib/format';
import { useCursor } from '@/lib/cursor';
import { useVocabulary } from './technician-marks';
import { Called, MatchMark, OutboxMark, PriorityMark, VisitSentence, WorkOrderStatusMark } from './work-order-parts';
import { PlanForm } from './work-order-plan';
import { PushDialog } from './work-order-push';

function Period({ from, to }: { from: number | null; to: number | null }) {
  if (from === null && to === null) return <span className="dim">{'—'}</span>;
  return <>{from === null ? '—' : <When at={from} />}{' – '}{to === null ? '—' : <When at={to} />}</>;
}

/** What a field says, as a person reads it. */
function useSaid(): (field: string, value: unknown) => string {
  const { t, n, word, p } = useText();
  const { certificate } = useVocabulary();
  return (field, value) => {
    if (value === null || value === undefined || value === '') return '—';
    if (field === 'status') return word('work_order_status', String(value));
    if (field === 'priority') return word('work_order_priority', String(value));
    if (field === 'failure_mode') return `${String(value)} · ${word('failure_mode', String(value))}`;
    if (typeof value === 'boolean') return t(value ? 'outages.yes' : 'outages.no');
    if (field.endsWith('_at')) return moment(p, Number(value), Date.now());
    if (field === 'certificates' && Array.isArray(value)) return value.map((x) => certificate(String(x))).join('; ') || '—';
    if (Array.isArray(value)) return value.map((x: { name?: string; quantity?: number }) => `${x.name ?? ''} × ${n(x.quantity ?? 0)}`).join('; ') || '—';
    return typeof value === 'number' ? n(value) : String(value);
  };
}

function History({ changes }: { changes: WorkOrderChange[] }) {
  const { t, word } = useText();
  const said = useSaid();
  return (
    <section className="pb">
      <h3>{t('work_orders.history')}</h3>
      {changes.length === 0 ? <p className="help">{t('work_orders.no_history')}</p> : (
        <ol className="history">{changes.map((c) => (
          <li key={c.at} className="note-row">
            {c.fields.map((f) => <div key={f.field} className="s">{t('work_orders.changed_to', { field: word('work_order_field', f.field), before: said(f.field, f.before), after: said(f.field, f.after) })}</div>)}
            <div className="cap dim"><bdi>{c.actor}</bdi> · <When at={c.at} /></div>
          </li>
        ))}</ol>
      )}
    </section>
  );
}

function Facts({ order, incident }: { order: WorkOrder; incident: string | null }) {
  const { t, word, name, n } = useText();
  const { certificate } = useVocabulary();
  const hours = (value: number | null) => (value === null ? '—' : n(value));
  const maybe = (label: string, value: string | null) => value && <><dt>{t(label)}</dt><dd><Tag wrap>{value}</Tag></dd></>;
  return (
    <dl className="kv">
      <dt>{t('field.asset')}</dt>
      <dd>{order.asset_id ? <><AppLink to={`/assets/${order.asset_id}`}><Tag>{order.asset_code}</Tag></AppLink> {name(order.asset_names)}</> : <span className="dim">{t('work_orders.no_asset')}</span>}</dd>
      {order.origin === 'source' && <><dt>{t('work_orders.match')}</dt><dd><MatchMark state={order.match_state} /></dd></>}
      <dt>{t('work_orders.kind')}</dt><dd>{word('work_order_kind', order.kind)}{order.order_type && <> · <Tag>{order.order_type}</Tag></>}</dd>
      <dt>{t('work_orders.priority')}</dt><dd><PriorityMark priority={order.priority} /></dd>
      <dt>{t('work_orders.system')}</dt><dd>{order.source_system ? <bdi>{order.source_system}</bdi> : t('work_orders.only_here')}</dd>
      {maybe('work_orders.number', order.number)}
      {maybe('work_orders.reference', order.reference)}
      {maybe('work_orders.source_status', order.source_status || null)}
      {maybe('field.equipment_number', order.equipment_number)}
      {maybe('field.functional_location', order.functional_location)}
      {maybe('work_orders.plant', order.plant)}
      {maybe('work_orders.work_center', order.work_center)}
      {maybe('work_orders.related', order.related_number)}
      {order.visit && <><dt>{t('work_orders.visit')}</dt><dd><VisitSentence order={order} /></dd></>}
      <dt>{t('work_orders.technician')}</dt><dd>{order.technician_code ? <>{name(order.technician_names)} <Tag>{order.technician_code}</Tag></> : <span className="dim">{t('work_orders.nobody')}</span>}</dd>
      <dt>{t('work_orders.due')}</dt><dd>{order.due_at === null ? <span className="dim">{'—'}</span> : <When at={order.due_at} />}{order.is_overdue && <> <span className="chip critical">{t('work_orders.overdue')}</span></>}</dd>
      <dt>{t('work_orders.hours')}</dt><dd><bdi dir="ltr">{`${hours(order.estimated_hours)} / ${hours(order.actual_hours)}`}</bdi></dd>
      {order.failure_mode && <><dt>{t('work_orders.failure_mode')}</dt><dd><Tag>{order.failure_mode}</Tag> {word('failure_mode', order.failure_mode)}{order.failure_cause && <> · <Tag>{order.failure_cause}</Tag></>}</dd></>}
      {order.certificates.length > 0 && <><dt>{t('work_orders.certificates')}</dt><dd>{order.certificates.map((x) => <span key={x} className="chip"><bdi>{certificate(x)}</bdi></span>)}</dd></>}
      {order.parts.length > 0 && <><dt>{t('work_orders.parts')}</dt><dd>{order.parts.map((x) => <div key={`${x.number ?? ''} ${x.name}`}><bdi>{x.name}</bdi> × {n(x.quantity)}{x.number && <> · <Tag>{x.number}</Tag></>}</div>)}</dd></>}
      {order.needs_outage && <><dt>{t('outages.tab')}</dt><dd>{t('work_orders.needs_outage')}</dd></>}
      {order.recommendation && <><dt>{t('work_orders.recommendation')}</dt><dd dir="auto">{order.recommendation}</dd></>}
      <dt>{t('work_orders.planned')}</dt><dd><Period from={order.planned_start_at} to={order.planned_end_at} /></dd>
      <dt>{t('work_orders.actual')}</dt><dd><Period from={order.actual_start_at} to={order.actual_end_at} /></dd>
      {order.malfunction_at !== null && <><dt>{t('work_orders.malfunction')}</dt><dd><When at={order.malfunction_at} /></dd></>}
      {order.is_down && <><dt>{t('field.state')}</dt><dd>{t('work_orders.is_down')}</dd></>}
      <dt>{t('work_orders.origin')}</dt>
      <dd>{word('work_order_origin', order.origin)}{order.incident_id && <> · <AppLink to={`/blackbox/incidents/${order.incident_id}`}>{incident ? <Tag>{incident}</Tag> : t('action.incident')}</AppLink></>}{order.alert_id && <> · <AppLink to={`/alerts?asset=${order.asset_id ?? ''}`}>{t('page.alerts')}</AppLink></>}</dd>
      {order.created_by && <><dt>{t('work_orders.created_by')}</dt><dd><bdi>{order.created_by}</bdi></dd></>}
      <dt>{t('work_orders.opened')}</dt><dd><When at={order.opened_at} /></dd>
      <dt>{t('work_orders.changed')}</dt><dd><When at={order.changed_at} /></dd>
    </dl>
  );
}

export function WorkOrderPanel({ id, onClose }: { id: string; onClose: () => void }) {
  const { t, word, p: prefs } = useText();
  // The past is looked at, not changed.
  const cursor = useCursor();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [pushing, setPushing] = useState(false);
  const [planning, setPlanning] = useState(false);
  const query = useQuery({ queryKey: ['work-order', id, prefs.language], queryFn: () => api.workOrder(id), refetchInterval: 10_000 });
  const panel = useRef<HTMLElement>(null);
  useEffect(() => { panel.current?.focus({ preventScroll: true }); }, [id]);
  const setStatus = async (status: WorkOrderStatus) => {
    try {
      await api.changeWorkOrder(id, { status });
      for (const key of ['work-orders', 'work-order']) void client.invalidateQueries({ queryKey: [key] });
      toasts.done(t('toast.saved'));
    } catch (e) {
      toasts.failed(e);
    }
  };
  return (
    <aside ref={panel} className="pane side" tabIndex={-1} aria-label={t('work_orders.panel')} onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <button type="button" className="btn quiet sm icon shut" aria-label={t('action.close')} onClick={onClose}><Icon name="close" /></button>
      <Loaded query={query} what={t('work_orders.loading')}>
        {({ work_order: order, payload, pushes, incident_number, changes }) => {
          const isOpen = pushes.some((push) => push.state !== 'sent' && push.state !== 'rejected');
          const isOurs = order.number === null && !isOpen && cursor.t === null;
          return (
            <>
              <div className="pt"><div className="grow"><h2><Called order={order} /></h2><div className="s"><WorkOrderStatusMark status={order.status} /></div></div></div>
              <div className="inner" tabIndex={0} role="region" aria-label={t('work_orders.panel')}>
                <div className="pb stack">
                  <p className="m5"><bdi>{order.title}</bdi></p>
                  {order.description && <p className="prose s" dir="auto">{order.description}</p>}
                  {isOurs && may('work_orders.write') && order.next.length > 0 && <div className="row wrap" role="group" aria-label={t('work_orders.set_status')}>{order.next.map((s) => <button key={s} type="button" className="btn sm" onClick={() => void setStatus(s)}>{word('work_order_status', s)}</button>)}</div>}
                  {order.number !== null && order.source_system && <p className="help"><Icon name="lock" /> {t('work_orders.owned', { system: order.source_system })}</p>}
                  <Facts order={order} incident={incident_number} />
                </div>
                <History changes={changes} />
                {order.reference && (
                  <section className="pb">
                    <h3>{t('work_orders.pushes')}</h3>
                    {pushes.length === 0 ? <p className="help">{t('work_orders.no_pushes')}</p> : (
                      <ul>{pushes.map((push) => (
                        <li key={push.id} className="note-row">
                          <div className="row s"><AppLink to={`/work-orders?tab=outbox&entry=${push.id}`}><OutboxMark state={push.state} /></AppLink></div>
                          <div className="cap dim">{push.integration_name && <bdi>{push.integration_name}</bdi>} · <When at={push.changed_at} /></div>
                          {push.error && <p className="s">{push.error.message}</p>}
                        </li>
                      ))}</ul>
                    )}
                  </section>
                )}
                {payload !== null && payload !== undefined && <details className="pb"><summary className="s">{t('work_orders.payload')}</summary><pre className="wo-payload" dir="ltr" tabIndex={0}>{JSON.stringify(payload, null, 2)}</pre></details>}
              </div>
              {cursor.t === null && may('work_orders.write') && <div className="pf actions"><button type="button" className="btn" onClick={() => setPlanning(true)}><Icon name="calendar" />{t('work_orders.plan')}</button>{isOurs && <button type="button" className="btn pri" onClick={() => setPushing(true)}><Icon name="upload" />{t('work_orders.push')}</button>}</div>}
              {planning && <PlanForm order={order} onClose={() => setPlanning(false)} />}
              {pushing && <PushDialog order={order} onClose={() => setPushing(false)} onDone={() => setPushing(false)} />}
            </>
          );
        }}
      </Loaded>
    </aside>
  );
}
