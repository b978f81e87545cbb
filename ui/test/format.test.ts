import { describe, expect, it } from 'vitest';
import { DEFAULTS, intlLocale } from '@/i18n/locale';
import { dayOf } from '@/lib/calendar';
import { toCsv } from '@/lib/csv';
import { pairs, tailMatches } from '@/lib/fingerprint';
import * as f from '@/lib/format';
import { dayStart, setZone, zoneOffset } from '@/lib/zone';

const arab = { ...DEFAULTS, digits: 'arab' as const };
const en = { ...DEFAULTS, language: 'en' as const };

describe('numbers and moments', () => {
  it('are a dash where they can not be shown, and never an error', () => {
    for (const t of [1e18, -1e17, NaN, Infinity]) {
      const said = [f.clock(en, t), f.clock(DEFAULTS, t, true), f.hourMinute(en, t), f.iso(t, true), f.dayMonth(en, t), f.longDay({ ...DEFAULTS, calendar: 'islamic-umalqura' }, t), f.moment(en, t, 0)];
      expect(said).toEqual(Array(7).fill('—'));
      expect(f.utc(t)).toBe('');
      expect(dayOf(t)).not.toMatch(/\d/);
    }
    expect(f.utc(0)).toBe('1970-01-01T00:00:00.000Z');
    expect([f.number(en, NaN), f.number(en, Infinity), f.hoursMinutes(en, NaN), f.span(en, NaN).args.a]).toEqual(Array(4).fill('—'));
    expect(dayStart('9999999-12-31')).toBeNull();
  });

  it('never leave the locale to the machine', () => {
    expect(intlLocale(DEFAULTS)).toBe('ar-SA-u-ca-gregory-nu-latn');
    expect(intlLocale(arab)).toBe('ar-SA-u-ca-gregory-nu-arab');
    expect(intlLocale({ ...en, digits: 'arab' })).toBe('en-GB-u-ca-gregory-nu-latn');
  });

  it('carry no invisible marks and a real minus sign', () => {
    expect(f.number(DEFAULTS, -12.5, 1)).toBe('−12.5');
    expect(f.number(DEFAULTS, 1234567)).toBe('1,234,567');
    expect(f.number(arab, 12.5, 1)).toBe('١٢٫٥');
    // Nothing has no sign.
    expect([f.number(en, -0), f.number(en, -0.4, 0), f.number(arab, -0.04, 1), f.number(arab, -0.4, 1)]).toEqual(['0', '0', '٠٫٠', '−٠٫٤']);
  });

  it('have their unit as people write it', () => {
    expect(['um', 'degC', 'kg/m3', 'mm/s', '1'].map(f.unitLabel)).toEqual(['µm', '°C', 'kg/m³', 'mm/s', '']);
    expect(f.withUnit('Shaft vibration', 'um')).toBe('Shaft vibration (µm)');
  });

  it('use Western digits and Gregorian months in Arabic by default', () => {
    expect(f.dayMonth(DEFAULTS, Date.UTC(2026, 10, 19, 12))).toBe('19 نوفمبر');
  });

  it('are written in the zone of the person, not of the machine', () => {
    const t = Date.UTC(2026, 10, 19, 22, 30, 5, 7);
    const riyadh = { ...en, zone: 'Asia/Riyadh' };
    expect(f.clock(riyadh, t)).toBe('01:30:05');
    expect(f.dayMonth(riyadh, t)).toBe('20 November');
    setZone('Asia/Riyadh');
    expect(f.iso(t, true)).toBe('2026-11-20 01:30:05.007');
    expect(zoneOffset(t)).toBe(3 * 3_600_000);
    expect(dayStart('2026-11-20')).toBe(Date.UTC(2026, 10, 19, 21));
    setZone('America/New_York');
    // The day the clocks go back there is 25 hours long.
    expect(dayStart('2026-11-02')! - dayStart('2026-11-01')!).toBe(25 * 3_600_000);
    expect(dayStart('tomorrow')).toBeNull();
    // A time that stands beside a file is written as the file writes it, whatever the page's zone is.
    expect(f.iso(t, false, 'Asia/Riyadh')).toBe('2026-11-20 01:30:05');
    expect(f.iso(t, false, 'Nowhere/Atlantis')).toBe(f.iso(t));
    setZone(null);
  });

  it('show the Hijri date beside the Gregorian one when asked', () => {
    expect(f.longDay({ ...DEFAULTS, calendar: 'islamic-umalqura' }, Date.UTC(2026, 10, 19, 12))).toMatch(/2026.*\(.*1448.*\)/);
  });

  it('say a duration in its two largest units', () => {
    const says = (ms: number) => f.span(en, ms);
    expect(says(250).key).toBe('span.ms');
    expect(says(1200)).toEqual({ key: 'span.s', args: { a: '1.2', b: '' } });
    expect(says(41 * 60_000)).toEqual({ key: 'span.min', args: { a: '41', b: '' } });
    expect(says(6 * 3_600_000 + 28 * 60_000)).toEqual({ key: 'span.h_min', args: { a: '6', b: '28' } });
    expect(says(76 * 3_600_000)).toEqual({ key: 'span.d_h', args: { a: '3', b: '4' } });
  });

  it('understand digits typed on an Arabic keyboard', () => {
    expect(f.normaliseDigits('−١٢٫٥')).toBe('-12.5');
    expect(f.normaliseDigits('۴٬۸۴۰')).toBe('4840');
  });
});

describe('files', () => {
  it('quote what needs it and keep a formula as text', () => {
    expect(toCsv(['code', 'note'], [['P-1', 'a,"b"'], ['=1+1', null]])).toBe('\ufeffcode,note\r\nP-1,"a,""b"""\r\n\'=1+1,\r\n');
  });
});

describe('fingerprint', () => {
  const sha = `${'ab'.repeat(28)}0185f61b`;
  it('is read in pairs', () => expect(pairs('e7:13:5d')).toEqual(['E7', '13', '5D']));
  it('is accepted only by its last four pairs, however they are typed', () => {
    expect(tailMatches(sha, '01 85 F6 1B')).toBe(true);
    expect(tailMatches(sha, '0185f61b')).toBe(true);
    expect(tailMatches(sha, '0185f61')).toBe(false);
    expect(tailMatches(sha, '0185f61c')).toBe(false);
  });
});

describe('units and states', () => {
  it('never prints the unit of a number without dimension', () => {
    expect(f.withUnit('Running', '1')).toBe('Running');
    expect(f.withUnit('Speed', 'rpm')).toBe('Speed (rpm)');
  });

  it('tells how far a clock is behind in hours and minutes', () => {
    expect(f.hoursMinutes({ language: 'en', digits: 'latn', calendar: 'gregory', zone: null }, 67 * 60_000 + 59_000)).toBe('1:07');
    expect(f.hoursMinutes({ language: 'ar', digits: 'arab', calendar: 'gregory', zone: null }, 5 * 60_000)).toBe('٠:٠٥');
  });
});
