import { describe, expect, it } from 'vitest';
import { argumentsOf, format } from '@/i18n/icu';

const AR = 'ar-SA-u-ca-gregory-nu-latn';
const EN = 'en-GB-u-ca-gregory-nu-latn';
const bare = (text: string) => text.replace(/[\u2066-\u2069]/g, '');
const EVENTS = '{n, plural, zero {لا أحداث} one {حدث واحد} two {حدثان} few {# أحداث} many {# حدثًا} other {# حدث}}';

describe('message format', () => {
  it('isolates every string it puts into a sentence', () => {
    expect(format('الوسم {tag} مربوط', { tag: 'P-102A' }, AR)).toBe('الوسم \u2068P-102A\u2069 مربوط');
  });

  it('takes the Arabic plural branch of the count', () => {
    const says = (n: number) => format(EVENTS, { n }, AR);
    expect([0, 1, 2, 3, 11, 100, 102].map(says)).toEqual(['لا أحداث', 'حدث واحد', 'حدثان', '3 أحداث', '11 حدثًا', '100 حدث', '102 حدث']);
  });

  it('prefers an exact branch over a category', () => {
    const text = '{n, plural, =0 {no rows} one {1 row} other {# rows}}';
    expect([0, 1, 2000].map((n) => format(text, { n }, EN))).toEqual(['no rows', '1 row', '2,000 rows']);
  });

  it('keeps other values inside a plural branch', () => {
    expect(bare(format('{n, plural, one {one on {asset}} other {# on {asset}}}', { n: 4, asset: 'K-208' }, EN))).toBe('4 on K-208');
  });

  it('chooses by word and falls back to other', () => {
    const text = '{x, select, up {rose} other {moved}}';
    expect([format(text, { x: 'up' }, EN), format(text, { x: 'down' }, EN)]).toEqual(['rose', 'moved']);
  });

  it('shows a dash for a value that is not there', () => {
    expect(format('at {time}', {}, EN)).toBe('at —');
  });

  it('refuses a message whose brace is never closed', () => {
    expect(() => format('{n, plural, one {x} other {y}', { n: 1 }, EN)).toThrow(SyntaxError);
  });

  it('names the values a message needs, nested ones too', () => {
    expect(argumentsOf('{b} {n, plural, one {{a}} other {#}}')).toEqual(['a', 'b', 'n']);
  });
});
