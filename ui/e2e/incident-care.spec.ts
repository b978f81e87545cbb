// Work of people on incidents in both languages: merge with the old address leading on, take it back, attach a photo and
// a statement, remove the photo. Every step is a record that stays.
import { type Browser, expect, type Page, test } from '@playwright/test';
import type { Attachment, IncidentRow } from '../src/api/types';
import { type Running, serve } from './appliance';
import { firstStart, visit } from './steps';
import { settled, type Language } from './target';
import { allInWords } from './words';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg==', 'base64');
/** Two alarms, eight hours and a machine apart: two incidents. */
const JOURNAL = ['Time,Source,Message,State,Priority', '2024-03-05 10:00:00,P-101,Vibration high high,ACT,1', '2024-03-05 18:00:00,K-202,Discharge pressure high high,ACT,1'].join('\n');
let t: Running;

const read = async <T>(page: Page, path: string): Promise<T> => (await (await page.request.get(t.url + path)).json()) as T;

async function decided(page: Page, reason: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.locator('[name="reason"]').fill(reason);
  await dialog.locator('[data-action="decide"]').click();
  await expect(page.getByRole('dialog')).toHaveCount(0, { timeout: 30_000 });
}

async function story(browser: Browser, language: Language): Promise<void> {
  const { page, end } = await visit(browser, language);
  await firstStart(page, t.url);
  await page.goto(`${t.url}/blackbox/investigation`);
  await page.locator('input[type="file"]').setInputFiles({ name: 'alarms.csv', mimeType: 'text/csv', buffer: Buffer.from(JOURNAL) });
  await expect(page.locator('[data-action="investigate"]')).toBeEnabled({ timeout: 60_000 });
  await page.locator('[data-action="investigate"]').click();
  await expect(page.locator('[data-list="found-incidents"] li')).toHaveCount(2, { timeout: 60_000 });
  const { items } = await read<{ items: IncidentRow[] }>(page, '/api/blackbox/incidents?limit=50');
  const [one, other] = [items[0]!, items[1]!];
  await page.goto(`${t.url}/blackbox/incidents/${one.id}`);
  await settled(page);
  await page.locator('[data-action="merge"]').click();
  await page.locator(`[name="other"][value="${other.id}"]`).check();
  await allInWords(page, 'merge');
  await decided(page, 'one upset');
  const changes = page.locator('[data-list="incident-changes"] li');
  await expect(changes.first()).toContainText(other.number);
  // Lists show the survivor, and the old address leads to it.
  const after = await read<{ items: IncidentRow[] }>(page, '/api/blackbox/incidents?limit=50');
  expect(after.items.map((i) => i.id)).not.toContain(other.id);
  await page.goto(`${t.url}/blackbox/incidents/${other.id}`);
  await expect(page).toHaveURL(new RegExp(`/blackbox/incidents/${one.id}`));
  await expect(page.locator('main')).toContainText(other.number);
  await page.locator('[data-action="undo-change"]').click();
  await decided(page, 'two after all');
  await expect(page.locator('[data-action="undo-change"]')).toHaveCount(0);
  await page.goto(`${t.url}/blackbox/incidents/${other.id}`);
  await settled(page);
  await expect(page).toHaveURL(new RegExp(`/blackbox/incidents/${other.id}`));

  await page.locator('[name="attachment"]').setInputFiles({ name: 'pump.png', mimeType: 'image/png', buffer: PNG });
  const photo = page.locator('[data-attachment="pump.png"]').last();
  await expect(photo).toBeVisible();
  await page.locator('[data-action="add-statement"]').click();
  await page.locator('[name="said_by"]').fill('Operator of the night');
  await page.locator('[name="statement"]').fill('It was loud.');
  await page.getByRole('dialog').locator('[type="submit"]').click();
  await expect(page.locator('[data-list="attachments"]')).toContainText('It was loud.');
  await photo.locator('[data-action="remove-attachment"]').click();
  await decided(page, 'wrong pump');
  await expect(photo).toContainText('wrong pump');
  const rows = await read<Attachment[]>(page, `/api/blackbox/incidents/${other.id}/attachments`);
  expect(rows.filter((a) => a.name === 'pump.png').every((a) => a.removal !== null && a.sha256.length === 64)).toBe(true);
  await allInWords(page, 'incident with attachments');
  await end();
}

test.describe('work on incidents', () => {
  test.beforeEach(async () => { t = await serve(); });
  test.afterEach(() => t?.stop());
  for (const language of ['ar', 'en'] as const) {
    test(`incidents are merged, taken apart and documented, ${language}`, async ({ browser }) => {
      test.setTimeout(240_000);
      await story(browser, language);
    });
  }
});
