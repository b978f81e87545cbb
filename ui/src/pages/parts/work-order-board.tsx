// Work orders as cards by state. Cards move by mouse or by keyboard, only where the order may go.
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Technician, WorkOrder, WorkOrderStatus } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { PriorityMark, WorkOrderStatusMark } from './work-order-parts';

const COLUMNS: WorkOrderStatus[] = ['draft', 'open', 'released', 'in_progress', 'on_hold', 'completed'];
const PER_COLUMN = 50;
export const called = (o: WorkOrder): string => o.number ?? o.reference ?? '—';

interface Moves {
  move: (order: WorkOrder, to: WorkOrderStatus) => Promise<void>;
  assign: (order: WorkOrder, technician: string) => Promise<void>;
}

function useMoves(): Moves {
  const { t, word, name } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const changed = () => Promise.all(['work-orders', 'work-order'].map((key) => client.invalidateQueries({ queryKey: [key] })));
  return {
    move: async (order, to) => {
      if (order.status === to) return;
      const state = word('work_order_status', to);
      if (!order.next.includes(to)) {
        toasts.failed(t('work_orders.not_there', { order: called(order), state }));
        return;
      }
      try {
        await api.changeWorkOrder(order.id, { status: to });
        await changed();
        toasts.done(t('work_orders.moved', { order: called(order), state }));
      } catch (e) {
        toasts.failed(e);
      }
    },
    assign: async (order, technician) => {
      try {
        const made = await api.changeWorkOrder(order.id, { technician_id: technician || null });
        await changed();
        toasts.done(made.technician_id ? t('work_orders.assigned', { order: called(order), name: name(made.technician_names) }) : t('toast.saved'));
      } catch (e) {
        toasts.failed(e);
      }
    },
  };
}

function Card({ order, people, moves, write, selected, onShow }: { order: WorkOrder; people: Technician[]; moves: Moves; write: boolean; selected: boolean; onShow: () => void }) {
  const { t, word, name } = useText();
  const movable = write && order.next.length > 0;
  const step = (event: React.KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget) return;
    if (event.key === 'Enter') { onShow(); return; }
    const rtl = document.documentElement.dir === 'rtl';
    const way = event.key === (rtl ? 'ArrowLeft' : 'ArrowRight') ? 1 : event.key === (rtl ? 'ArrowRight' : 'ArrowLeft') ? -1 : 0;
    if (way === 0 || !movable) return;
    event.preventDefault();
    // The nearest column on that side where the order may go.
    const here = COLUMNS.indexOf(order.status);
    const reach = way === 1 ? COLUMNS.slice(here + 1) : COLUMNS.slice(0, here).reverse();
    const to = reach.find((s) => order.next.includes(s));
    if (to) void moves.move(order, to);
  };
  return (
    <li className={`wo-card ${selected ? 'sel' : ''}`} tabIndex={0} aria-label={t('work_orders.card', { order: called(order), state: word('work_order_status', order.status) })} draggable={movable} onDragStart={(e) => e.dataTransfer.setData('text/plain', order.id)} onKeyDown={step}>
      <div className="row"><button type="button" className="link b" onClick={onShow}><Tag>{called(order)}</Tag></button>{order.next.length === 0 && order.number !== null && <span className="end dim" title={t('work_orders.locked', { system: order.source_system ?? '' })}><Icon name="lock" /></span>}</div>
      <bdi className="s wo-title">{order.title}</bdi>
      <div className="row wrap cap"><PriorityMark priority={order.priority} />{order.asset_code && <Tag>{order.asset_code}</Tag>}{order.is_overdue && <span className="chip critical">{t('work_orders.overdue')}</span>}</div>
      {order.due_at !== null && <div className="cap dim">{t('work_orders.due')}: <When at={order.due_at} /></div>}
      {write
        ? <select className="in sm" aria-label={t('work_orders.assign', { order: called(order) })} value={order.technician_id ?? ''} onChange={(e) => void moves.assign(order, e.target.value)}><option value="">{t('work_orders.nobody')}</option>{people.filter((p) => p.is_active || p.id === order.technician_id).map((p) => <option key={p.id} value={p.id}>{`${name(p.names)} · ${p.code}`}</option>)}</select>
        : order.technician_code && <div className="cap"><Icon name="users" /> {name(order.technician_names)}</div>}
    </li>
  );
}

export function WorkOrderBoard({ filters, selected, onShow }: { filters: Record<string, string | boolean | number | null>; selected: string; onShow: (id: string) => void }) {
  const { t, n, word } = useText();
  const { may } = useSession();
  const write = may('work_orders.write');
  const moves = useMoves();
  const refetchInterval = useRefresh(null);
  const [over, setOver] = useState<WorkOrderStatus | null>(null);
  const people = useQuery({ queryKey: ['technicians', 'all'], queryFn: () => api.technicians({ limit: 500 }) });
  const columns = useQueries({ queries: COLUMNS.map((status) => ({ queryKey: ['work-orders', 'board', filters, status], refetchInterval, queryFn: () => api.workOrders({ ...filters, status, limit: PER_COLUMN }) })) });
  const drop = (status: WorkOrderStatus, id: string) => {
    setOver(null);
    const order = columns.flatMap((c) => c.data?.items ?? []).find((o) => o.id === id);
    if (order) void moves.move(order, status);
  };
  return (
    <>
      {write && <p className="help">{t('work_orders.board_help')}</p>}
      <div className="board" tabIndex={0} role="region" aria-label={t('work_orders.tab.board')}>
        {COLUMNS.map((status, i) => (
          <section key={status} className={`pane board-col ${over === status ? 'over' : ''}`} aria-label={word('work_order_status', status)} onDragOver={(e) => { e.preventDefault(); setOver(status); }} onDragLeave={() => setOver(null)} onDrop={(e) => { e.preventDefault(); drop(status, e.dataTransfer.getData('text/plain')); }}>
            <div className="pt"><h2><WorkOrderStatusMark status={status} /></h2><span className="cap end">{n(columns[i]!.data?.total ?? 0, 0)}</span></div>
            <Loaded query={columns[i]!} what={t('work_orders.loading')} rows={2}>
              {(page) => (
                <>
                  <ul className="board-cards">{page.items.map((o) => <Card key={o.id} order={o} people={people.data?.items ?? []} moves={moves} write={write} selected={o.id === selected} onShow={() => onShow(o.id)} />)}</ul>
                  {page.total > page.items.length && <p className="cap dim pb">{t('work_orders.more', { n: page.total - page.items.length })}</p>}
                </>
              )}
            </Loaded>
          </section>
        ))}
      </div>
    </>
  );
}
