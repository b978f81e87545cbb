// Small parts of work orders that several pages show: states, the card on assets and incidents.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { MatchState, OutboxState, WorkOrder, WorkOrderPriority, WorkOrderStatus } from '@/api/types';
import { Icon, type IconName, StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { useParameters } from '@/lib/url';
import { WorkOrderForm, type WorkOrderStart } from './work-order-form';

export const STATUSES: WorkOrderStatus[] = ['draft', 'open', 'released', 'in_progress', 'on_hold', 'completed', 'closed', 'cancelled'];
export const MATCHES: MatchState[] = ['ambiguous', 'unmatched', 'matched', 'settled'];
export const OUTBOX_STATES: OutboxState[] = ['awaiting_approval', 'unknown', 'dead_letter', 'draft', 'queued', 'sending', 'sent', 'rejected'];

const STATUS_ICONS: Record<WorkOrderStatus, IconName> = { draft: 'edit', open: 'doc', released: 'check', in_progress: 'wrench', on_hold: 'pause', completed: 'check', closed: 'lock', cancelled: 'close' };

export function WorkOrderStatusMark({ status }: { status: WorkOrderStatus }) {
  const { word } = useText();
  return <span className="st mid"><Icon name={STATUS_ICONS[status]} />{word('work_order_status', status)}</span>;
}

/** Only the highest urgency has a shape of its own: colour is for what is abnormal. */
export function PriorityMark({ priority }: { priority: WorkOrderPriority | null }) {
  const { word } = useText();
  if (priority === null) return <span className="dim">{'—'}</span>;
  if (priority === 'very_high') return <span className="st warning"><StatusShape shape="warning" />{word('work_order_priority', priority)}</span>;
  return <span className={priority === 'high' ? 'b' : 'mid'}>{word('work_order_priority', priority)}</span>;
}

const OUTBOX_ICONS: Record<OutboxState, IconName> = { draft: 'edit', awaiting_approval: 'clock', queued: 'upload', sending: 'refresh', sent: 'check', unknown: 'search', dead_letter: 'close', rejected: 'close' };

export function OutboxMark({ state }: { state: OutboxState }) {
  const { word } = useText();
  if (state === 'unknown' || state === 'dead_letter') return <span className={`st ${state === 'unknown' ? 'critical' : 'warning'}`}><StatusShape shape={state === 'unknown' ? 'critical' : 'warning'} />{word('outbox_state', state)}</span>;
  return <span className="st mid"><Icon name={OUTBOX_ICONS[state]} />{word('outbox_state', state)}</span>;
}

export function MatchMark({ state, reason }: { state: MatchState; reason?: string | null }) {
  const { word } = useText();
  const mark = state === 'ambiguous'
    ? <span className="st warning"><StatusShape shape="warning" />{word('match_state', state)}</span>
    : <span className="st mid"><Icon name={state === 'unmatched' ? 'dash' : state === 'settled' ? 'users' : 'check'} />{word('match_state', state)}</span>;
  return <span className="two">{mark}{reason && state === 'matched' && <small>{word('match_reason', reason)}</small>}</span>;
}

/** What a person calls it: its number there, else our reference. */
export function Called({ order }: { order: WorkOrder }) {
  return <Tag>{order.number ?? order.reference ?? '—'}</Tag>;
}

/** Which visit to its job it is; one that goes on with another's job leads to that one, beside the list as it is filtered. */
export function VisitSentence({ order }: { order: WorkOrder }) {
  const { t } = useText();
  const [parameters] = useParameters();
  if (!order.visit) return null;
  const { of_id, of_called, place, count } = order.visit;
  if (of_id === order.id || of_called === null) return <>{t('work_orders.visit_place', { place, count })}</>;
  const there = new URLSearchParams(parameters);
  there.set('order', of_id);
  return <AppLink to={`/work-orders?${there.toString()}`}>{t('work_orders.visit_of', { place, count, order: of_called })}</AppLink>;
}

/** The newest work orders of an asset or an incident; `always` shows also those of after the moment looked at. */
export function WorkOrdersPane({ query, all, create, always = false }: { query: Record<string, string>; all: string; create?: WorkOrderStart; always?: boolean }) {
  const { t } = useText();
  const { may } = useSession();
  const cursor = useCursor();
  const at = always ? null : cursor.t;
  const refetchInterval = useRefresh(at);
  const [creating, setCreating] = useState(false);
  const found = useQuery({ queryKey: ['work-orders', query, at], refetchInterval, placeholderData: (old) => old, queryFn: () => api.workOrders({ ...query, t: at, limit: 5 }) });
  const end = create && may('work_orders.write') && cursor.t === null && <button type="button" className="btn quiet sm" onClick={() => setCreating(true)}><Icon name="plus" />{t('work_orders.create')}</button>;
  return (
    <Pane title={t('work_orders.of_asset')} end={end} foot={found.data && found.data.total > 5 ? <AppLink to={all}>{t('work_orders.show_all')}</AppLink> : undefined}>
      <Loaded query={found} what={t('work_orders.loading')} rows={2}>
        {(page) => (page.items.length === 0
          ? <p className="pb help">{t('work_orders.none_here')}</p>
          : <ul className="list">{page.items.map((o) => (
            <li key={o.id} className="wo-row">
              <div className="grow">
                <div className="row"><AppLink to={`/work-orders?order=${o.id}`}><Called order={o} /></AppLink><span className="s"><WorkOrderStatusMark status={o.status} /></span></div>
                <div className="s ell"><bdi>{o.title}</bdi></div>
                <div className="cap dim">{o.source_system ? <bdi>{o.source_system}</bdi> : t('work_orders.only_here')} · <When at={o.opened_at} /></div>
              </div>
            </li>
          ))}</ul>)}
      </Loaded>
      {creating && <WorkOrderForm start={create} onClose={() => setCreating(false)} />}
    </Pane>
  );
}
