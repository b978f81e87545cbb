// A planner's way in both languages: create a technician, give an order to them on the board, move it, see it in the
// calendar; the technician is told by the bell and by mail.
import { type Browser, expect, type Page, test } from '@playwright/test';
import type { NotificationPage, WorkOrder } from '../src/api/types';
import { type Running, serve } from './appliance';
import { type Sink, mailSink } from './mail-sink';
import { addTechnician } from './plan-steps';
import { addPumps, firstStart, read, visit } from './steps';
import { settled, type Language } from './target';
import { allInWords } from './words';

const MAILED = { ar: 'أُسند إليك أمر العمل', en: 'was assigned to you' } as const;
let t: Running;
let sink: Sink;

/** The page's own way of writing: its cookie, its token. */
async function write(page: Page, method: string, path: string, body: unknown): Promise<unknown> {
  const { csrf_token: token } = await read<{ csrf_token: string }>(page, `${t.url}/api/session`);
  const answer = await page.request.fetch(t.url + path, { method, data: body, headers: { 'X-CSRF-Token': token, Origin: t.url } });
  expect(answer.ok(), await answer.text()).toBe(true);
  return answer.json();
}

async function story(browser: Browser, language: Language): Promise<void> {
  const { page, end } = await visit(browser, language);
  await firstStart(page, t.url);
  await page.goto(`${t.url}/assets`);
  await addPumps(page);
  const users = await read<{ id: string; username: string; name: string; role: string }[]>(page, `${t.url}/api/tenant-users`);
  const me = users.find((u) => u.username === 's.alqahtani')!;
  await write(page, 'PUT', `/api/tenant-users/${me.id}`, { username: me.username, name: me.name, role: me.role, email: 'sara@plant.example' });
  const settings = (await read<{ settings: Record<string, unknown> }>(page, `${t.url}/api/session`)).settings;
  await write(page, 'PUT', '/api/settings', { ...settings, language });
  await addTechnician(page, t.url, me.username);
  const assets = await read<{ items: { id: string; code: string }[] }>(page, `${t.url}/api/assets`);
  const order = (await write(page, 'POST', '/api/work-orders', { kind: 'order', title: 'Replace the seal', priority: 'high', asset_id: assets.items[0]!.id })) as WorkOrder;

  await page.goto(`${t.url}/work-orders?tab=board`);
  await settled(page);
  const card = page.locator('.wo-card', { hasText: order.reference! });
  await card.locator('select').selectOption({ index: 1 });
  await expect(page.locator('.bell-n')).toHaveText(/1|١/, { timeout: 20_000 });
  // By keyboard: from draft to the next column the order may go to.
  await card.focus();
  await page.keyboard.press(language === 'ar' ? 'ArrowLeft' : 'ArrowRight');
  await expect(page.locator('.board-col').nth(1)).toContainText(order.reference!);
  await allInWords(page, 'board');
  await page.locator('.bell').click();
  await expect(page.locator('.told-list')).toContainText(order.reference!);
  await allInWords(page, 'notifications');
  await page.locator('.told-text').first().click();
  await expect(page).toHaveURL(new RegExp(`order=${order.id}`));
  await expect(page.locator('.side .history')).toContainText('M-100');
  await allInWords(page, 'panel');
  await expect.poll(async () => (await read<NotificationPage>(page, `${t.url}/api/notifications`)).unread).toBe(0);
  await expect.poll(() => sink.texts().length, { timeout: 60_000 }).toBeGreaterThan(0);
  const mail = sink.texts().find((m) => m.includes(order.reference!))!;
  expect(mail).toContain(MAILED[language]);
  expect(mail).toContain('sara@plant.example');

  await page.goto(`${t.url}/work-orders?tab=calendar&scale=month`);
  await settled(page);
  await allInWords(page, 'calendar');
  await page.goto(`${t.url}/settings`);
  await settled(page);
  await page.locator('.mail-stages').waitFor({ state: 'detached' });
  await page.locator('input[name="address"]').fill('ops@plant.example');
  await page.locator('form:has(input[name="address"]) button[type="submit"]').click();
  await expect(page.locator('.mail-stages li')).toHaveCount(5, { timeout: 30_000 });
  await allInWords(page, 'settings');
  await end();
}

test.describe('planning', () => {
  test.beforeEach(async () => {
    sink = await mailSink();
    t = await serve({ SMTP_URL: sink.url });
  });
  test.afterEach(async () => {
    await t?.stop();
    await sink.stop();
  });
  for (const language of ['ar', 'en'] as const) {
    test(`work is given to a technician, who is told, ${language}`, async ({ browser }) => {
      test.setTimeout(150_000);
      await story(browser, language);
    });
  }
});
