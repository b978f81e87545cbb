import { afterEach, describe, expect, it } from 'vitest';
import { addDays, dayOf, monthOf, stepped, touches, weekOf } from '@/lib/calendar';
import { dayStart, setZone } from '@/lib/zone';
import type { WorkOrder } from '@/api/types';
import { ordersOn } from '@/pages/parts/work-order-calendar';

afterEach(() => setZone(null));

describe('calendar', () => {
  it('shows weeks from Sunday and months in whole weeks', () => {
    expect(weekOf('2026-11-20')).toEqual(['2026-11-15', '2026-11-16', '2026-11-17', '2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21']);
    const month = monthOf('2026-11-20');
    expect(month.length % 7).toBe(0);
    expect([month[0], month.at(-1)]).toEqual(['2026-11-01', '2026-12-05']);
    expect(monthOf('2026-12-01').at(-1)).toBe('2027-01-02');
    expect(monthOf('2026-02-10')).toHaveLength(28);
  });

  it('leaves no day out where clocks change', () => {
    setZone('Europe/Berlin');
    expect(addDays('2026-03-28', 1)).toBe('2026-03-29');
    expect(weekOf('2026-03-29')[1]).toBe('2026-03-30');
    expect(dayOf(dayStart('2026-03-29')!)).toBe('2026-03-29');
    expect(dayOf(dayStart('2026-10-25')! + 24.5 * 3_600_000)).toBe('2026-10-25');
  });

  it('steps by weeks and months', () => {
    expect(stepped('2026-11-20', 'week', -1)).toBe('2026-11-13');
    expect(stepped('2026-12-31', 'month', 1)).toBe('2027-01-01');
    expect(stepped('2026-01-31', 'month', -1)).toBe('2025-12-01');
  });

  it('finds what lies on a day of the zone', () => {
    setZone('Asia/Riyadh');
    const start = dayStart('2026-11-20')!;
    expect(touches('2026-11-20', start - 2, start - 1)).toBe(false);
    expect(touches('2026-11-20', start - 2, start)).toBe(true);
    expect(touches('2026-11-20', start + 86_400_000, start + 90_000_000)).toBe(false);
  });

  it('lists the orders of a day in order of time, and what is only due last', () => {
    const at = (clock: string) => Date.parse(`2026-11-22T${clock}:00Z`);
    const order = (number: string, start: string | null, due: string | null = null) => ({ number, planned_start_at: start && at(start), planned_end_at: start && at(start) + 3_600_000, due_at: due && at(due) }) as WorkOrder;
    setZone('UTC');
    const shown = ordersOn([order('4', '16:00'), order('1', '11:00'), order('3', null, '06:00'), order('2', '08:00')], '2026-11-22');
    expect(shown.map((o) => o.number)).toEqual(['2', '1', '4', '3']);
    expect(ordersOn(shown, '2026-11-23')).toEqual([]);
  });
});
