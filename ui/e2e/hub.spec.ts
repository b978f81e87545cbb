// The hub end to end, in both languages: the platform owner signs in with a second factor, adds an organisation with its
// administrator, a plant enrols by code and lets its records leave, its incident is read at headquarters and its copy
// checked; another organisation sees nothing of it; no secret of a connection is anywhere in the hub's database.
import { type APIRequestContext, type Browser, expect, type Page, test } from '@playwright/test';
import { accountsIn, demo, type Running, serve } from './appliance';
import { type RunningHub, startHub } from './hub';
import { type HubSteps, isAccessible, looksRight, OWN, stepsAt } from './hub-steps';
import { firstStart, visit } from './steps';
import { type Language, settled, signIn } from './target';

const CANARY = 'canary-7Qz-of-a-connection';
const PLANT = 'Jubail train 1';

let hub: RunningHub;
let plant: Running;
let empty: Running;
let at: HubSteps;

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
  test.setTimeout(400_000);
  [hub, plant, empty] = await Promise.all([startHub(), demo(), serve()]);
  at = stepsAt(hub);
});
test.afterAll(async () => {
  await plant?.stop();
  await empty?.stop();
  await hub?.stop();
});

async function csrf(request: APIRequestContext, url: string): Promise<Record<string, string>> {
  const session = (await (await request.get(`${url}/api/session`)).json()) as { csrf_token: string };
  return { Origin: url, 'X-CSRF-Token': session.csrf_token };
}

/** A connection with a secret, and a fault that protection ends: an incident. */
async function prepare(page: Page): Promise<void> {
  const headers = await csrf(page.request, plant.url);
  const config = { db_type: 'postgres', host: '127.0.0.1', port: 9, database_name: 'plant', username: 'reader', password: CANARY, ssl_mode: 'disable', data_mode: 'raw_table', table_name: 'history', timestamp_column: 't', tag_column: 'tag', value_column: 'v' };
  const made = await page.request.post(`${plant.url}/api/integrations/`, { headers, data: { kind: 'sql', name: 'History of the canary', config, is_enabled: true } });
  expect(made.ok(), await made.text()).toBe(true);
  const injected = await page.request.post(`${plant.url}/api/plant/inject`, { headers, data: { asset: 'P-102A', fault: 'bearing_wear', over_s: 60 } });
  expect(injected.ok(), await injected.text()).toBe(true);
}

/** The audit and the diagnostics name codes beside their words, on purpose. */
async function wordsAndCodes(page: Page): Promise<void> {
  expect(await page.locator('main').innerText()).not.toContain('⟦');
  await isAccessible(page, page.url());
}

/** Every page of headquarters, with the incident of the plant opened and checked. */
async function headquarters(page: Page): Promise<void> {
  await expect(page.locator('table.tb tbody tr').first()).toBeVisible({ timeout: 300_000 });
  await looksRight(page, 'incidents');
  await page.locator('table.tb tbody a').first().click();
  await expect(page.locator('[data-check="intact"]')).toBeVisible({ timeout: 30_000 });
  await looksRight(page, 'incident');
  for (const path of ['/events', '/plants', '/people', '/audit']) {
    await page.goto(hub.url + path);
    await settled(page);
    await expect(page.locator('table.tb tbody tr').first()).toBeVisible();
    if (path !== '/audit') await looksRight(page, path);
    else await wordsAndCodes(page);
  }
  await page.goto(`${hub.url}/plants`);
  await expect(page.getByText(PLANT)).toBeVisible();
  // What the plant tells at the third level: its assets with their state, and its key figures.
  await page.goto(`${hub.url}/assets`);
  await expect(page.locator('table.tb').getByText('P-102A', { exact: true })).toBeVisible();
  await looksRight(page, 'assets');
  await page.goto(`${hub.url}/kpis`);
  await expect(page.locator('table.tb tbody tr').first()).toBeVisible();
  await looksRight(page, 'key figures');
  // No plan was published there.
  await page.goto(`${hub.url}/plans`);
  await expect(page.locator('main .state')).toBeVisible();
  await looksRight(page, 'plans');
}

