// The pictures that the guides name, and no others: both languages, light, 1280 × 800. OPTRIA_PICTURES names the folder
// they go to. Made of a demo plant with an incident, and of an appliance of its own that is connected to a plant.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, expect, type Locator, type Page, test } from '@playwright/test';
import sharp from 'sharp';
import type { IncidentRow } from '../src/api/types';
import { GUIDES } from '../src/lib/help';
import { guidesFolder, pictures } from '../vite/guides';
import { plant, serve } from './appliance';
import { named, play } from './incident-steps';
import { makePlan, scored } from './plan-steps';
import { decide, fillSource, mapTags, meetTheCertificate, saveSource } from './source-steps';
import { addPumps, firstStart, read, speak, visit } from './steps';
import { type Language, settled, signIn, type Target, target } from './target';

const LANGUAGES = ['ar', 'en'] as const;
const LOOKS = { viewport: { width: 1280, height: 800 } };
const RUN: Record<Language, string> = { ar: 'الأسبوع القادم', en: 'Next week' };

const OF_THE_DEMO = ['sign-in', 'dashboard', 'black-box', 'incident', 'playback', 'twin-then', 'plan-form', 'plan-schedule', 'plan-publish'] as const;
const OF_AN_OWN_PLANT = ['first-steps', 'new-source', 'certificate', 'connection-test', 'mapping'] as const;
type Name = (typeof OF_THE_DEMO)[number] | (typeof OF_AN_OWN_PLANT)[number];

const folder = process.env.OPTRIA_PICTURES ?? join(import.meta.dirname, '../test-results/pictures');

/** Takes the picture of what the page shows; answers with the names taken. */
function camera(page: Page, language: Language): { shoot: (name: Name, top?: Locator) => Promise<void>; taken: Name[] } {
  const taken: Name[] = [];
  const shoot = async (name: Name, top?: Locator) => {
    await settled(page);
    await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => undefined);
    // What was just said of the last step is no part of this one.
    await expect(page.locator('.toast')).toHaveCount(0, { timeout: 20_000 });
    if (top) await top.evaluate((element) => (element.closest('.pane') ?? element).scrollIntoView({ block: 'start' }));
    else if ((await page.getByRole('dialog').count()) === 0) await page.evaluate(() => document.getElementById('main')?.scrollTo(0, 0));
    const picture = await page.screenshot({ animations: 'disabled', caret: 'hide' });
    // Every package carries them: without loss, at two fifths of the size.
    await sharp(picture).webp({ lossless: true, effort: 6 }).toFile(join(folder, `${name}-${language}.webp`));
    taken.push(name);
  };
  return { shoot, taken };
}

/** The incident of the pump; with its cause where that is found in time. */
async function incidentOf(page: Page, url: string): Promise<string> {
  try {
    return await named(page, url, 'P-102A', 'CP-BRG');
  } catch {
    const { items } = await read<{ items: IncidentRow[] }>(page, `${url}/api/blackbox/incidents?limit=1`);
    return items[0]!.id;
  }
}

async function ofTheDemo(browser: Browser, language: Language, t: Target): Promise<void> {
  const { page, end } = await visit(browser, language, LOOKS);
  const { shoot, taken } = camera(page, language);
  await page.goto(`${t.url}/login`);
  await shoot('sign-in');
  await signIn(page, t);
  await speak(page, t.url, language);
  const incident = await incidentOf(page, t.url);
  await page.goto(t.url);
  await shoot('dashboard');
  await page.goto(`${t.url}/blackbox`);
  await shoot('black-box');

  await page.goto(`${t.url}/blackbox/incidents/${incident}`);
  await page.locator('.hypotheses').waitFor({ state: 'attached', timeout: 60_000 });
  await expect(page.locator('.trend-lane canvas').first()).toBeVisible();
  await shoot('incident');
  await play(page, t.url, incident);
  await shoot('playback', page.locator('.tl'));
  await page.locator('[data-action="twin-then"]').click();
  await expect(page).toHaveURL(/\/digital-twin/);
  await expect(page.locator('.pastnote')).toBeVisible();
  await shoot('twin-then');

  await page.goto(`${t.url}/optimization`);
  await settled(page);
  await scored(page, t.url);
  await page.locator('[name="name"]').fill(RUN[language]);
  await shoot('plan-form', page.locator('.plan-form'));
  const run = await makePlan(page, RUN[language], '', '');
  await page.goto(`${t.url}/optimization?run=${run}&tab=schedule`);
  await page.locator('.gantt').waitFor();
  await shoot('plan-schedule', page.locator('[data-plan]'));
  await page.locator('[data-tab="list"]').click();
  const boxes = page.locator('tbody .chkbox:enabled');
  await expect(boxes.first()).toBeVisible();
  for (const box of (await boxes.all()).slice(0, 3)) await box.check();
  await page.locator('[data-plan]').evaluate((element) => element.scrollIntoView({ block: 'start' }));
  await page.locator('[data-action="publish-plan"]').click();
  await page.getByRole('dialog').waitFor();
  await shoot('plan-publish');
  expect(taken).toEqual(OF_THE_DEMO);
  await end();
}

async function ofAnOwnPlant(browser: Browser, language: Language): Promise<void> {
  const [source, appliance] = await Promise.all([plant(), serve()]);
  try {
    const { page, end } = await visit(browser, language, LOOKS);
    const { shoot, taken } = camera(page, language);
    await firstStart(page, appliance.url);
    await page.goto(`${appliance.url}/assets`);
    await addPumps(page);
    await page.locator('nav.nv a[href^="/onboarding"]').click();
    await page.locator('[data-step="profile"]').waitFor();
    await shoot('first-steps');
    await fillSource(page, appliance.url, source);
    await shoot('new-source');
    await saveSource(page);
    await meetTheCertificate(page);
    await shoot('certificate');
    await decide(page);
    await shoot('connection-test', page.locator('[data-test-result]'));
    await mapTags(page, appliance.url);
    await shoot('mapping');
    expect(taken).toEqual(OF_AN_OWN_PLANT);
    await end();
  } finally {
    await appliance.stop();
    await source.stop();
  }
}

test.describe.configure({ mode: 'serial' });

test('the guides name what can be made, and all of it', () => {
  for (const language of LANGUAGES) {
    const named = new Set(GUIDES.flatMap((guide) => pictures(guidesFolder(), guide.name, language).map((picture) => picture.name)));
    expect([...named].sort(), language).toEqual([...OF_THE_DEMO, ...OF_AN_OWN_PLANT].sort());
  }
});

test('pictures of the demo plant', async ({ browser }) => {
  mkdirSync(folder, { recursive: true });
  const t = await target({ minutes: 240, over_s: 300 });
  try {
    for (const language of LANGUAGES) await ofTheDemo(browser, language, t);
  } finally {
    await t.stop();
  }
});

for (const language of LANGUAGES) {
  test(`pictures of a plant of one's own, ${language}`, async ({ browser }) => {
    mkdirSync(folder, { recursive: true });
    await ofAnOwnPlant(browser, language);
  });
}
