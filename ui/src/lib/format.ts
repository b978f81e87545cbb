// Numbers, moments and ages as a person reads them. Every function is given its locale through the preferences;
// nothing falls back to the machine's language. A number or moment that can't be shown is a dash: one bad row must not
// take the page with it.
import { intlLocale, type Preferences } from '@/i18n/locale';
import { isMoment, wallClock } from './zone';

/** What stands for a value that can't be shown. */
export const DASH = '—';

/** Marks that Intl adds for its own layout; they must not reach copies, files and comparisons. */
const INVISIBLE = /[\u200e\u200f\u061c]/g;

export const plain = (text: string): string => text.replace(INVISIBLE, '').replace(/\u00a0/g, ' ');

/** Making a formatter costs far more than using it; a page has a handful of them and uses them thousands of times. */
const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numbers(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `n ${locale} ${JSON.stringify(options)}`;
  const known = (made.get(key) as Intl.NumberFormat | undefined) ?? new Intl.NumberFormat(locale, options);
  made.set(key, known);
  return known;
}

function dates(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `d ${locale} ${JSON.stringify(options)}`;
  const known = (made.get(key) as Intl.DateTimeFormat | undefined) ?? new Intl.DateTimeFormat(locale, options);
  made.set(key, known);
  return known;
}

/** Digits a reader can use: three significant below 100, none behind the point above 1,000. */
export function decimalsFor(value: number): number {
  const size = Math.abs(value);
  if (size >= 1000) return 0;
  if (size >= 100) return 1;
  return size >= 10 ? 1 : 2;
}

/** So many decimals that a chance, which is never 0, isn't shown as 0 per cent. */
export function chanceDecimals(share: number): number {
  if (share >= 0.01) return 1;
  if (share >= 0.001) return 2;
  return share >= 0.0001 ? 3 : 4;
}

export function number(p: Preferences, value: number, decimals = decimalsFor(value)): string {
  if (!Number.isFinite(value)) return DASH;
  const text = numbers(intlLocale(p), {
    maximumFractionDigits: decimals,
    minimumFractionDigits: Number.isInteger(value) ? 0 : Math.min(decimals, 1),
  }).format(value);
  // Nothing has no sign, also where it is less than the last digit shown.
  return plain(text).replace('-', /[1-9١-٩]/.test(text) ? '−' : '');
}

const UNIT_WORDS: Record<string, string> = {
  degC: '°C', degF: '°F', K: 'K', 'm3/h': 'm³/h', 'Nm3/h': 'Nm³/h', 'W/m2K': 'W/m²·K', percent: '%', ohm: 'Ω', um: 'µm', 'uS/cm': 'µS/cm', 'm/s2': 'm/s²', 'kg/m3': 'kg/m³',
  // A number without dimension has no unit to show.
  '1': '',
};

export const unitLabel = (unit: string): string => UNIT_WORDS[unit] ?? unit;

/** A label with its unit behind it, where there is one. */
export const withUnit = (label: string, unit: string): string => (unitLabel(unit) ? `${label} (${unitLabel(unit)})` : label);

const zoned = (p: Preferences) => ({ timeZone: p.zone ?? undefined });

/** Clock time; seconds always, milliseconds where order matters. */
export function clock(p: Preferences, t: number, ms = false): string {
  if (!isMoment(t)) return DASH;
  return plain(
    dates(intlLocale(p), {
      ...zoned(p), hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
      ...(ms ? { fractionalSecondDigits: 3 } : {}),
    }).format(t),
  );
}

export function hourMinute(p: Preferences, t: number): string {
  if (!isMoment(t)) return DASH;
  return plain(dates(intlLocale(p), { ...zoned(p), hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(t));
}

/** `2025-12-04 03:12:09` in the person's zone: tables, files and evidence use this one form in both languages. A zone named is that of what the time stands beside. */
export function iso(t: number, ms = false, inZone?: string): string {
  if (!isMoment(t)) return DASH;
  const w = wallClock(t, inZone);
  const time = `${w.year}-${w.month}-${w.day} ${w.hour}:${w.minute}:${w.second}`;
  return ms ? `${time}.${String(((t % 1000) + 1000) % 1000).padStart(3, '0')}` : time;
}

/** `2025-12-04T00:12:09.000Z` for machines: files and the `datetime` of a moment; empty where there is no such moment. */
export const utc = (t: number): string => (isMoment(t) ? new Date(t).toISOString() : '');

export function dayMonth(p: Preferences, t: number): string {
  if (!isMoment(t)) return DASH;
  return plain(dates(intlLocale(p), { ...zoned(p), day: 'numeric', month: 'long' }).format(t));
}

export function longDay(p: Preferences, t: number): string {
  if (!isMoment(t)) return DASH;
  const date = dates(intlLocale(p), {
    ...zoned(p), weekday: 'long', day: 'numeric', month: 'long', year: 'numeric',
  }).format(t);
  if (p.calendar !== 'islamic-umalqura') return plain(date);
  const lunar = intlLocale(p).replace('ca-gregory', 'ca-islamic-umalqura');
  const hijri = dates(lunar, { ...zoned(p), day: 'numeric', month: 'long', year: 'numeric' }).format(t);
  return plain(`${date} (${hijri})`);
}

/** Clock time today, else day and clock time. */
export function moment(p: Preferences, t: number, now: number): string {
  if (!isMoment(t)) return DASH;
  const same = iso(t).slice(0, 10) === iso(now).slice(0, 10);
  return same ? clock(p, t) : `${dayMonth(p, t)} ${hourMinute(p, t)}`;
}

export interface Span {
  key: 'span.ms' | 'span.s' | 'span.min' | 'span.h_min' | 'span.d_h';
  args: { a: string; b: string };
}

/** A duration in the two largest units that say something: `41 min`, `6 h 28 min`, `3 d 4 h`. */
export function span(p: Preferences, ms: number): Span {
  if (!Number.isFinite(ms)) return { key: 'span.s', args: { a: DASH, b: '' } };
  const n = (x: number) => number(p, x, 0);
  const s = Math.max(0, ms) / 1000;
  if (ms > 0 && s < 1) return { key: 'span.ms', args: { a: n(Math.round(ms)), b: '' } };
  if (s < 60) return { key: 'span.s', args: { a: number(p, Math.round(s * (s < 10 ? 10 : 1)) / (s < 10 ? 10 : 1), 1), b: '' } };
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return { key: 'span.min', args: { a: n(minutes), b: '' } };
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return { key: 'span.h_min', args: { a: n(hours), b: n(minutes % 60) } };
  return { key: 'span.d_h', args: { a: n(Math.floor(hours / 24)), b: n(hours % 24) } };
}

/** A duration as `1:07`: hours and minutes. */
export function hoursMinutes(p: Preferences, ms: number): string {
  if (!Number.isFinite(ms)) return DASH;
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  const two = numbers(intlLocale(p), { minimumIntegerDigits: 2 });
  return `${number(p, Math.floor(minutes / 60), 0)}:${plain(two.format(minutes % 60))}`;
}

/** Arabic-Indic and Persian digits, and their separators, as typed by hand, become ASCII before validation. */
export function normaliseDigits(text: string): string {
  return text
    .replace(/[٠-٩]/g, (c) => String(c.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (c) => String(c.charCodeAt(0) - 0x6f0))
    .replace(/٫/g, '.')
    .replace(/[٬،]/g, '')
    .replace(/−/g, '-');
}
