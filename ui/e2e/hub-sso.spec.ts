// Signing in at the hub through a provider, in both languages: an organisation's administrator sets one up, tests it and
// looks at what it sends; a person comes in by it; the owner of the platform sets one up of his own and names who may
// come in.
import { type Browser, expect, type Page, test } from '@playwright/test';
import { type RunningHub, startHub } from './hub';
import { dialog, type HubSteps, looksRight, OWN, stepsAt } from './hub-steps';
import { type Provider, provider } from './oidc';
import { atProvider, fillProvider, read, visit } from './steps';
import { type Language, settled } from './target';

let hub: RunningHub;
let op: Provider;
let at: HubSteps;

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
  test.setTimeout(200_000);
  hub = await startHub();
  op = await provider(`${hub.url}/auth/sso/callback`);
  at = stepsAt(hub);
});
test.afterAll(async () => {
  await op?.stop();
  await hub?.stop();
});

async function setUp(page: Page, givesRoles: boolean): Promise<void> {
  await page.goto(`${hub.url}/sso`);
  await settled(page);
  await looksRight(page, 'no provider');
  await page.locator('[data-action="add-provider"]').first().click();
  await fillProvider(page, op.issuer, givesRoles);
  await looksRight(page, 'provider form');
  await dialog(page).locator('button[type="submit"]').click();
  await expect(dialog(page)).toHaveCount(0);
  await page.locator('[data-action="test-provider"]').click();
  await expect(page.locator('[data-test-result="ok"]')).toBeVisible({ timeout: 30_000 });
  await looksRight(page, 'provider tested');
}

async function preview(page: Page, outcome: 'ok' | 'failed'): Promise<void> {
  await page.locator('[data-action="preview-provider"]').click();
  await atProvider(page, 'sara');
  await page.waitForURL(/\/sso\?provider=/);
  await expect(page.locator(`[data-preview="${outcome}"]`)).toBeVisible();
  await looksRight(page, 'claims');
}

async function comesIn(browser: Browser, language: Language, code: string, role: string): Promise<void> {
  const { page, end } = await visit(browser, language);
  await page.goto(`${hub.url}/?tenant=${code}`);
  await page.locator('[data-provider="Company ID"]').waitFor();
  await looksRight(page, 'the door with a provider');
  await page.locator('[data-provider="Company ID"]').click();
  await atProvider(page, 'sara');
  await page.locator('nav.nv').waitFor();
  expect(await read<{ role: string }>(page, `${hub.url}/api/session`)).toMatchObject({ username: 'sara@company.example', role });
  // An answer counts once, and why it failed is said here.
  await page.context().clearCookies();
  await page.goto(`${hub.url}/auth/sso/callback?code=x&state=used`);
  await expect(page.locator('[data-code="sso.state_unknown"]')).toBeVisible();
  await looksRight(page, 'why it failed');
  await end();
}

async function nameOwner(page: Page): Promise<void> {
  await page.locator('[data-action="add-person"]').click();
  await dialog(page).locator('[name="named_by"]').selectOption('subject');
  await dialog(page).locator('[name="value"]').fill('sara');
  await looksRight(page, 'naming a person');
  await dialog(page).locator('button[type="submit"]').click();
  await expect(page.locator('[data-person="sara"]')).toBeVisible();
  await looksRight(page, 'who comes in as owner');
}

test('an organisation signs in through its provider (ar)', async ({ browser }) => {
  test.setTimeout(200_000);
  const owner = await visit(browser, 'ar');
  await at.ownerSignsIn(owner.page);
  const tenant = await at.addTenant(owner.page, 'jubail');
  const admin = await visit(browser, 'ar');
  await at.atTheDoor(admin.page, 'jubail', 'sara', tenant.password);
  await at.ownPassword(admin.page, tenant.password);
  await admin.page.locator('nav.nv').waitFor();
  await setUp(admin.page, true);
  await preview(admin.page, 'ok');
  await comesIn(browser, 'ar', 'jubail', 'engineer');
  await admin.end();
  await owner.end();
});

test('owners of the platform come in when they are named, and the other pages in English (en)', async ({ browser }) => {
  test.setTimeout(200_000);
  const owner = await visit(browser, 'en');
  await at.ownerSignsIn(owner.page);
  await setUp(owner.page, false);
  // Nobody is named yet: the test says that this person would stay out.
  await preview(owner.page, 'failed');
  await nameOwner(owner.page);
  await comesIn(browser, 'en', '', 'platform_owner');
  const admin = await visit(browser, 'en');
  await at.atTheDoor(admin.page, 'jubail', 'sara', OWN);
  await admin.page.locator('nav.nv').waitFor();
  await admin.page.goto(`${hub.url}/sso`);
  await expect(admin.page.locator('[data-provider="Company ID"]')).toBeVisible();
  await looksRight(admin.page, 'a provider of the organisation');
  await admin.end();
  await owner.end();
});
