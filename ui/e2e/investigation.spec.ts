// From three exported files alone, in an empty tenant: trends of a compressor, trends of its motor, an alarm journal.
// What they speak of is proposed, one button creates, imports and looks for incidents, and the incident has its timeline
// and its root cause. Done again, nothing is added.
import { type Browser, expect, type Page, test } from '@playwright/test';
import type { RootCause, Timeline } from '../src/api/types';
import { type Running, serve } from './appliance';
import { firstStart, read, visit } from './steps';
import { settled, type Language } from './target';
import { allInWords } from './words';

const BEGIN = Date.UTC(2024, 2, 5, 6, 0, 0);
const TRIP_S = 2 * 3600;
let appliance: Running;

const clock = (s: number) => new Date(BEGIN + s * 1000).toISOString().slice(0, 19).replace('T', ' ');
/** Noise that is the same in every run. */
const noise = (s: number, k: number) => Math.sin(s * 12.9898 + k * 78.233) * 0.5 + Math.sin(s * 4.1 + k) * 0.5;

/** Nearly two quiet hours, a quarter of an hour of surge, then standstill. */
function compressor(): string {
  const rows = ['Time,K-202.SUCTION_FLOW [m3/h],K-202.DISCHARGE_PRESSURE [bar],K-202.SUCTION_PRESSURE [bar],K-202.AXIAL_POSITION [mm],K-202.RUN'];
  for (let s = 0; s < TRIP_S + 300; s += 1) {
    const surging = s >= TRIP_S - 900 && s < TRIP_S;
    const still = s >= TRIP_S;
    const swing = surging ? Math.sin((s * Math.PI) / 2) : 0;
    const flow = still ? 0 : 5200 + noise(s, 1) * 20 - Math.abs(swing) * 400 + swing * 2400;
    const pressure = still ? 22 : 62 + noise(s, 2) * 0.1 - swing * 6;
    const position = 0.12 + noise(s, 4) * 0.002 + swing * 0.12;
    rows.push([clock(s), flow.toFixed(1), pressure.toFixed(3), (21 + noise(s, 3) * 0.03).toFixed(3), position.toFixed(4), still ? 0 : 1].join(','));
  }
  return rows.join('\n');
}

/** Another system writes one value per row, semicolons and decimal commas, and one line is broken. */
function motor(): string {
  const rows = ['Tag;Timestamp;Value;Quality'];
  for (let s = 0; s < TRIP_S + 300; s += 10) {
    const amps = s >= TRIP_S ? 0 : 310 + noise(s, 5) * 2;
    rows.push(`KM-204.CURRENT_A;${clock(s)};${amps.toFixed(2).replace('.', ',')};Good`);
  }
  rows.push('KM-204.CURRENT_A;31/31/2024;311,5;Good');
  return rows.join('\n');
}

function journal(): string {
  return ['Time,Source,Message,State,Priority', `${clock(TRIP_S - 60)},K-202.SUCTION_FLOW,Suction flow low,ACT,2`, `${clock(TRIP_S - 20)},K-202.DISCHARGE_PRESSURE,Discharge pressure unstable,ACT,1`, `${clock(TRIP_S)},K-202.TRIP,K-202 TRIP surge,ACT,1`, `${clock(TRIP_S + 2)},KM-204,Motor stopped,ACT,2`].join('\n');
}

const file = (name: string, text: string) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
const FILES = [file('K-202 trends.csv', compressor()), file('motor.csv', motor()), file('alarms.csv', journal())];

async function dropped(page: Page): Promise<void> {
  await page.locator('input[type="file"]').setInputFiles(FILES);
  for (const { name } of FILES) await expect(page.locator(`[data-file="${name}"][data-state="ready"]`)).toBeVisible({ timeout: 120_000 });
}

async function investigated(page: Page): Promise<void> {
  await page.locator('[data-action="investigate"]').click();
  await expect(page.locator('[data-step="done"]')).toBeVisible({ timeout: 180_000 });
}

