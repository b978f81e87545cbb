// The page works out the limit of a budget as the server does, so that the slider needs no answer.
import { describe, expect, it } from 'vitest';
import { BUDGETS, limitAt, madePerWeek } from '@/lib/model-limit';

const curve = [{ limit: 0.7, alarms: 9 }, { limit: 0.9, alarms: 4 }, { limit: 1.0, alarms: 2 }, { limit: 1.3, alarms: 1 }, { limit: 1.8, alarms: 0 }];

describe('the limit of a budget', () => {
  it('is the lowest that keeps it', () => {
    const version = { curve, curve_weeks: 2 };
    expect(BUDGETS.slice(0, 4).map((b) => limitAt(version, b))).toEqual([1.8, 1.8, 1.8, 1.3]);
    expect(limitAt(version, 1)).toBe(1);
    expect(limitAt(version, 2)).toBe(0.9);
    expect(limitAt(version, 50)).toBe(0.7);
  });

  it('is never below the own limit of a model whose window is too short to show the budget', () => {
    expect(limitAt({ curve, curve_weeks: 0.1 }, 5)).toBe(1.8);
    expect(limitAt({ curve: [{ limit: 0.7, alarms: 0 }, { limit: 1.0, alarms: 0 }], curve_weeks: 0.1 }, 5)).toBe(1);
    expect(limitAt({ curve: [], curve_weeks: 0 }, 1)).toBe(1);
  });
});

describe('the rate of alarms', () => {
  it('is told where the rows can show the budget', () => {
    expect(madePerWeek({ curve, curve_weeks: 2 }, 0.9, 1)).toBe(2);
    expect(madePerWeek({ curve, curve_weeks: 4 }, 1.8, 0)).toBe(0);
  });

  it('is not known of an hour, nor of a week where one alarm in ten weeks is allowed', () => {
    expect(BUDGETS.map((b) => madePerWeek({ curve, curve_weeks: 0.005 }, 1.03, b))).toEqual(BUDGETS.map(() => null));
    expect(madePerWeek({ curve, curve_weeks: 1 }, 1, 0.1)).toBeNull();
  });
});
