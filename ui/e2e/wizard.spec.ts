// The wizard, in both languages: from an empty appliance to two scored pumps, one read from a PI server and one from a
// PostgreSQL database. Both sources are refused at first, because nothing vouches for their certificates; the failed step
// says what is missing, the certificate of the authority is pasted, and the test passes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, expect, type Page, test } from '@playwright/test';
import type { Assessment } from '../src/api/types';
import { database, plant, plantCommand, PLANT_PASSWORD, READER_PASSWORD, type Running, serve } from './appliance';
import { addPumps, choose, firstStart, read, runTest, visit } from './steps';
import type { Language } from './target';
import { allInWords } from './words';

let source: Running;
let records: Running;
let appliance: Running;

const step = (page: Page, key: string) => page.locator(`[data-step="${key}"]`);

async function backToTheSteps(page: Page): Promise<void> {
  await page.locator('nav.nv a[href^="/onboarding"]').click();
  await step(page, 'profile').waitFor();
}

const done = (page: Page, key: string) => expect(step(page, key)).toHaveAttribute('data-done', 'true', { timeout: 60_000 });

async function profile(page: Page): Promise<void> {
  // An empty dashboard leads to the first steps by itself.
  await page.locator('[data-notice="first-steps"] a[href^="/onboarding"]').click();
  await expect(step(page, 'profile')).toHaveAttribute('aria-current', 'step');
  await allInWords(page, 'first steps');
  await page.locator('[data-door="/assets"]').click();
  await addPumps(page);
  await allInWords(page, 'assets');
  await backToTheSteps(page);
  await page.locator('[data-action="mark-profile"]').click();
  await done(page, 'profile');
}

async function newSource(page: Page, kind: string): Promise<void> {
  await backToTheSteps(page);
  await step(page, 'integrations').click();
  await page.locator('[data-door="/integrations/new"]').click();
  await page.locator(`[data-kind="${kind}"]`).click();
}

const save = async (page: Page) => {
  await page.locator('form.pane button[type="submit"]').click();
  await expect(page).toHaveURL(/\/integrations\/[0-9a-f-]{36}/);
};

/** The failed step names itself, says why in the language of the page, and what to do. */
async function refused(page: Page, language: Language): Promise<void> {
  await runTest(page);
  await expect(page.locator('[data-test-result="failed"]')).toBeVisible({ timeout: 60_000 });
  const failed = page.locator('.stages [data-status="failed"]');
  await expect(failed).toHaveCount(1);
  await expect(failed).toHaveAttribute('data-stage', 'security');
  const words = await failed.locator('.note.critical span').first().innerText();
  expect(words.length, 'cause and remedy').toBeGreaterThan(60);
  expect(/[\u0600-\u06ff]{3}/.test(words)).toBe(language === 'ar');
  await allInWords(page, 'failed test');
}

async function accepted(page: Page, authority: string): Promise<void> {
  await page.locator('textarea[name="tls_ca"]').fill(readFileSync(authority, 'utf8'));
  await runTest(page);
  await expect(page.locator('[data-test-result="ok"]')).toBeVisible({ timeout: 60_000 });
  expect(await page.locator('.stages [data-status="ok"]').count()).toBeGreaterThan(3);
  await allInWords(page, 'passed test');
}

async function look(page: Page): Promise<void> {
  await page.locator('[data-action="look"]').click();
  await expect(page.locator('.rows-box tbody tr').first()).toBeVisible({ timeout: 60_000 });
  await allInWords(page, 'preview');
}

async function piServer(page: Page, language: Language): Promise<void> {
  await newSource(page, 'pi');
  await allInWords(page, 'form of a PI server');
  await page.locator('[name="name"]').fill('PI');
  await page.locator('[name="pi_webapi_url"]').fill(/^pi (\S+)$/m.exec(source.output())![1]!);
  await page.locator('[name="username"]').fill('plant');
  await page.locator('[name="password"]').fill(PLANT_PASSWORD);
  await save(page);
  await refused(page, language);
  await accepted(page, join(source.folder, 'https/ca.pem'));
  await look(page);
}

/** A list the source is asked for: the button asks, the list answers. */
async function pick(page: Page, field: string, value: string): Promise<void> {
  const row = page.locator('.sf-row', { has: page.locator(`input[name="${field}"]`) });
  await row.getByRole('button').first().click();
  const offer = row.locator(`select option[value$="${value}"]`);
  await expect(offer).toHaveCount(1, { timeout: 30_000 });
  const whole = (await offer.getAttribute('value'))!;
  await row.locator('select').selectOption(whole);
  await expect(row.locator(`input[name="${field}"]`)).toHaveValue(whole);
}

