// Users and signing in through a provider, in both languages: an administrator sets a provider up, tests it, looks at
// what it sends, and a person signs in with it; a user is edited, a token is made and ended, sessions are ended.
import { type Browser, expect, type Page, test } from '@playwright/test';
import type { TenantUser } from '../src/api/types';
import { type Running, serve } from './appliance';
import { type Provider, provider } from './oidc';
import { atProvider, fillProvider, firstStart, read, visit } from './steps';
import { type Language, settled } from './target';
import { allInWords } from './words';

let t: Running;
let op: Provider;

async function setUp(page: Page): Promise<void> {
  await page.goto(`${t.url}/integrations?tab=sso`);
  await settled(page);
  await allInWords(page, 'no provider');
  await page.locator('[data-action="add-provider"]').first().click();
  const dialog = page.getByRole('dialog');
  await fillProvider(page, op.issuer, true);
  await allInWords(page, 'provider form');
  await dialog.locator('button[type="submit"]').click();
  await expect(dialog).toHaveCount(0);
  await page.locator('[data-action="test-provider"]').click();
  await expect(page.locator('[data-test-result="ok"]')).toBeVisible({ timeout: 30_000 });
  await allInWords(page, 'provider tested');
}

async function preview(page: Page): Promise<void> {
  await page.locator('[data-action="preview-provider"]').click();
  await atProvider(page, 'sara');
  await page.waitForURL(/tab=sso/);
  await expect(page.locator('[data-preview="ok"]')).toContainText('reliability');
  await allInWords(page, 'claims');
}

async function signsIn(browser: Browser, language: Language): Promise<void> {
  const { page, end } = await visit(browser, language);
  await page.goto(`${t.url}/login?next=%2Fassets`);
  await page.locator('[data-provider="Company ID"]').waitFor();
  await allInWords(page, 'sign in');
  await page.locator('[data-provider="Company ID"]').click();
  await atProvider(page, 'sara');
  await page.waitForURL(/\/assets$/);
  const session = await read<{ username: string; role: string }>(page, `${t.url}/api/session`);
  expect(session).toMatchObject({ username: 'sara@company.example', role: 'engineer' });
  await page.goto(`${t.url}/settings`);
  await settled(page);
  await allInWords(page, 'settings of who signs in through a provider');
  // An answer counts once.
  await page.goto(`${t.url}/auth/sso/callback?code=x&state=used`);
  await page.context().clearCookies({ name: /^optria_\d/ });
  await page.goto(`${t.url}/login?sso=failed`);
  await expect(page.locator('[data-code="sso.state_unknown"]')).toBeVisible();
  await allInWords(page, 'why it failed');
  await end();
}

async function users(page: Page): Promise<void> {
  const all = await read<TenantUser[]>(page, `${t.url}/api/tenant-users`);
  const sara = all.find((u) => u.username === 'sara@company.example')!;
  await page.goto(`${t.url}/users?user=${sara.id}`);
  await settled(page);
  await expect(page.locator('aside.side')).toContainText('Company ID');
  await allInWords(page, 'a user of the provider');
  await page.locator('[data-action="edit-user"]').click();
  await expect(page.getByRole('dialog').locator('[name="role"]')).toBeDisabled();
  await allInWords(page, 'what the provider decides');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.locator('[data-action="end-sessions"]').click();
  await page.getByRole('dialog').locator('.btn.danger').click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  expect(await read<unknown[]>(page, `${t.url}/api/tenant-users/${sara.id}/sessions`)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  await settled(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1440, height: 900 });
}

async function tokens(page: Page): Promise<void> {
  await page.goto(`${t.url}/settings`);
  await settled(page);
  await page.locator('[data-action="add-token"]').click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('[name="name"]').fill('report');
  await dialog.locator('[name="assets.read"]').check();
  await allInWords(page, 'token form');
  await dialog.locator('button[type="submit"]').click();
  const token = (await page.locator('.password').innerText()).trim();
  expect(token).toMatch(/^oiq_/);
  await allInWords(page, 'token shown once');
  await page.getByRole('dialog').locator('.btn.pri').click();
  const headers = { Authorization: `Bearer ${token}` };
  expect((await fetch(`${t.url}/api/sites`, { headers })).status).toBe(200);
  await page.locator('[data-token="report"] .btn.danger').click();
  await page.getByRole('dialog').locator('.btn.danger').click();
  await expect(page.locator('[data-token="report"]')).toHaveCount(0);
  expect((await fetch(`${t.url}/api/sites`, { headers })).status).toBe(401);
}

async function story(browser: Browser, language: Language): Promise<void> {
  const { page, end } = await visit(browser, language);
  await firstStart(page, t.url);
  op = await provider(`${t.url}/auth/sso/callback`);
  await setUp(page);
  await preview(page);
  await signsIn(browser, language);
  await users(page);
  await tokens(page);
  await end();
}

test.describe('single sign-on', () => {
  test.beforeEach(async () => {
    t = await serve();
  });
  test.afterEach(async () => {
    await op?.stop();
    await t?.stop();
  });
  for (const language of ['ar', 'en'] as const) {
    test(`a person signs in through a provider, ${language}`, async ({ browser }) => {
      test.setTimeout(150_000);
      await story(browser, language);
    });
  }
});
