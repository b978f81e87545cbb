// The hub end to end, in both languages: the platform owner signs in with a second factor, adds an organisation with its
// administrator, a plant enrols by code and lets its records leave, its incident is read at headquarters and its copy
// checked; another organisation sees nothing of it; no secret of a connection is anywhere in the hub's database.
import AxeBuilder from '@axe-core/playwright';
import { type APIRequestContext, type Browser, expect, type Page, test } from '@playwright/test';
import { accountsIn, demo, type Running, serve } from './appliance';
import { type RunningHub, startHub, totp } from './hub';
import { firstStart, visit } from './steps';
import { type Language, settled, signIn } from './target';
import { allInWords } from './words';

const OWN = 'a quiet morning at the dunes';
const CANARY = 'canary-7Qz-of-a-connection';
const PLANT = 'Jubail train 1';
const STEP = 30_000;

let hub: RunningHub;
let plant: Running;
let empty: Running;
/** The secret of the platform owner's second factor, once it is set up, and when its last code was used. */
let secret = '';
let usedAt = 0;

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
  test.setTimeout(400_000);
  [hub, plant, empty] = await Promise.all([startHub(), demo(), serve()]);
});
test.afterAll(async () => {
  await plant?.stop();
  await empty?.stop();
  await hub?.stop();
});

/** In words, and open to everybody: WCAG 2.0 to 2.2, A and AA; nothing wider than the window. */
async function looksRight(page: Page, step: string): Promise<void> {
  await allInWords(page, step);
  await isAccessible(page, step);
}

