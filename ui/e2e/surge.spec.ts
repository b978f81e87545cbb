// A compressor surges, in both languages: the incident plays, the twin stands at that moment, the cause is named with
// its evidence, the evidence leaves as a file that verifies and says where it was changed, and the report is a PDF.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import type { RootCause } from '../src/api/types';
import { accountsIn, demo, type Running, verifyFile } from './appliance';
import { exportEvidence, exportReport } from './evidence-steps';
import { named, plantIsNow, play } from './incident-steps';
import { read } from './steps';
import { dress, type Language, settled, signIn, type Target } from './target';

const MACHINE = 'K-202';
/** The rule for surge, whatever it is called. */
const SURGE = 'CC-SRG';

let running: Running;
let t: Target;
let incident: string;

test.describe.configure({ mode: 'serial' });
test.afterAll(async () => { await running?.stop(); });

async function opened(page: Page, language: Language): Promise<void> {
  await dress(page.context(), language, 'light');
  await signIn(page, t);
}

/** The machine is driven over its surge line until protection stops it. */
async function surge(page: Page): Promise<void> {
  await plantIsNow(page, t.url);
  const { csrf_token: token } = await read<{ csrf_token: string }>(page, `${t.url}/api/session`);
  const headers = { Origin: t.url, 'X-CSRF-Token': token };
  const fault = { asset: MACHINE, fault: 'surge', over_s: 30 };
  const answer = await page.request.post(`${t.url}/api/plant/inject`, { headers, data: fault });
  expect(answer.ok(), await answer.text()).toBe(true);
  incident = await named(page, t.url, MACHINE, SURGE);
}

async function readTheCause(page: Page, language: Language): Promise<void> {
  const cause = await read<RootCause>(page, `${t.url}/api/blackbox/incidents/${incident}/root-cause`);
  const [first] = cause.hypotheses;
  expect(first?.id).toBe(SURGE);
  const shown = page.locator('.hypothesis').first();
  await expect(shown.locator('.hypothesis-head')).toContainText(first!.names[language]);
  const head = shown.locator('.hypothesis-head');
  if ((await head.getAttribute('aria-expanded')) === 'false') await head.click();
  const findings = first!.evidence!.filter((item) => item.side === 'for');
  expect(findings.length).toBeGreaterThan(0);
  await expect(shown.locator('.evidence').first().locator('li')).toHaveCount(findings.length);
  expect(findings.some((item) => item.samples.length > 0 || item.event_ids.length > 0), 'a finding leads to what it rests on').toBe(true);
}

async function takeAway(page: Page, language: Language): Promise<void> {
  const { suggested, file, keys } = await exportEvidence(page, running, language);
  expect(suggested).toMatch(/^DEMO-.*\.oqe$/);
  expect(verifyFile(file, keys)).toMatchObject({ exit: 1, reason: 'appliance_only', demo: true });
  const bytes = readFileSync(file);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  const changed = join(running.folder, 'changed.oqe');
  writeFileSync(changed, bytes);
  const said = verifyFile(changed, keys);
  expect(said).toMatchObject({ exit: 2, verdict: 'tampered' });
  expect(said.part, 'where it was changed').not.toBe('file');

  expect(await exportReport(page, language)).toMatch(/^DEMO-.*\.pdf$/);
}

for (const language of ['ar', 'en'] as const) {
  test(`a compressor's surge is played, explained and taken away, ${language}`, async ({ page }) => {
    test.setTimeout(400_000);
    if (!running) {
      running = await demo(240);
      const owner = accountsIn(running.output()).find((a) => a.role === 'platform_owner')!;
      t = { url: running.url, username: owner.username, password: owner.password, stop: running.stop };
    }
    await opened(page, language);
    if (!incident) await surge(page);
    await page.goto(`${t.url}/blackbox/incidents/${incident}`);
    await settled(page);
    await readTheCause(page, language);
    const { at, atSource } = await play(page, t.url, incident);
    await page.goto(`${t.url}/blackbox/incidents/${incident}?t=${at}`);
    await settled(page);
    await page.locator('h1 ~ * a[href*="/digital-twin"], a.btn[href*="/digital-twin"]').first().click();
    // The twin knows alerts and samples by the clock of their source.
    await expect(page).toHaveURL(new RegExp(`t=(${atSource.join('|')})`));
    await settled(page);
    await expect(page.locator('.pastnote')).toBeVisible();
    await expect(page.locator('.side h2').first()).toHaveText(MACHINE);
    await page.goBack();
    await settled(page);
    await takeAway(page, language);
  });
}
