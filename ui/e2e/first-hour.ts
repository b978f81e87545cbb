// The first hour, as the guide tells it and in both languages: every numbered step of docs/guides/first-hour(.ar).md is
// done as it is written, by the button, page and user it names, and its time is printed. A step without an action here
// fails, and so does an action whose step is gone.
import { type Browser, expect, type Page, test } from '@playwright/test';
import type { OnboardingProgress, PlantStatus, RootCause } from '../src/api/types';
import { guidesFolder, type GuideStep, steps } from '../vite/guides';
import { accountsIn, demo, plant, type Running, serve, verifyFile } from './appliance';
import { exportEvidence, exportReport } from './evidence-steps';
import { named, plantIsNow, play } from './incident-steps';
import { addTechnician, enterCosts, makePlan, scored } from './plan-steps';
import { addSource, mapTags, trust } from './source-steps';
import { addPumps, firstStart, read, visit } from './steps';
import { type Language, settled, signIn } from './target';

/** What the guide tells: the user, the machine, the fault, and the rule that explains it. */
const TOLD = { user: 'demo@aramco.com', machine: 'P-102A', fault: 'bearing_wear', over_s: '300', rule: 'CP-BRG' } as const;

interface Hour {
  browser: Browser;
  language: Language;
  /** The demo appliance, and the page that is open in it. */
  demo: Running;
  page: Page;
  incident: string;
  /** The person's own plant, from the last section on. */
  own: { source: Running; appliance: Running; page: Page; end: () => Promise<void> } | null;
}

const goTo = async (page: Page, path: string) => {
  await page.locator(`nav.nv a[href^="${path}"]`).first().click();
  await settled(page);
};

async function enter(hour: Hour): Promise<void> {
  const account = accountsIn(hour.demo.output()).find((a) => a.username === TOLD.user);
  expect(account, 'the start prints the user of the guide').toBeDefined();
  await signIn(hour.page, { url: hour.demo.url, username: account!.username, password: account!.password, stop: hour.demo.stop });
}

/** By the buttons of the header; both stay with the account. */
async function chooseLooks({ page, demo: { url }, language }: Hour): Promise<void> {
  const html = page.locator('html');
  const speak = async (wanted: Language) => {
    await page.locator(`[data-action="switch-language"][lang="${wanted}"]`).click();
    await expect(html).toHaveAttribute('lang', wanted);
  };
  if ((await html.getAttribute('lang')) === language) await speak(language === 'ar' ? 'en' : 'ar');
  await speak(language);
  await expect(html).toHaveAttribute('dir', language === 'ar' ? 'rtl' : 'ltr');
  const scheme = () => html.getAttribute('data-mantine-color-scheme');
  for (const wanted of [(await scheme()) === 'dark' ? 'light' : 'dark', await scheme()]) {
    await page.locator('[data-action="switch-theme"]').click();
    await expect.poll(scheme).toBe(wanted);
  }
  const kept = async () => (await read<{ settings: { language: string; theme: string } }>(page, `${url}/api/session`)).settings;
  await expect.poll(kept).toMatchObject({ language, theme: await scheme() });
}

async function waitForNow({ page, demo: { url } }: Hour): Promise<void> {
  await plantIsNow(page, url);
  await page.goto(url);
  await settled(page);
}

async function breakIt({ page }: Hour): Promise<void> {
  await goTo(page, '/demo-plant');
  await page.locator('[name="fault"]').selectOption(TOLD.fault);
  await page.locator('[name="asset"]').selectOption(TOLD.machine);
  await page.locator('[name="over"]').selectOption(TOLD.over_s);
  await page.locator('form button[type="submit"]').click();
  await expect(page.locator('.fault', { hasText: TOLD.machine })).toBeVisible();
}

/** Warning, then critical, then protection trips the pump. */
async function watch({ page, demo: { url } }: Hour): Promise<void> {
  await goTo(page, '/digital-twin');
  const card = page.locator(`[data-asset="${TOLD.machine}"]`);
  const seen: string[] = [];
  await expect
    .poll(async () => {
      const status = (await card.getAttribute('data-status')) ?? '';
      if (seen.at(-1) !== status) seen.push(status);
      return (await read<PlantStatus>(page, `${url}/api/plant`)).tripped.includes(TOLD.machine) && seen.includes('critical');
    }, { timeout: 480_000, intervals: [1_000] })
    .toBe(true);
  const warning = seen.indexOf('warning');
  expect(warning, `warning comes first: ${seen.join(', ')}`).toBeGreaterThanOrEqual(0);
  expect(seen.indexOf('critical'), `critical comes after: ${seen.join(', ')}`).toBeGreaterThan(warning);
}

async function findTheIncident(hour: Hour): Promise<void> {
  const { page, demo: { url } } = hour;
  await goTo(page, '/blackbox');
  hour.incident = await named(page, url, TOLD.machine, TOLD.rule);
  await page.reload();
  await expect(page.locator(`a[href*="/blackbox/incidents/${hour.incident}"]`).first()).toBeVisible();
}

async function readWhy({ page, demo: { url }, language, incident }: Hour): Promise<void> {
  await page.locator(`a[href*="/blackbox/incidents/${incident}"]`).first().click();
  await settled(page);
  const cause = await read<RootCause>(page, `${url}/api/blackbox/incidents/${incident}/root-cause`);
  const first = page.locator('.hypothesis').first();
  await expect(first.locator('.hypothesis-head')).toContainText(cause.hypotheses[0]!.names[language]);
  await expect(first.locator('.evidence').first().locator('li').first()).toBeVisible();
}

