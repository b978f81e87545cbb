import { expect, test } from 'vitest';
import { fileSize } from '@/pages/imports';

const n = (value: number, decimals = 0) => value.toFixed(decimals);

test('a small file has a size, too', () => {
  expect(fileSize(n, 0)).toBe('0 B');
  expect(fileSize(n, 30_840)).toBe('30.8 kB');
  expect(fileSize(n, 2_400_000)).toBe('2.4 MB');
  expect(fileSize(n, 5_000_000_000_000)).toBe('5000.0 GB');
});
