import { describe, expect, it } from 'vitest';
import { labelsIn, parseRange, parseT, ticksIn, windowOf } from '@/lib/cursor';
import { withGlobals } from '@/lib/url';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;

describe('time cursor', () => {
  it('reads a past moment and takes anything else for now', () => {
    expect(parseT(String(NOW - 5), NOW)).toBe(NOW - 5);
    for (const wrong of [null, '', 'now', '-5', '1e9', '12.5', String(NOW), String(NOW + 1), '9'.repeat(30)]) expect(parseT(wrong, NOW), String(wrong)).toBeNull();
  });

  it('falls back to a day when the range is unknown', () => {
    expect([parseRange('8h'), parseRange('3w'), parseRange(null)]).toEqual(['8h', '24h', '24h']);
  });

  it('ends the window now while the moment lies in it', () => {
    expect(windowOf(NOW - HOUR, '8h', NOW)).toEqual({ from: NOW - 8 * HOUR, to: NOW });
  });

  it('moves the window back for an older moment and keeps the moment inside', () => {
    const t = NOW - 100 * HOUR;
    const { from, to } = windowOf(t, '8h', NOW);
    expect(to - from).toBe(8 * HOUR);
    expect(from).toBeLessThan(t);
    expect(to).toBeGreaterThan(t);
    expect(to).toBeLessThanOrEqual(NOW);
  });

  it('sets ticks on whole steps of the clock, never more than asked', () => {
    for (const length of [HOUR, 8 * HOUR, 24 * HOUR, 168 * HOUR, 6000 * HOUR, 90_000 * HOUR]) {
      const ticks = ticksIn(NOW - length, NOW, 6);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks.length).toBeLessThanOrEqual(7);
      for (const tick of ticks) expect(new Date(tick).getSeconds()).toBe(0);
    }
  });

  it('labels no tick whose words would stand outside of the axis', () => {
    for (const narrow of [false, true]) {
      for (const length of [10_000, HOUR, 8 * HOUR, 24 * HOUR, 168 * HOUR]) {
        const labels = labelsIn(0, length, narrow);
        expect(labels.length).toBeGreaterThan(0);
        expect(labels.length).toBeLessThanOrEqual(narrow ? 4 : 7);
        expect(labels[0]).toBeGreaterThan(0);
        expect(labels.at(-1)).toBeLessThan(length);
      }
    }
  });

  it('carries time, range and site to the next page, and nothing else', () => {
    expect(withGlobals('/alerts?asset=7', '?t=5&range=8h&q=pump')).toBe('/alerts?asset=7&t=5&range=8h');
  });

  it('lets a link set its own moment, or clear it', () => {
    expect(withGlobals('/digital-twin?t=9', '?t=5')).toBe('/digital-twin?t=9');
    expect(withGlobals('/digital-twin?t=', '?t=5')).toBe('/digital-twin');
  });
});
