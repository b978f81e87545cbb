// The main job, in both languages: first start → administrator → site, unit, assets → OPC UA, encrypted and with a user
// → test fails, the certificate is not trusted → trust by fingerprint → test passes → map three tags of P-102A → a
// bearing fault develops → the twin turns critical → an incident opens → its timeline shows the program's warning, then
// its critical alert, both after the vibration has left its normal band → its evidence leaves as a file that verifies, and its report as a PDF. Real appliance, real
// plant, nothing simulated in the page.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import type { EvidenceKey, IncidentDetail, Series, SignalDetail, Timeline, TimelineEvent } from '../src/api/types';
import { type Running, plant, PLANT_PASSWORD, plantCommand, serve, verifyFile } from './appliance';
import { addPumps, choose, firstStart, read, runTest, visit } from './steps';
import type { Language } from './target';

const TAGS = [
  { tag: 'VIB_DE', metric: 'vibration_de' },
  { tag: 'BRG_TEMP_DE', metric: 'bearing_temperature_de' },
  { tag: 'DIS_PRESS', metric: 'discharge_pressure' },
];
/** The first moment the value stands half above the lowest seen. */
function riseOf(series: Series): number | null {
  const lowest = Math.min(...series.v.filter((x): x is number => x !== null));
  const at = series.v.findIndex((x) => x !== null && x > lowest * 1.5);
  return at < 0 ? null : series.t[at]!;
}

let source: Running;
let appliance: Running;

async function addSource(page: Page): Promise<void> {
  await page.goto(`${appliance.url}/integrations/new`);
  await page.locator('.kind-card', { hasText: 'OPC UA' }).click();
  await page.locator('[name="name"]').fill('DCS');
  await page.locator('[name="endpoint_url"]').fill(source.url);
  await choose(page, 'security_mode', ['None', 'Sign', 'SignAndEncrypt'], 'SignAndEncrypt');
  await choose(page, 'auth_type', ['Anonymous', 'UsernamePassword', 'Certificate'], 'UsernamePassword');
  await page.locator('[name="username"]').fill('plant');
  await page.locator('[name="password"]').fill(PLANT_PASSWORD);
  await page.locator('form.pane button[type="submit"]').click();
  await expect(page).toHaveURL(/\/integrations\/[0-9a-f-]{36}/);
}

async function trust(page: Page): Promise<void> {
  await runTest(page);
  await expect(page.locator('[data-test-result="failed"]')).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('[data-stage="security"]')).toHaveAttribute('data-status', 'failed');
  await page.locator('[data-stage="security"] .btn').click();
  const accept = page.locator('.decide .btn.pri');
  await expect(accept).toBeDisabled();
  // The person reads the last four pairs; here they come from the server's side of the wire.
  const shown = await page.locator('.fp').first().locator('.tag').allInnerTexts();
  await page.locator('[name="fingerprint_tail"]').fill('00 00 00 00');
  await accept.click();
  await expect(page.locator('.decide [role="alert"]')).toBeVisible();
  await page.locator('[name="fingerprint_tail"]').fill(shown.slice(-4).join(' '));
  await accept.click();
  await expect(page.locator('.decide')).toHaveCount(0);
  await page.goto(page.url().replace(/\?.*/, ''));
  await runTest(page);
  await expect(page.locator('[data-test-result="ok"]')).toBeVisible({ timeout: 60_000 });
}

async function mapTag(page: Page, tag: string, metric: string): Promise<void> {
  await page.locator('.tree').waitFor();
  await page.locator('.mapping input[type="search"]').first().fill(`P102A.${tag}`);
  const node = page.locator('.tree .node', { hasText: `P102A.${tag}` }).or(page.locator(`.tree .node:has([title$="P102A.${tag}"])`)).first();
  await node.dblclick();
  const dialog = page.locator('[role="dialog"]');
  await expect(dialog.locator('[name="external_tag"]')).toHaveValue(new RegExp(`P102A\\.${tag}$`));
  await dialog.locator('input.mantine-Select-input').fill('P-102A');
  await page.locator('[role="listbox"] [role="option"]', { hasText: 'P-102A' }).click();
  await dialog.locator('[name="metric"]').selectOption(metric);
  await expect(dialog.locator('[data-preview="ok"]')).toBeVisible();
  await dialog.locator('button[type="submit"]').click();
  await expect(dialog).toHaveCount(0);
}

async function mapTags(page: Page): Promise<void> {
  await page.goto(appliance.url);
  await page.locator('nav.nv a[href*="data-mapping"]').click();
  for (const { tag, metric } of TAGS) await mapTag(page, tag, metric);
  // Live values arrive in the table of mapped tags.
  await expect(page.locator('table .q.b')).toHaveCount(TAGS.length, { timeout: 60_000 });
}

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
  const pane = page.locator('.evidence-pane');
  await expect(pane.locator('dl')).toBeVisible();
  const [download] = await Promise.all([page.waitForEvent('download'), pane.locator('.btn.pri').click()]);
  await expect(pane.locator('.s[role="status"]')).toBeVisible();
  const file = join(appliance.folder, 'incident.oqe');
  await download.saveAs(file);
  const [key] = await read<EvidenceKey[]>(page, `${appliance.url}/api/evidence/keys`);
  const trust = join(appliance.folder, 'reader.keys');
  writeFileSync(trust, `${key!.trust_line}\n`);
  const unchanged = verifyFile(file, trust);
  expect(unchanged).toMatchObject({ exit: 1, reason: 'appliance_only', demo: false });
  const bytes = readFileSync(file);
  const changed = join(appliance.folder, 'changed.oqe');
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(changed, bytes);
  const said = verifyFile(changed, trust);
  expect(said).toMatchObject({ exit: 2, verdict: 'tampered' });
  expect(said.part, 'it says where').not.toBeNull();
}

/** The same incident on paper, in the language of the reader. */
async function takeTheReport(page: Page, language: Language): Promise<void> {
  const making = page.locator('.report-making');
  await making.locator('select').selectOption(language);
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: 120_000 }), making.locator('button').click()]);
  expect(download.suggestedFilename()).toMatch(/^INC-.*\.pdf$/);
  expect(readFileSync(await download.path()).subarray(0, 5).toString()).toBe('%PDF-');
  await expect(making.locator('[role="status"]')).toHaveText(/\p{L}/u);
}

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
      await addSource(page);
      await trust(page);
      await mapTags(page);
      await watchTheFault(page);
      await readTheIncident(page, language);
      await takeTheEvidence(page);
      await takeTheReport(page, language);
      await end();
    });
  });
}
