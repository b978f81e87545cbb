// The cable is out, in both languages: a plant and its hub live in network namespaces of their own, joined by one cable. It
// is pulled, work goes on and the backlog grows; it is put back, and all of it arrives without another record. Then the
// same by files alone, with the cable out to the end: written on the plant's page, read on the hub's, receipts back, once as
// a file and once as pictures of the QR codes that the hub shows.
import { readFile } from 'node:fs/promises';
import { type Browser, expect, type Locator, type Page, test } from '@playwright/test';
import { type Running, serveAt } from './appliance';
import { type Cable, canLayCable, layCable } from './cable';
import { type RunningHub, startHub } from './hub';
import { type HubSteps, looksRight, stepsAt } from './hub-steps';
import { firstStart, read, visit } from './steps';
import { type Language, settled } from './target';

interface Sync {
  state: string;
  backlog: number;
  unconfirmed: number;
  confirmed: number;
  last_receipt_at: number | null;
}

/** Where the plant's page brings what came back. */
const IMPORT = '/api/sync/courier/import';

let cable: Cable;
let hub: RunningHub;
let at: HubSteps;
let plants: Record<Language, Running>;

test.describe.configure({ mode: 'serial' });
test.skip(!canLayCable(), 'it takes the right to make network namespaces');
test.beforeAll(async () => {
  test.setTimeout(300_000);
  cable = layCable();
  hub = await startHub(cable.hub);
  at = stepsAt(hub);
  const [ar, en] = await Promise.all([serveAt(cable.plant), serveAt(cable.plant)]);
  plants = { ar: ar!, en: en! };
});
test.afterAll(async () => {
  for (const plant of Object.values(plants ?? {})) await plant.stop();
  await hub?.stop();
  await cable?.end();
});

const syncOf = (page: Page, plant: Running) => read<Sync>(page, `${plant.url}/api/sync`);

async function until(page: Page, plant: Running, what: string, is: (sync: Sync) => boolean): Promise<Sync> {
  await expect.poll(async () => is(await syncOf(page, plant)), { message: what, timeout: 120_000 }).toBe(true);
  return syncOf(page, plant);
}

/** Work at the plant: each of it is recorded. */
async function work(page: Page, plant: Running, code: string): Promise<void> {
  const session = await read<{ csrf_token: string }>(page, `${plant.url}/api/session`);
  const headers = { Origin: plant.url, 'X-CSRF-Token': session.csrf_token };
  const data = { code, names: { en: `Site ${code}`, ar: `موقع ${code}` }, time_zone: 'Asia/Riyadh' };
  const made = await page.request.post(`${plant.url}/api/sites`, { headers, data });
  expect(made.ok(), await made.text()).toBe(true);
}

async function show(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await settled(page);
}

/** A file that the browser saves when something is clicked. */
async function saved(page: Page, click: () => Promise<void>): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  // It is gone with the visit.
  return readFile(await download.path());
}

/** What the fleet page says of the plant: nothing is left there. */
async function isSyncedAtTheHub(page: Page, name: string): Promise<void> {
  const fleet = await read<{ name: string; last_receipt_at: number | null }[]>(page, `${hub.url}/api/admin/appliances`);
  expect(fleet.find((one) => one.name === name)?.last_receipt_at).not.toBeNull();
  await show(page, `${hub.url}/admin/appliances`);
  await expect(page.locator('table.tb').getByText(name)).toBeVisible();
  await looksRight(page, 'fleet');
}

/** How many records of a tenant the hub holds, and how many there would be if none were doubled. */
function held(tenant: string): [number, number] {
  const [all, once] = hub.rows(tenant, 'SELECT count(*), count(DISTINCT rec) FROM sync_log').trim().split('|').map(Number);
  return [all!, once!];
}

/** Work that waits at the plant, written into a file on its page. */
async function written(page: Page, plant: Running, area: string, confirmed: number): Promise<Buffer> {
  for (let n = 0; n < 10; n += 1) await work(page, plant, `${area}${n}`);
  await until(page, plant, 'to be written', (sync) => sync.state === 'to_write' && sync.backlog >= 10);
  await show(page, `${plant.url}/sync`);
  const courier = page.locator('section', { has: page.locator('input[type="file"][accept^=".oqr,.oqc"]') });
  const bundle = await saved(page, () => courier.locator('.btn.pri').click());
  const sent = await until(page, plant, 'on its way', (sync) => sync.unconfirmed >= 10);
  expect(sent.confirmed).toBe(confirmed);
  return bundle;
}

/** The same file read on the hub's page; what is shown of it. */
async function taken(page: Page, bundle: Buffer): Promise<Locator> {
  await show(page, `${hub.url}/admin/appliances`);
  const chosen = page.locator('input[type="file"][accept=".oqb"]');
  await chosen.setInputFiles({ name: 'plant.oqb', mimeType: 'application/octet-stream', buffer: bundle });
  const courier = page.locator('section', { has: chosen });
  await expect(courier.locator('.btn.pri')).toBeVisible();
  return courier;
}

