import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outage, SparePart } from '@/api/types';
import { outageInput, outagesCsv, outageState, outageText, sparePartInput, sparePartsCsv, sparePartText } from '@/lib/outages';
import { setZone } from '@/lib/zone';

const assets = [{ id: 'a-1', code: 'P-101', site_id: 's-1' }];
const HOUR = 3_600_000;
const MIDNIGHT = Date.UTC(2026, 11, 1) - 3 * HOUR;

beforeAll(() => setZone('Asia/Riyadh'));
afterAll(() => setZone(null));

describe('a planned outage', () => {
  const text = { ...outageText(undefined, 's-1'), title: ' Spring shutdown ', from: { day: '2026-12-01', time: '٠٦:٠٠' }, to: { day: '2026-12-03', time: '' } };

  it('is read in the zone of the page; without a time it ends with its last day', () => {
    expect(outageInput(text, assets)).toEqual({ body: { title: 'Spring shutdown', site_id: 's-1', unit_id: null, asset_id: null, from: MIDNIGHT + 6 * HOUR, to: MIDNIGHT + 72 * HOUR, note: '' } });
  });

  it('names an asset of its own site by its code', () => {
    expect(outageInput({ ...text, asset: 'p-101' }, assets)).toMatchObject({ body: { asset_id: 'a-1' } });
    expect(outageInput({ ...text, asset: 'P-999' }, assets)).toEqual({ problems: ['asset'] });
    expect(outageInput({ ...text, asset: 'P-101', site_id: 's-2' }, assets)).toEqual({ problems: ['asset'] });
  });

  it('is not guessed where a time can not be read', () => {
    expect(outageInput({ ...text, from: { day: '', time: '06:00' }, to: { day: '2026-12-03', time: '25:00' } }, assets)).toEqual({ problems: ['from', 'to'] });
  });

  it('is coming, now, or over', () => {
    const at = (now: number) => outageState({ from: 10, to: 20 }, now);
    expect([9, 10, 19, 20].map(at)).toEqual(['coming', 'now', 'now', 'over']);
  });
});

describe('a spare part', () => {
  const text = { ...sparePartText(undefined, 's-1'), code: ' SEAL-45 ', title: 'Seal', on_hand: '٢', expected_quantity: '1.5', expected_on: '2026-12-01', lead_time: '30' };

  it('can be taken from the morning after the day it arrives on, and is shown with that day again', () => {
    const read = sparePartInput(text);
    expect(read).toEqual({ body: { site_id: 's-1', code: 'SEAL-45', title: 'Seal', on_hand: 2, expected_quantity: 1.5, expected_at: MIDNIGHT + 24 * HOUR, lead_time_days: 30, note: '' } });
    const kept = { id: 'x', site_code: 'S', is_overdue: false, changed_at: 0, ...text, ...('body' in read ? read.body : {}) } as Parameters<typeof sparePartText>[0];
    expect(sparePartText(kept, '')).toMatchObject({ expected_on: '2026-12-01', on_hand: '2', lead_time: '30' });
  });

  it('may have nothing on its way', () => {
    expect(sparePartInput({ ...text, expected_quantity: '', expected_on: '', lead_time: '' })).toMatchObject({ body: { expected_quantity: null, expected_at: null, lead_time_days: null } });
  });

  it('names what can not be read', () => {
    expect(sparePartInput({ ...text, on_hand: '', expected_quantity: 'two', lead_time: '1.5' })).toEqual({ problems: ['on_hand', 'expected_quantity', 'lead_time_days'] });
  });
});

describe('a file', () => {
  it('has outages in the time of their site, with the id that lets one be moved', () => {
    const outage: Outage = { id: 'o-1', site_id: 's-1', site_code: 'RAS', time_zone: 'America/New_York', unit_id: null, unit_code: null, asset_id: 'a-1', asset_code: 'P-101', title: '=Seal', from: Date.UTC(2026, 11, 1, 11), to: Date.UTC(2026, 11, 1, 11) + 1, note: 'a, b', changed_at: 0 };
    expect(outagesCsv([outage])).toBe('\ufeffid,title,site,unit,asset,from,to,note\r\no-1,\'=Seal,RAS,,P-101,2026-12-01 06:00,2026-12-01T11:00:00.001Z,"a, b"\r\n');
  });

  it('has parts with the day of the site they come on', () => {
    const part: SparePart = { id: 'p-1', site_id: 's-1', site_code: 'RAS', code: 'SEAL-45', title: 'Seal', on_hand: 0, expected_quantity: 2, expected_at: Date.UTC(2026, 11, 2, 5), is_overdue: false, lead_time_days: null, note: '', changed_at: 0 };
    const lines = sparePartsCsv([part, { ...part, code: 'BRG-1', expected_quantity: null, expected_at: null, lead_time_days: 7 }], [{ id: 's-1', time_zone: 'America/New_York' }]).split('\r\n');
    expect(lines.slice(1, 3)).toEqual(['SEAL-45,Seal,RAS,0,2,2026-12-01,,', 'BRG-1,Seal,RAS,0,,,7,']);
  });
});
