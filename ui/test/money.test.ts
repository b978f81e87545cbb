import { describe, expect, it } from 'vitest';
import { csvInCurrency, inCurrency } from '@/pages/parts/plan-money';

describe('columns of money', () => {
  it('say in which currency they are, where one is known', () => {
    expect(inCurrency('تكلفة العمل', 'SAR')).toBe('تكلفة العمل (\u2068SAR\u2069)');
    expect(inCurrency('Cost', '')).toBe('Cost');
    expect(csvInCurrency('avoided', 'SAR')).toBe('avoided_SAR');
    expect(csvInCurrency('avoided', null)).toBe('avoided');
  });
});