/** Rows of all tables of the hub, as the tenant's transactions see them, that hold a text, plain or as bytes. */
function places(tenant: string, text: string): string[] {
  const tables = hub.rows(tenant, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").trim().split('\n');
  const hex = Buffer.from(text).toString('hex');
  return tables.filter((table) => {
    const found = hub.rows(tenant, `SELECT count(*) FROM ${table} t WHERE position('${text}' in t::text) > 0 OR position('${hex}' in t::text) > 0`);
    return Number(found.trim()) > 0;
  });
}

async function organisationWithAPlant(browser: Browser, language: Language): Promise<{ id: string }> {
  const owner = await visit(browser, language);
  await at.ownerSignsIn(owner.page);
  const tenant = await at.addTenant(owner.page, 'jubail');
  const code = await at.newCode(owner.page, tenant.id, PLANT);
  const there = await visit(browser, language);
  const admin = accountsIn(plant.output()).find((account) => account.role === 'platform_owner')!;
  await signIn(there.page, { url: plant.url, ...admin, stop: () => Promise.resolve() });
  await prepare(there.page);
  await at.enrol(there.page, plant.url, code);
  await at.letLeave(there.page, 3);
  await there.end();
  const person = await visit(browser, language);
  await at.atTheDoor(person.page, 'jubail', 'sara', tenant.password);
  await at.ownPassword(person.page, tenant.password);
  await person.page.locator('nav.nv').waitFor();
  await headquarters(person.page);
  await person.end();
  await owner.page.goto(`${hub.url}/admin/appliances`);
  await settled(owner.page);
  await expect(owner.page.getByText(PLANT)).toBeVisible();
  await looksRight(owner.page, 'fleet');
  await owner.page.goto(`${hub.url}/admin/audit`);
  await settled(owner.page);
  await wordsAndCodes(owner.page);
  await owner.page.goto(`${hub.url}/admin/diagnostics`);
  await settled(owner.page);
  await expect(owner.page.locator('table.tb tbody tr').first()).toBeVisible();
  await wordsAndCodes(owner.page);
  await owner.end();
  return tenant;
}

test('an organisation, its plant and its incident at headquarters (ar)', async ({ browser }) => {
  test.setTimeout(600_000);
  const tenant = await organisationWithAPlant(browser, 'ar');
  // The look through the database sees texts and bytes: the plant's name, the kind of its records.
  expect(places(tenant.id, PLANT)).toContain('appliances');
  expect(places(tenant.id, 'epoch_open')).toContain('sync_log');
  expect(places(tenant.id, CANARY)).toEqual([]);
});

test('another organisation sees nothing of it, the first one all of it (en)', async ({ browser }) => {
  test.setTimeout(600_000);
  const owner = await visit(browser, 'en');
  await at.ownerSignsIn(owner.page);
  const tenant = await at.addTenant(owner.page, 'yanbu');
  const code = await at.newCode(owner.page, tenant.id, 'Yanbu train 1');
  const there = await visit(browser, 'en');
  await firstStart(there.page, empty.url);
  await at.enrol(there.page, empty.url, code);
  await there.end();
  await owner.page.goto(`${hub.url}/admin/appliances`);
  await expect(owner.page.locator('table.tb tbody tr')).toHaveCount(2);
  await looksRight(owner.page, 'fleet');
  await owner.end();
  const stranger = await visit(browser, 'en');
  await at.atTheDoor(stranger.page, 'yanbu', 'sara', tenant.password);
  await at.ownPassword(stranger.page, tenant.password);
  await stranger.page.locator('nav.nv').waitFor();
  await settled(stranger.page);
  await expect(stranger.page.locator('main .state')).toBeVisible();
  await looksRight(stranger.page, 'no incident');
  for (const path of ['/events', '/assets', '/kpis', '/plans']) {
    await stranger.page.goto(hub.url + path);
    await expect(stranger.page.locator('main .state')).toBeVisible();
    await looksRight(stranger.page, `none: ${path}`);
  }
  await stranger.page.goto(`${hub.url}/plants`);
  await expect(stranger.page.getByText('Yanbu train 1')).toBeVisible();
  await expect(stranger.page.getByText(PLANT)).toHaveCount(0);
  await stranger.end();
  const person = await visit(browser, 'en');
  await at.atTheDoor(person.page, 'jubail', 'sara', OWN);
  await person.page.locator('nav.nv').waitFor();
  await headquarters(person.page);
  await person.end();
});
