// Work orders by the days they are planned for; what is not planned stands on the day it is due.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { WorkOrder } from '@/api/types';
import { Segment } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { intlLocale, type Preferences } from '@/i18n/locale';
import { addDays, dayOf, monthOf, stepped, touches, weekOf } from '@/lib/calendar';
import { hourMinute, plain } from '@/lib/format';
import { useParameters } from '@/lib/url';
import { dayStart } from '@/lib/zone';
import { called } from './work-order-board';

const LIMIT = 500;
const SCALES = ['week', 'month'] as const;
type Scale = (typeof SCALES)[number];

/** Day names and numbers are those of the calendar day itself, whatever zone this machine is in. */
const formatted = (p: Preferences, day: string, options: Intl.DateTimeFormatOptions, calendar?: string) =>
  plain(new Intl.DateTimeFormat(calendar ? intlLocale(p).replace('ca-gregory', `ca-${calendar}`) : intlLocale(p), { timeZone: 'UTC', ...options }).format(new Date(`${day}T00:00:00Z`)));

function title(p: Preferences, days: string[], scale: Scale, day: string): string {
  const name = (d: string, o: Intl.DateTimeFormatOptions) => {
    const gregorian = formatted(p, d, o);
    return p.calendar === 'islamic-umalqura' ? `${gregorian} (${formatted(p, d, o, 'islamic-umalqura')})` : gregorian;
  };
  if (scale === 'month') return name(day, { month: 'long', year: 'numeric' });
  return `${name(days[0]!, { day: 'numeric', month: 'long' })} – ${name(days[6]!, { day: 'numeric', month: 'long', year: 'numeric' })}`;
}

function Entry({ order, day, selected, onShow }: { order: WorkOrder; day: string; selected: boolean; onShow: () => void }) {
  const { t, word, name, p } = useText();
  const planned = order.planned_start_at ?? order.planned_end_at;
  const starts = order.planned_start_at !== null && dayOf(order.planned_start_at) === day;
  return (
    <li>
      <button type="button" className={`cal-e ${order.is_overdue ? 'late' : ''} ${selected ? 'sel' : ''} ${planned === null ? 'due' : ''}`} title={`${order.title} · ${word('work_order_status', order.status)}`} onClick={onShow}>
        <span className="row wrap"><Tag>{called(order)}</Tag>{starts && <bdi className="cap nw" dir="ltr">{hourMinute(p, order.planned_start_at!)}</bdi>}{planned === null && <span className="cap">{t('work_orders.due_here')}</span>}{order.is_overdue && <span className="cap b">{t('work_orders.overdue')}</span>}</span>
        <bdi className="ell">{order.title}</bdi>
        {order.technician_code && <span className="cap dim ell">{name(order.technician_names)}</span>}
      </button>
    </li>
  );
}

/** Orders of a day in order of time: what goes on from days before first, what is only due last. */
export const ordersOn = (orders: WorkOrder[], d: string): WorkOrder[] => {
  const at = (o: WorkOrder) => o.planned_start_at ?? o.planned_end_at;
  return orders
    .filter((o) => {
      const start = at(o) ?? o.due_at;
      const end = o.planned_end_at ?? o.planned_start_at ?? o.due_at;
      return start !== null && end !== null && touches(d, start, end);
    })
    .sort((a, b) => (at(a) ?? Infinity) - (at(b) ?? Infinity) || (a.due_at ?? Infinity) - (b.due_at ?? Infinity) || called(a).localeCompare(called(b)));
};

export function WorkOrderCalendar({ filters, selected, onShow }: { filters: Record<string, string | boolean | number | null>; selected: string; onShow: (id: string) => void }) {
  const { t, n, p } = useText();
  const [parameters, change] = useParameters();
  const refetchInterval = useRefresh(null);
  const scale: Scale = SCALES.find((s) => s === parameters.get('scale')) ?? 'week';
  const today = dayOf(Date.now());
  const asked = parameters.get('day') ?? '';
  const day = dayStart(asked) === null ? today : asked;
  const days = scale === 'week' ? weekOf(day) : monthOf(day);
  const [from, to] = [dayStart(days[0]!)!, dayStart(addDays(days[days.length - 1]!, 1))!];
  const query = useQuery({ queryKey: ['work-orders', 'calendar', filters, from, to], refetchInterval, placeholderData: (old) => old, queryFn: () => api.workOrders({ ...filters, planned_from: from, planned_to: to, limit: LIMIT }) });
  const goTo = (next: string) => change({ day: next === today ? null : next });
  return (
    <>
      <div className="row wrap filters">
        <Segment<Scale> label={t('work_orders.scale')} value={scale} onChange={(s) => change({ scale: s === 'week' ? null : s })} options={SCALES.map((s) => ({ value: s, label: t(`work_orders.${s}`) }))} />
        <button type="button" className="btn icon" aria-label={t('work_orders.before_this')} onClick={() => goTo(stepped(day, scale, -1))}><Icon name="back" flip /></button>
        <button type="button" className="btn" onClick={() => goTo(today)}>{t('work_orders.today')}</button>
        <button type="button" className="btn icon" aria-label={t('work_orders.after_this')} onClick={() => goTo(stepped(day, scale, 1))}><Icon name="forward" flip /></button>
        <h2 className="cal-title" aria-live="polite">{title(p, days, scale, day)}</h2>
      </div>
      <Loaded query={query} what={t('work_orders.loading')} rows={6}>
        {(page) => (
          <>
            {page.total > page.items.length && <Notice tone="plain">{t('work_orders.many_planned', { n: n(page.items.length, 0) })}</Notice>}
            {page.total === 0 && <p className="help">{t('work_orders.nothing_planned')}</p>}
            <ol className={`pane cal ${scale}`} tabIndex={0} aria-label={t('work_orders.tab.calendar')}>
              {days.map((d) => (
                <li key={d} className={`${d === today ? 'today' : ''} ${scale === 'month' && d.slice(0, 7) !== day.slice(0, 7) ? 'out' : ''}`}>
                  <div className="cal-d"><span className="cap">{formatted(p, d, { weekday: scale === 'week' ? 'long' : 'short' })}</span> <b>{formatted(p, d, { day: 'numeric' })}</b>{p.calendar === 'islamic-umalqura' && <span className="cap dim">{formatted(p, d, { day: 'numeric', month: 'short' }, 'islamic-umalqura')}</span>}</div>
                  <ul>{ordersOn(page.items, d).map((o) => <Entry key={o.id} order={o} day={d} selected={o.id === selected} onShow={() => onShow(o.id)} />)}</ul>
                </li>
              ))}
            </ol>
          </>
        )}
      </Loaded>
    </>
  );
}