interface Counts { incidents: number; events: number; assets: number }
async function counts(page: Page): Promise<Counts> {
  const total = async (path: string) => (await read<{ total: number }>(page, appliance.url + path)).total;
  return { incidents: await total('/api/blackbox/incidents?limit=1'), events: await total(`/api/blackbox/events?limit=1&category=ALERT&from=${BEGIN - 86_400_000}&to=${BEGIN + 86_400_000}`), assets: await total('/api/assets?limit=1') };
}

async function story(browser: Browser, language: Language): Promise<void> {
  const { page, end } = await visit(browser, language);
  await firstStart(page, appliance.url);
  // The dashboard of an empty tenant leads here by itself.
  await page.locator('[data-action="investigate-files"]').first().click();
  await expect(page).toHaveURL(/\/blackbox\/investigation/);
  await allInWords(page, 'new investigation');
  await dropped(page);
  await page.locator('[name="zone"]').fill('Asia/Riyadh');
  await page.locator('[name="zone"]').locator('xpath=ancestor::div[contains(@class,"row")]').locator('button').click();
  for (const { name } of FILES) await expect(page.locator(`[data-file="${name}"][data-state="ready"]`)).toContainText('Asia/Riyadh', { timeout: 60_000 });
  const assets = page.locator('[data-table="proposed-assets"] tbody tr');
  await expect(assets).toHaveCount(2);
  await expect(page.locator('[data-tag="K-202.SUCTION_FLOW"] select').nth(1)).toHaveValue('suction_flow');
  await expect(page.locator('[data-tag="KM-204.CURRENT_A"] select').first()).toHaveValue('KM-204');
  await allInWords(page, 'proposal');
  await investigated(page);
  await allInWords(page, 'outcome');
  const found = page.locator('[data-list="found-incidents"] li');
  await expect(found).not.toHaveCount(0);
  // The broken line can be fetched.
  const rejected = await page.request.get(appliance.url + ((await page.locator('a[href*="rejected.csv"]').last().getAttribute('href')) ?? ''));
  expect(await rejected.text()).toContain('31/31/2024');
  const before = await counts(page);
  expect(before.assets).toBe(2);
  expect(before.events).toBe(4);

  await page.reload();
  await expect(page.locator('[data-action="investigate"]')).toBeEnabled({ timeout: 30_000 });
  await investigated(page);
  expect(await counts(page)).toEqual(before);

  await page.locator('[data-list="found-incidents"] .btn.pri').click();
  await expect(page).toHaveURL(/\/blackbox\/incidents\/[0-9a-f-]{36}/);
  await settled(page);
  const id = new URL(page.url()).pathname.split('/').pop()!;
  await expect(page.locator('.lanes canvas')).toHaveAttribute('data-events', /^[1-9]/);
  const timeline = await read<Timeline>(page, `${appliance.url}/api/blackbox/incidents/${id}/timeline`);
  // Times without a zone were read in the zone that was chosen.
  expect(timeline.events.map((e) => e.event.event_time)).toContain(BEGIN - 3 * 3_600_000 + TRIP_S * 1000);
  const cause = await read<RootCause>(page, `${appliance.url}/api/blackbox/incidents/${id}/root-cause`);
  expect(cause.samples_read).toBeGreaterThan(1_000);
  expect(cause.hypotheses.map((h) => h.id)).toContain('CC-SRG');
  await expect(page.locator('.hypotheses')).toContainText(language === 'ar' ? 'اندفاع ارتدادي' : 'Surge');
  await allInWords(page, 'incident');
  await end();
}

test.describe('an investigation from files', () => {
  test.beforeEach(async () => { appliance = await serve(); });
  test.afterEach(() => appliance?.stop());
  for (const language of ['ar', 'en'] as const) {
    test(`three files lead to a root cause, ${language}`, async ({ browser }) => {
      test.setTimeout(400_000);
      await story(browser, language);
    });
  }
});
