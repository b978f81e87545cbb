// Steps of people at the hub and at a plant that enrols with it, for the stories that begin there.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import { type RunningHub, totp } from './hub';
import { settled } from './target';
import { allInWords } from './words';

export const OWN = 'a quiet morning at the dunes';
const STEP = 30_000;

/** In words, and open to everybody: WCAG 2.0 to 2.2, A and AA; nothing wider than the window. */
export async function looksRight(page: Page, step: string): Promise<void> {
  await allInWords(page, step);
  await isAccessible(page, step);
}

export async function isAccessible(page: Page, step: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
  expect.soft(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`), step).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(wide, `${step}: overflow`).toBeLessThanOrEqual(0);
}

const submit = (page: Page) => page.locator('main button[type="submit"]').click();
export const dialog = (page: Page) => page.getByRole('dialog');

export type HubSteps = ReturnType<typeof stepsAt>;

export function stepsAt(hub: RunningHub) {
  /** The secret of the platform owner's second factor, once it is set up, and when its last code was used. */
  let secret = '';
  let usedAt = 0;

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
  async function enrol(page: Page, url: string, code: string): Promise<void> {
    await page.goto(`${url}/sync`);
    await settled(page);
    const fields = page.locator('main form input.in');
    await fields.nth(0).fill(hub.forAppliances);
    await fields.nth(1).fill(code);
    await page.locator('main form input[type="checkbox"]').check();
    await submit(page);
    await page.locator('input[name="level"]').first().waitFor();
  }

  /** At the plant: everything up to a level may leave, and the audit. */
  async function letLeave(page: Page, level: 2 | 3): Promise<void> {
    await page.locator('input[name="level"]').nth(level - 1).check();
    await page.locator('fieldset input[type="checkbox"]').check();
    await page.locator('form', { has: page.locator('input[name="level"]') }).locator('button[type="submit"]').click();
    await page.locator('.toast:not(.critical)').first().waitFor();
  }

  return { atTheDoor, ownPassword, ownerSignsIn, addTenant, newCode, enrol, letLeave };
}