async function postgres(page: Page, language: Language): Promise<void> {
  await newSource(page, 'sql');
  await allInWords(page, 'form of a database');
  await page.locator('[name="name"]').fill('Maintenance records');
  await choose(page, 'db_type', ['postgres', 'mysql', 'sqlserver', 'oracle'], 'postgres');
  const [host, port] = records.url.split(':') as [string, string];
  for (const [field, value] of Object.entries({ host, port, database_name: 'plant', username: 'reader', password: READER_PASSWORD })) {
    await page.locator(`[name="${field}"]`).fill(value);
  }
  // Not saved yet: a draft is tested as well, and lends what it reaches to its own lists.
  await page.locator('[name="table_name"]').fill('history');
  await page.locator('[name="timestamp_column"]').fill('ts');
  await refused(page, language);
  await page.locator('textarea[name="tls_ca"]').fill(readFileSync(join(records.folder, 'ca.pem'), 'utf8'));
  await page.locator('[name="table_name"]').fill('');
  await page.locator('[name="timestamp_column"]').fill('');
  for (const [field, value] of [['table_name', 'history'], ['timestamp_column', 'ts'], ['tag_column', 'tag'], ['value_column', 'value']] as const) await pick(page, field, value);
  await allInWords(page, 'filled form');
  await look(page);
  await save(page);
  await accepted(page, join(records.folder, 'ca.pem'));
}

/** From the step to many tags of a source: every place the matcher found is taken; the comparison refuses what can't be, and the rest is applied. */
async function mapMany(page: Page, name: string, choose: () => Promise<void>, named: string): Promise<void> {
  await backToTheSteps(page);
  await step(page, 'signal_mapping').click();
  await page.locator('[data-missing="onboarding.source_unmapped"]', { hasText: name }).getByRole('link').click();
  await choose();
  await page.locator('[data-action="find-tags"]').click();
  await expect(page.locator('[data-table="review"] tbody tr').first()).toBeVisible({ timeout: 60_000 });
  const rows = await page.locator('[data-table="review"] tbody tr').allInnerTexts();
  for (const row of rows) expect(row).toContain(named);
  await allInWords(page, 'suggestions');
  await page.locator('.review-bar button').first().click();
  await page.locator('[data-action="check-bulk"]').click();
  await allInWords(page, 'comparison');
  await page.locator('[data-action="apply-bulk"]').click();
  await expect(page.locator('[role="dialog"]')).toHaveCount(0, { timeout: 60_000 });
}

async function ofAsset(page: Page, code: string): Promise<void> {
  await page.locator('[data-field="of_asset"]').fill(code);
  await page.getByRole('option', { name: code }).click();
}

/** Until its time has met the clock, the plant's newest values are old ones. */
const plantIsNow = () => expect.poll(() => plantCommand(source.folder, 'status'), { timeout: 120_000, intervals: [1_000] }).toContain('"catching_up": false');

async function scored(page: Page): Promise<void> {
  await backToTheSteps(page);
  for (const key of ['profile', 'integrations', 'connection_tests', 'signal_mapping']) await done(page, key);
  await allInWords(page, 'finished steps');
  await page.locator('[data-scored] [data-action="run"]').click();
  await expect(page.locator('[data-job="done"]')).toBeVisible({ timeout: 120_000 });
  const { items } = await read<{ items: { id: string; code: string }[] }>(page, `${appliance.url}/api/assets?limit=10`);
  expect(items.map((asset) => asset.code).sort()).toEqual(['P-102A', 'P-102B']);
  for (const { id, code } of items) {
    const { assessment } = await read<{ assessment: Assessment }>(page, `${appliance.url}/api/twin/${id}`);
    expect.soft(assessment.withheld_message, `${code} has a score`).toBeNull();
    expect.soft(assessment.health, `${code} is well`).toBeGreaterThan(50);
    expect.soft(assessment.coverage, `${code} is scored from its values`).toBeGreaterThan(0.5);
  }
  await expect(page.locator('[data-scored]')).toHaveAttribute('data-scored', '2', { timeout: 30_000 });
  await allInWords(page, 'finished run');
  await page.locator('[data-action="open-scored"]').click();
  await expect(page).toHaveURL(/\/assets\/[0-9a-f-]{36}/);
  await expect(page.locator('.two-scores .num').first()).toHaveText(/\d/);
  await allInWords(page, 'scored asset');
}

async function wizard(browser: Browser, language: Language): Promise<void> {
  const { page, end } = await visit(browser, language);
  await firstStart(page, appliance.url);
  await allInWords(page, 'empty dashboard');
  await profile(page);
  await piServer(page, language);
  await postgres(page, language);
  // A PI server names points by their instruments; their descriptions say the machine, and the asset is all one chooses.
  await mapMany(page, 'PI', () => ofAsset(page, 'P-102A'), 'P-102A');
  await mapMany(page, 'Maintenance records', () => page.locator('[name="pattern"]').fill('P102B*'), 'P102B');
  await plantIsNow();
  await scored(page);
  await expect(page.locator('html')).toHaveAttribute('dir', language === 'ar' ? 'rtl' : 'ltr');
  await end();
}

test.describe('first start to a score', () => {
  test.beforeAll(async () => {
    [source, records] = await Promise.all([plant(), database()]);
  });
  test.afterAll(async () => {
    await records?.stop();
    await source?.stop();
  });
  test.beforeEach(async () => {
    appliance = await serve();
  });
  test.afterEach(() => appliance?.stop());

  for (const language of ['ar', 'en'] as const) {
    test(`the wizard, ${language}`, async ({ browser }) => {
      test.setTimeout(400_000);
      await wizard(browser, language);
    });
  }
});
