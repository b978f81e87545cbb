import { expect, test } from 'vitest';
import { folded } from '@/lib/fold';

test('case, vowel marks and letter forms do not matter', () => {
  expect(folded(' P-102A ')).toBe('p-102a');
  expect(folded('مَضَخَّة التغذية')).toBe(folded('مضخه التغذيه'));
  expect(folded('أنبوب')).toBe(folded('انبوب'));
  expect(folded('مبنى')).toBe(folded('مبني'));
  expect(folded('ضاغط')).not.toBe(folded('ضابط'));
});
