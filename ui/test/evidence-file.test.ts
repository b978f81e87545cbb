import { describe, expect, it } from 'vitest';
import { leftOutOf } from '@/lib/evidence-file';

describe('what an evidence file leaves out', () => {
  it('is read from the header', () => {
    expect(leftOutOf('raw_window:too_large:3,personal_value:kept_back:1')).toEqual([
      { what: 'raw_window', why: 'too_large', count: 3 },
      { what: 'personal_value', why: 'kept_back', count: 1 },
    ]);
    expect(leftOutOf('')).toEqual([]);
    expect(leftOutOf(null)).toEqual([]);
    expect(leftOutOf('raw_window')).toEqual([]);
  });
});
