// The tag column of a sequence: what tells events of one machine apart where only their sentence names it.
import { describe, expect, it } from 'vitest';
import { loopIn } from '@/lib/moments';

describe('the loop a sentence names', () => {
  it('is found beside the code of the asset, also between marks of direction', () => {
    expect(loopIn('Event frame began: Process Alarm: K-202 200-VT-20207 H')).toBe('200-VT-20207');
    expect(loopIn('بدأ إطار حدث: \u2068Process Alarm: K-202 200-TT-20255A HH\u2069')).toBe('200-TT-20255A');
  });

  it('is no code of an asset, no date and no id', () => {
    for (const text of ['P-102A stopped', '2024-01-31 10:00', '01a1ffdb-1234-4567-8901-0123456789ab', '']) expect(loopIn(text)).toBeNull();
  });
});
