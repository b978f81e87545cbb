import { describe, expect, it } from 'vitest';
import { decimalsApart } from '@/pages/parts/plan-curves';
import { csvInCurrency, inCurrency } from '@/pages/parts/plan-money';

describe('columns of money', () => {
  it('say in which currency they are, where one is known', () => {
    expect(inCurrency('تكلفة العمل', 'SAR')).toBe('تكلفة العمل (\u2068SAR\u2069)');
    expect(inCurrency('Cost', '')).toBe('Cost');
    expect(csvInCurrency('avoided', 'SAR')).toBe('avoided_SAR');
    expect(csvInCurrency('avoided', null)).toBe('avoided');
  });
});

describe('a flip point', () => {
  it('is not written like the value it flips', () => {
    expect([decimalsApart(1.2, 1.16), decimalsApart(22, 19), decimalsApart(1.2, 1.1971), decimalsApart(1, 1)]).toEqual([2, 1, 3, 4]);
  });
});
