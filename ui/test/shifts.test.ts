import { describe, expect, it } from 'vitest';
import { clockOf, groupsOf, minuteOf, shiftOf, weeklyHours } from '@/lib/shifts';

describe('shifts', () => {
  it('are typed as clock times in any digits', () => {
    expect(minuteOf('07:30')).toBe(450);
    expect(minuteOf('٠٧:٣٠')).toBe(450);
    for (const wrong of ['24:00', '7', '07:60', '', 'seven']) expect(minuteOf(wrong)).toBeNull();
    expect(clockOf(1860)).toBe('07:00');
  });

  it('end on the next day when the end is not after the beginning', () => {
    expect(shiftOf(5, '19:00', '07:00')).toEqual({ weekday: 5, from_minute: 1140, to_minute: 1860 });
    expect(shiftOf(5, '07:00', '07:00')?.to_minute).toBe(1860);
    expect(shiftOf(5, '07:00', 'x')).toBeNull();
  });

  it('of the same hours stand together, from Sunday on', () => {
    const week = [7, 1, 2, 3, 4].map((weekday) => ({ weekday, from_minute: 420, to_minute: 930 }));
    const night = { weekday: 6, from_minute: 1140, to_minute: 1860 };
    expect(groupsOf([...week, night])).toEqual([{ days: [[7, 4]], from: 420, to: 930 }, { days: [[6, 6]], from: 1140, to: 1860 }]);
    expect(groupsOf([week[0]!, week[2]!])[0]!.days).toEqual([[7, 7], [2, 2]]);
    expect(weeklyHours([...week, night])).toBe(54.5);
  });
});