async function isAccessible(page: Page, step: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
  expect.soft(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`), step).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(wide, `${step}: overflow`).toBeLessThanOrEqual(0);
}

const submit = (page: Page) => page.locator('main button[type="submit"]').click();
const dialog = (page: Page) => page.getByRole('dialog');

/** Name and password at the door; the organisation stays empty for a platform owner. */
async function atTheDoor(page: Page, tenant: string, username: string, password: string): Promise<void> {
  await page.goto(hub.url);
  await page.locator('[name="tenant"]').fill(tenant);
  await page.locator('[name="username"]').fill(username);
  await page.locator('[name="password"]').fill(password);
  await submit(page);
}

async function ownPassword(page: Page, temporary: string): Promise<void> {
  const fields = page.locator('input[autocomplete="current-password"], input[autocomplete="new-password"]');
  await expect(fields).toHaveCount(2);
  await looksRight(page, 'own password');
  await fields.nth(0).fill(temporary);
  await fields.nth(1).fill(OWN);
  await submit(page);
}

async function typeCode(page: Page): Promise<void> {
  // A code counts once: the next one is of a later step.
  while (Math.floor(Date.now() / STEP) <= Math.floor(usedAt / STEP)) await page.waitForTimeout(500);
  usedAt = Date.now();
  await page.locator('[name="code"]').fill(totp(secret, usedAt));
  await submit(page);
}

async function ownerSignsIn(page: Page): Promise<void> {
  const isFirst = secret === '';
  await page.goto(hub.url);
  await page.locator('[name="tenant"]').waitFor();
  await looksRight(page, 'the door');
  await atTheDoor(page, '', hub.owner.username, isFirst ? hub.owner.password : OWN);
  if (isFirst) {
    await ownPassword(page, hub.owner.password);
    await expect(page.locator('input')).toHaveCount(0);
    await looksRight(page, 'second factor');
    await submit(page);
    secret = (await page.locator('[data-secret]').textContent()) ?? '';
  }
  await page.locator('[name="code"]').waitFor();
  await looksRight(page, 'code');
  await typeCode(page);
  await page.locator('nav.nv').waitFor();
}

/** The value of the last row of what is shown once. */
async function shownOnce(page: Page): Promise<string> {
  const value = (await dialog(page).locator('.password').last().textContent()) ?? '';
  await looksRight(page, 'shown once');
  await dialog(page).locator('.actions .btn.pri').click();
  await expect(dialog(page)).toHaveCount(0);
  return value;
}

async function addTenant(page: Page, code: string): Promise<{ id: string; password: string }> {
  await page.goto(`${hub.url}/admin/tenants`);
  await settled(page);
  await page.locator('.ph .btn.pri').click();
  await dialog(page).locator('[name="code"]').fill(code);
  await dialog(page).locator('[name="ar"]').fill('شركة الساحل');
  await dialog(page).locator('[name="en"]').fill(`Sahel ${code}`);
  await looksRight(page, 'organisation form');
  await dialog(page).locator('button[type="submit"]').click();
  await expect(page.locator('table').getByText(code, { exact: true })).toBeVisible();
  await looksRight(page, 'organisations');
  const all = (await (await page.request.get(`${hub.url}/api/admin/tenants`)).json()) as { id: string; code: string }[];
  const id = all.find((tenant) => tenant.code === code)!.id;
  await page.goto(`${hub.url}/admin/users`);
  await settled(page);
  await page.locator('.ph .btn.pri').click();
  await dialog(page).locator('[name="tenant"]').selectOption(id);
  await dialog(page).locator('[name="username"]').fill('sara');
  await dialog(page).locator('[name="name"]').fill('سارة القحطاني');
  await looksRight(page, 'user form');
  await dialog(page).locator('button[type="submit"]').click();
  await dialog(page).locator('.password').first().waitFor();
  return { id, password: await shownOnce(page) };
}

async function newCode(page: Page, tenant: string, name: string): Promise<string> {
  await page.goto(`${hub.url}/admin/appliances`);
  await settled(page);
  await page.locator('.ph .btn.pri').click();
  await dialog(page).locator('[name="tenant"]').selectOption(tenant);
  await dialog(page).locator('[name="name"]').fill(name);
  await dialog(page).locator('button[type="submit"]').click();
  await dialog(page).locator('.password').waitFor();
  return shownOnce(page);
}

/** At the plant: enrols by its page. */
async function enrol(page: Page, url: string, code: string, name: string): Promise<void> {
  await page.goto(`${url}/sync`);
  await settled(page);
  const fields = page.locator('main form input.in');
  await fields.nth(0).fill(hub.url);
  await fields.nth(1).fill(code);
  await fields.nth(2).fill(name);
  await page.locator('main form input[type="checkbox"]').check();
  await submit(page);
  await page.locator('input[name="level"]').first().waitFor();
}

/** At the plant: incidents, events and the audit may leave. */
async function letLeave(page: Page): Promise<void> {
  await page.locator('input[name="level"]').nth(1).check();
  await page.locator('fieldset input[type="checkbox"]').check();
  await page.locator('form', { has: page.locator('input[name="level"]') }).locator('button[type="submit"]').click();
  await page.locator('.toast, [role="status"]').first().waitFor();
}

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
  await ownerSignsIn(owner.page);
  const tenant = await addTenant(owner.page, 'jubail');
  const code = await newCode(owner.page, tenant.id, PLANT);
  const there = await visit(browser, language);
  const admin = accountsIn(plant.output()).find((account) => account.role === 'platform_owner')!;
  await signIn(there.page, { url: plant.url, ...admin, stop: () => Promise.resolve() });
  await prepare(there.page);
  await enrol(there.page, plant.url, code, PLANT);
  await letLeave(there.page);
  await there.end();
  const person = await visit(browser, language);
  await atTheDoor(person.page, 'jubail', 'sara', tenant.password);
  await ownPassword(person.page, tenant.password);
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
  await ownerSignsIn(owner.page);
  const tenant = await addTenant(owner.page, 'yanbu');
  const code = await newCode(owner.page, tenant.id, 'Yanbu train 1');
  const there = await visit(browser, 'en');
  await firstStart(there.page, empty.url);
  await enrol(there.page, empty.url, code, 'Yanbu train 1');
  await there.end();
  await owner.page.goto(`${hub.url}/admin/appliances`);
  await expect(owner.page.locator('table.tb tbody tr')).toHaveCount(2);
  await looksRight(owner.page, 'fleet');
  await owner.end();
  const stranger = await visit(browser, 'en');
  await atTheDoor(stranger.page, 'yanbu', 'sara', tenant.password);
  await ownPassword(stranger.page, tenant.password);
  await stranger.page.locator('nav.nv').waitFor();
  await settled(stranger.page);
  await expect(stranger.page.locator('main .state')).toBeVisible();
  await looksRight(stranger.page, 'no incident');
  await stranger.page.goto(`${hub.url}/events`);
  await expect(stranger.page.locator('main .state')).toBeVisible();
  await stranger.page.goto(`${hub.url}/plants`);
  await expect(stranger.page.getByText('Yanbu train 1')).toBeVisible();
  await expect(stranger.page.getByText(PLANT)).toHaveCount(0);
  await stranger.end();
  const person = await visit(browser, 'en');
  await atTheDoor(person.page, 'jubail', 'sara', OWN);
  await person.page.locator('nav.nv').waitFor();
  await headquarters(person.page);
  await person.end();
});
