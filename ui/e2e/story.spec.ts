// The main job, in both languages: first start → administrator → site, unit, assets → OPC UA, encrypted and with a user
// → test fails, the certificate is not trusted → trust by fingerprint → test passes → map three tags of P-102A → a
// bearing fault develops → the twin turns critical → an incident opens → its timeline shows the program's warning, then
// its critical alert, both after the vibration has left its normal band → its evidence leaves as a file that verifies, and its report as a PDF. Real appliance, real
// plant, nothing simulated in the page.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import type { IncidentDetail, Series, SignalDetail, Timeline, TimelineEvent } from '../src/api/types';
import { type Running, plant, plantCommand, serve, verifyFile } from './appliance';
import { exportEvidence, exportReport } from './evidence-steps';
import { addSource, mapTags, trust } from './source-steps';
import { addPumps, firstStart, read, visit } from './steps';
import type { Language } from './target';

/** The first moment the value stands half above the lowest seen. */
function riseOf(series: Series): number | null {
  const lowest = Math.min(...series.v.filter((x): x is number => x !== null));
  const at = series.v.findIndex((x) => x !== null && x > lowest * 1.5);
  return at < 0 ? null : series.t[at]!;
}

let source: Running;
let appliance: Running;

async function watchTheFault(page: Page): Promise<void> {
  await page.goto(`${appliance.url}/digital-twin`);
  const card = page.locator('[data-asset="P-102A"]');
  await expect(card).toHaveAttribute('data-status', 'normal', { timeout: 120_000 });
  await plantCommand(source.folder, 'inject', 'P-102A', 'bearing_wear', '--over', '120s');
  // An alarm of the control system may open the incident, and turn the card, before the program's own warning is due.
  await expect(card).toHaveAttribute('data-status', 'critical', { timeout: 180_000 });
}

async function readTheIncident(page: Page, language: Language): Promise<void> {
  const incidents = page.waitForResponse((r) => r.url().includes('/api/blackbox/incidents?') && r.ok());
  await page.goto(`${appliance.url}/blackbox`);
  await incidents;
  const link = page.locator('a[href*="/blackbox/incidents/"]').first();
  await expect(async () => {
    await page.reload();
    await expect(link).toBeVisible({ timeout: 5_000 });
  }).toPass({ timeout: 120_000 });
  await link.click();
  await expect(page.locator('.tl')).toBeVisible();
  const id = /incidents\/([0-9a-f-]+)/.exec(page.url())![1]!;
  const isAlert = (x: TimelineEvent) => x.event.category === 'ALERT' && x.event.severity === 'critical';
  let timeline!: Timeline;
  await expect(async () => {
    timeline = await read<Timeline>(page, `${appliance.url}/api/blackbox/incidents/${id}/timeline`);
    expect(timeline.events.some(isAlert)).toBe(true);
    expect(timeline.trends.length).toBeGreaterThan(0);
    // The program itself warned before it called the bearing critical.
    const own = timeline.events.filter(({ event }) => event.source_system === 'optria' && event.category === 'ALERT');
    const first = (severity: string) => own.findIndex(({ event }) => event.severity === severity);
    expect(first('critical')).toBeGreaterThan(first('warning'));
    expect(first('warning')).toBeGreaterThanOrEqual(0);
  }).toPass({ timeout: 180_000 });
  const { incident } = await read<IncidentDetail>(page, `${appliance.url}/api/blackbox/incidents/${id}`);
  const signals = await read<SignalDetail[]>(page, `${appliance.url}/api/assets/${incident.asset_id}/signals`);
  const vibration = signals.find((x) => x.metric === 'vibration_de')!;
  const series = await read<Series>(page, `${appliance.url}/api/signals/${vibration.id}/series?from=${timeline.from - 600_000}&to=${timeline.to}&width=1000`);
  // A young appliance has no baseline to leave yet; the stored values tell the rise as well.
  const rise = timeline.trends.find((x) => x.signal_id === vibration.id)?.onset_at ?? riseOf(series);
  const { event_time: alert, time_offset_ms: offset } = timeline.events.find(isAlert)!.event;
  expect(rise, 'the vibration rose').not.toBeNull();
  expect(alert, 'the alert comes after the rise').toBeGreaterThan(rise!);
  await page.reload();
  // Only the rows in sight are in the page; the table says how many there are, its head included. The
  // incident is young: an event may still join it.
  await expect(async () => {
    const { events } = await read<Timeline>(page, `${appliance.url}/api/blackbox/incidents/${id}/timeline`);
    await expect(page.locator('.seq table')).toHaveAttribute('aria-rowcount', String(events.length + 1), { timeout: 3_000 });
  }).toPass({ timeout: 60_000 });
  await expect(page.locator('.trend-lane canvas').first()).toBeVisible();
  // Jumping to the next critical event moves the whole page to its moment, by the corrected clock.
  await page.locator('.tl').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+ArrowRight');
  await expect(page.locator('.pastnote')).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`t=${alert - offset}`));
  await expect(page.locator('html')).toHaveAttribute('dir', language === 'ar' ? 'rtl' : 'ltr');
}

/** The incident leaves the house as a file that verifies, and not any more when one byte is changed. */
async function takeTheEvidence(page: Page): Promise<void> {
  const { file, keys } = await exportEvidence(page, appliance, 'incident');
  const unchanged = verifyFile(file, keys);
  expect(unchanged).toMatchObject({ exit: 1, reason: 'appliance_only', demo: false });
  const bytes = readFileSync(file);
  const changed = join(appliance.folder, 'changed.oqe');
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(changed, bytes);
  const said = verifyFile(changed, keys);
  expect(said).toMatchObject({ exit: 2, verdict: 'tampered' });
  expect(said.part, 'it says where').not.toBeNull();
}

/** The same incident on paper, in the language of the reader. */
async function takeTheReport(page: Page, language: Language): Promise<void> {
  expect(await exportReport(page, language)).toMatch(/^INC-.*\.pdf$/);
}

// Each has a plant of its own and waits for it most of the time.
test.describe.configure({ mode: 'parallel' });

for (const language of ['ar', 'en'] as const) {
  test.describe(`main job, ${language}`, () => {
    test.beforeEach(async () => {
      [source, appliance] = await Promise.all([plant(), serve()]);
    });
    test.afterEach(async () => {
      await appliance?.stop();
      await source?.stop();
    });

    test('a developing bearing fault becomes an incident with a timeline', async ({ browser }) => {
      test.setTimeout(900_000);
      const { page, end } = await visit(browser, language);
      await firstStart(page, appliance.url);
      await page.goto(`${appliance.url}/assets`);
      await addPumps(page);
      await addSource(page, appliance.url, source);
      await trust(page);
      await mapTags(page, appliance.url);
      await watchTheFault(page);
      await readTheIncident(page, language);
      await takeTheEvidence(page);
      await takeTheReport(page, language);
      await end();
    });
  });
}
