// What a person typed about a planned outage or a spare part, as the program takes it; and both as files carry them.
import type { Asset, Outage, OutageInput, Site, SparePart, SparePartInput } from '@/api/types';
import { toCsv } from './csv';
import { iso, normaliseDigits } from './format';
import { clockFrom, momentOf, type WallMoment } from './wall-moment';
import { minuteOf } from './shifts';
import { dayStart, wallClock } from './zone';

export interface OutageText { title: string; site_id: string; unit_id: string; asset: string; from: WallMoment; to: WallMoment; note: string }

export const outageText = (outage: Outage | undefined, site: string): OutageText => ({
  title: outage?.title ?? '', site_id: outage?.site_id ?? site, unit_id: outage?.unit_id ?? '', asset: outage?.asset_code ?? '',
  from: clockFrom(outage?.from ?? null), to: clockFrom(outage?.to ?? null), note: outage?.note ?? '',
});

/** A moment of which nothing has to be guessed but a time that was left empty. */
const typed = (text: WallMoment, missing: number): number | null => (text.time.trim() === '' || minuteOf(text.time) !== null ? momentOf(text, missing) : null);

export type OutageProblem = 'from' | 'to' | 'asset';

/** The outage, or the fields that can't be read; an asset is named by its code. */
export function outageInput(text: OutageText, assets: readonly Pick<Asset, 'id' | 'code' | 'site_id'>[]): { body: OutageInput } | { problems: OutageProblem[] } {
  const [from, to] = [typed(text.from, 0), typed(text.to, 1440)];
  const code = text.asset.trim().toLowerCase();
  const asset = assets.find((a) => a.site_id === text.site_id && a.code.toLowerCase() === code);
  const problems: OutageProblem[] = [];
  if (from === null) problems.push('from');
  if (to === null) problems.push('to');
  if (code !== '' && !asset) problems.push('asset');
  if (from === null || to === null || problems.length > 0) return { problems };
  return { body: { title: text.title.trim(), site_id: text.site_id, unit_id: text.unit_id || null, asset_id: asset?.id ?? null, from, to, note: text.note } };
}

export type OutageState = 'over' | 'now' | 'coming';
export const outageState = (outage: Pick<Outage, 'from' | 'to'>, now: number): OutageState => (outage.to <= now ? 'over' : outage.from <= now ? 'now' : 'coming');

export interface SparePartText { site_id: string; code: string; title: string; on_hand: string; expected_quantity: string; expected_on: string; lead_time: string; note: string }

/** The midnight at which a day ends. */
function dayEnd(day: string): number | null {
  const at = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(at) ? null : dayStart(new Date(at + 86_400_000).toISOString().slice(0, 10));
}

const shown = (value: number | null | undefined) => (value === null || value === undefined ? '' : String(value));

export const sparePartText = (part: SparePart | undefined, site: string): SparePartText => ({
  site_id: part?.site_id ?? site, code: part?.code ?? '', title: part?.title ?? '', on_hand: shown(part?.on_hand ?? 0), expected_quantity: shown(part?.expected_quantity),
  // It can be taken from midnight on: it comes the day before.
  expected_on: part?.expected_at === null || part?.expected_at === undefined ? '' : iso(part.expected_at - 1).slice(0, 10),
  lead_time: shown(part?.lead_time_days), note: part?.note ?? '',
});

export type SparePartProblem = 'on_hand' | 'expected_quantity' | 'expected_at' | 'lead_time_days';

/** The part, or the fields that can't be read. */
export function sparePartInput(text: SparePartText): { body: SparePartInput } | { problems: SparePartProblem[] } {
  const problems: SparePartProblem[] = [];
  const number = (field: SparePartProblem, typed: string): number | null => {
    const plain = normaliseDigits(typed.trim());
    if (plain === '') return null;
    const value = Number(plain);
    if (!Number.isFinite(value)) problems.push(field);
    return value;
  };
  const on_hand = number('on_hand', text.on_hand);
  if (on_hand === null) problems.push('on_hand');
  const expected_quantity = number('expected_quantity', text.expected_quantity);
  const lead_time_days = number('lead_time_days', text.lead_time);
  if (lead_time_days !== null && !(Number.isInteger(lead_time_days) && lead_time_days >= 0)) problems.push('lead_time_days');
  const expected_at = text.expected_on === '' ? null : dayEnd(text.expected_on);
  if (text.expected_on !== '' && expected_at === null) problems.push('expected_at');
  if (problems.length > 0) return { problems: [...new Set(problems)] };
  return { body: { site_id: text.site_id, code: text.code.trim(), title: text.title.trim(), on_hand: on_hand ?? 0, expected_quantity, expected_at, lead_time_days, note: text.note } };
}

/** The columns an import knows, and an export writes. */
export const OUTAGE_COLUMNS = ['id', 'title', 'site', 'unit', 'asset', 'from', 'to', 'note'];
export const PART_COLUMNS = ['code', 'title', 'site', 'on_hand', 'expected_quantity', 'expected_on', 'lead_time_days', 'note'];

/** A moment in the time of its site, as an import reads it; what lies inside a minute is written exactly. */
function momentText(at: number, zone: string): string {
  if (at % 60_000 !== 0) return new Date(at).toISOString();
  const w = wallClock(at, zone);
  return `${w.year}-${w.month}-${w.day} ${w.hour}:${w.minute}`;
}

/** Outages as a file that can be edited and imported again. */
export const outagesCsv = (outages: readonly Outage[]): string =>
  toCsv(OUTAGE_COLUMNS, outages.map((o) => [o.id, o.title, o.site_code, o.unit_code, o.asset_code, momentText(o.from, o.time_zone), momentText(o.to, o.time_zone), o.note]));

/** Spare parts as a file that can be edited and imported again. */
export function sparePartsCsv(parts: readonly SparePart[], sites: readonly Pick<Site, 'id' | 'time_zone'>[]): string {
  const zone = (site: string) => sites.find((s) => s.id === site)?.time_zone ?? 'UTC';
  // It can be taken from midnight on: it comes the day before.
  const day = (part: SparePart) => (part.expected_at === null ? '' : momentText(Math.floor((part.expected_at - 1) / 60_000) * 60_000, zone(part.site_id)).slice(0, 10));
  return toCsv(PART_COLUMNS, parts.map((p) => [p.code, p.title, p.site_code, p.on_hand, p.expected_quantity, day(p), p.lead_time_days, p.note]));
}