async function playIt({ page, demo: { url }, incident }: Hour): Promise<void> {
  await play(page, url, incident);
  await expect(page.locator('.seq table')).toHaveAttribute('aria-rowcount', /^[2-9]|^\d\d/);
}

async function orderTheWork({ page, demo: { url }, incident }: Hour): Promise<void> {
  await page.locator('[data-action="order-advice"]').first().click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.locator('[name="title"]')).toHaveValue(new RegExp(TOLD.machine));
  await dialog.locator('button[type="submit"]').click();
  await expect(dialog).toHaveCount(0);
  const orders = await read<{ total: number }>(page, `${url}/api/work-orders?incident_id=${incident}`);
  expect(orders.total).toBeGreaterThan(0);
}

async function takeItAlong(hour: Hour): Promise<void> {
  // The order has a page of its own; the way leads back to its incident.
  await hour.page.goto(`${hour.demo.url}/blackbox/incidents/${hour.incident}`);
  await settled(hour.page);
  expect(await exportReport(hour.page, hour.language)).toMatch(/^DEMO-.*\.pdf$/);
  const { file, keys } = await exportEvidence(hour.page, hour.demo, 'first-hour');
  expect(verifyFile(file, keys), 'it says that it is a demo').toMatchObject({ exit: 1, reason: 'appliance_only', demo: true });
}

/** A plant of one's own is another appliance, empty, beside a server that it does not know yet. */
async function connect(hour: Hour): Promise<void> {
  const [source, appliance] = await Promise.all([plant(), serve()]);
  const { page, end } = await visit(hour.browser, hour.language);
  hour.own = { source, appliance, page, end };
  await firstStart(page, appliance.url);
  await page.locator('[data-notice="first-steps"] a[href^="/onboarding"]').click();
  await settled(page);
  await page.locator('[data-door="/assets"]').click();
  await addPumps(page);
  await addSource(page, appliance.url, source);
  await trust(page);
}

async function map({ own }: Hour): Promise<void> {
  const { page, appliance } = own!;
  await mapTags(page, appliance.url);
  const { steps: all } = await read<OnboardingProgress>(page, `${appliance.url}/api/integrations/onboarding/progress`);
  expect(all.find((step) => step.key === 'signal_mapping')?.missing.map((m) => m.message.code) ?? []).not.toContain('onboarding.source_unmapped');
}

async function plan({ own, language }: Hour): Promise<void> {
  const { page, appliance } = own!;
  await enterCosts(page, appliance.url, { default_downtime_cost_per_hour: '18000', risk_appetite: '0.5', 'cost_per_asset_family.centrifugal_pump.planned': '6000', 'cost_per_asset_family.centrifugal_pump.failure': '90000' });
  await addTechnician(page, appliance.url, 's.alqahtani');
  await goTo(page, '/optimization');
  await scored(page, appliance.url);
  await makePlan(page, language === 'ar' ? 'أول خطة' : 'First plan', '', '');
}

/** By the section of the guide and the number in it. */
const ACTIONS: Record<string, (hour: Hour) => Promise<void>> = {
  'start-it 1': enter,
  'start-it 2': chooseLooks,
  'start-it 3': waitForNow,
  'break-something 1': breakIt,
  'break-something 2': watch,
  'break-something 3': findTheIncident,
  'read-the-incident 1': readWhy,
  'read-the-incident 2': playIt,
  'read-the-incident 3': orderTheWork,
  'read-the-incident 4': takeItAlong,
  'then-with-your-own-plant 1': connect,
  'then-with-your-own-plant 2': map,
  'then-with-your-own-plant 3': plan,
};

/** What a step spells in code is what the action uses. */
function spelled(step: GuideStep): void {
  const words: Record<string, string[]> = { 'start-it 1': [TOLD.user], 'break-something 1': [TOLD.machine], 'break-something 2': [TOLD.machine] };
  for (const word of words[step.key] ?? []) expect(step.text, step.key).toContain(word);
}

for (const language of ['ar', 'en'] as const) {
  test.describe(`first hour, ${language}`, () => {
    const told = steps(guidesFolder(), 'first-hour', language);
    let hour: Hour | null = null;
    test.afterEach(async () => {
      await hour?.own?.appliance.stop();
      await hour?.own?.source.stop();
      await hour?.demo.stop();
      hour = null;
    });

    test('every step of the guide has an action, and every action a step', () => {
      expect(told.map((step) => step.key)).toEqual(Object.keys(ACTIONS));
      told.forEach(spelled);
    });

    test('the guide is followed to its end', async ({ browser }) => {
      test.setTimeout(2_400_000);
      const begun = Date.now();
      const running = await demo(360);
      const { page, end } = await visit(browser, language);
      hour = { browser, language, demo: running, page, incident: '', own: null };
      const times = [`   ${Math.round((Date.now() - begun) / 1_000)} s  the demo starts`];
      for (const { key, text } of told) {
        const at = Date.now();
        await test.step(`${key}: ${text.slice(0, 60)}`, () => ACTIONS[key]!(hour!));
        times.push(`   ${Math.round((Date.now() - at) / 1_000)} s  ${key}`);
      }
      console.log([`the first hour, ${language}: ${Math.round((Date.now() - begun) / 60_000)} min`, ...times].join('\n'));
      await end();
      await hour.own!.end();
    });
  });
}