/** What somebody photographs off the hub's page: each code of the receipts. */
async function photographed(courier: Locator): Promise<Buffer[]> {
  await courier.locator('button[aria-expanded="false"]').click();
  const sheet = courier.locator('[data-receipts]');
  const codes = sheet.locator('figure svg.qr');
  await expect(codes).toHaveCount(Number(await sheet.getAttribute('data-receipts')));
  const pictures: Buffer[] = [];
  for (const code of await codes.all()) pictures.push(await code.screenshot());
  expect(pictures.length).toBeGreaterThan(0);
  return pictures;
}

/** Pictures chosen on the plant's page, one after the other. */
async function looked(page: Page, pictures: Buffer[]): Promise<void> {
  for (const [n, buffer] of pictures.entries()) {
    const [answer] = await Promise.all([
      page.waitForResponse((response) => new URL(response.url()).pathname === IMPORT && response.request().method() === 'POST'),
      page.locator('input[type="file"][accept="image/*"]').setInputFiles({ name: `code-${n}.png`, mimeType: 'image/png', buffer }),
    ]);
    expect(answer.status(), await answer.text()).toBe(200);
  }
}

async function theCable(browser: Browser, language: Language): Promise<void> {
  const plant = plants[language];
  const name = `Train ${language}`;
  const owner = await visit(browser, language);
  await at.ownerSignsIn(owner.page);
  const tenant = await at.addTenant(owner.page, `cable-${language}`);
  const code = await at.newCode(owner.page, tenant.id, name);
  const there = await visit(browser, language);
  await firstStart(there.page, plant.url);
  await at.enrol(there.page, plant.url, code);
  await at.letLeave(there.page, 3);
  const before = await until(there.page, plant, 'in step', (sync) => sync.backlog === 0 && sync.confirmed > 0 && sync.state === 'registered');
  expect(held(tenant.id)[0]).toBe(before.confirmed);

  cable.pull();
  for (let n = 0; n < 20; n += 1) await work(there.page, plant, `A${n}`);
  const out = await until(there.page, plant, 'cut off', (sync) => sync.state === 'disconnected' && sync.backlog >= 20);
  expect(out.confirmed).toBe(before.confirmed);
  await show(there.page, `${plant.url}/sync`);
  await expect(there.page.locator('.st.warning').first()).toBeVisible();
  await looksRight(there.page, 'the cable is out');
  expect(held(tenant.id)[0]).toBe(before.confirmed);

  cable.plug();
  const back = await until(there.page, plant, 'drained', (sync) => sync.backlog === 0 && sync.state === 'registered');
  expect(back.confirmed).toBeGreaterThanOrEqual(before.confirmed + 20);
  expect(back.last_receipt_at).toBeGreaterThan(before.last_receipt_at!);
  await show(there.page, `${plant.url}/sync`);
  await expect(there.page.locator('table.tb tbody tr').first()).toBeVisible();
  await looksRight(there.page, 'the cable is back');
  expect(held(tenant.id)).toEqual([back.confirmed, back.confirmed]);
  await isSyncedAtTheHub(owner.page, name);

  // The same without any line.
  cable.pull();
  const choice = there.page.locator('form', { has: there.page.locator('input[name="level"]') });
  await choice.locator('[role="radiogroup"] [role="radio"]').nth(1).click();
  await choice.locator('button[type="submit"]').click();
  await expect(there.page.locator('input[type="file"][accept^=".oqr,.oqc"]')).toHaveCount(1);
  const first = await written(there.page, plant, 'B', back.confirmed);
  await looksRight(there.page, 'a file is on its way');
  const receipts = (await taken(owner.page, first)).locator('.btn.pri');
  await looksRight(owner.page, 'a file was read');
  const answer = await saved(owner.page, () => receipts.click());
  await there.page.locator('input[type="file"][accept^=".oqr,.oqc"]').setInputFiles({ name: 'hub.oqr', mimeType: 'application/octet-stream', buffer: answer });
  const done = await until(there.page, plant, 'confirmed', (sync) => sync.unconfirmed === 0 && sync.confirmed >= back.confirmed + 10);
  expect(held(tenant.id)).toEqual([done.confirmed, done.confirmed]);
  await looksRight(there.page, 'the receipt is back');

  // Where no file goes back: the codes on the hub's page, photographed.
  const second = await written(there.page, plant, 'C', done.confirmed);
  const courier = await taken(owner.page, second);
  const pictures = await photographed(courier);
  await looksRight(owner.page, 'the codes of the receipts');
  await owner.end();
  await looked(there.page, pictures);
  const seen = await until(there.page, plant, 'confirmed by pictures', (sync) => sync.unconfirmed === 0 && sync.confirmed >= done.confirmed + 10);
  expect(held(tenant.id)).toEqual([seen.confirmed, seen.confirmed]);
  await looksRight(there.page, 'the pictures were read');
  await there.end();
  cable.plug();
}

for (const language of ['ar', 'en'] as const) {
  test(`the cable is out and back in, and then everything goes by files (${language})`, async ({ browser }) => {
    test.setTimeout(600_000);
    await theCable(browser, language);
  });
}
