// The way to the values of a plant: an OPC UA connection, encrypted and with a user; the certificate is trusted by its
// fingerprint, and tags of a pump are mapped.
import { expect, type Page } from '@playwright/test';
import { PLANT_PASSWORD, type Running } from './appliance';
import { choose, runTest } from './steps';

const TAGS = [
  { tag: 'VIB_DE', metric: 'vibration_de' },
  { tag: 'BRG_TEMP_DE', metric: 'bearing_temperature_de' },
  { tag: 'DIS_PRESS', metric: 'discharge_pressure' },
];

/** The form of an encrypted OPC UA connection to `source`, with a user. */
export async function fillSource(page: Page, url: string, source: Running): Promise<void> {
  await page.goto(`${url}/integrations/new`);
  await page.locator('.kind-card', { hasText: 'OPC UA' }).click();
  await page.locator('[name="name"]').fill('DCS');
  await page.locator('[name="endpoint_url"]').fill(source.url);
  await choose(page, 'security_mode', ['None', 'Sign', 'SignAndEncrypt'], 'SignAndEncrypt');
  await choose(page, 'auth_type', ['Anonymous', 'UsernamePassword', 'Certificate'], 'UsernamePassword');
  await page.locator('[name="username"]').fill('plant');
  await page.locator('[name="password"]').fill(PLANT_PASSWORD);
}

export async function saveSource(page: Page): Promise<void> {
  await page.locator('form.pane button[type="submit"]').click();
  await expect(page).toHaveURL(/\/integrations\/[0-9a-f-]{36}/);
}

export async function addSource(page: Page, url: string, source: Running): Promise<void> {
  await fillSource(page, url, source);
  await saveSource(page);
}

/** The test finds a certificate that nobody vouches for; its page opens, with the decision still to be made. */
export async function meetTheCertificate(page: Page): Promise<void> {
  await runTest(page);
  await expect(page.locator('[data-test-result="failed"]')).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('[data-stage="security"]')).toHaveAttribute('data-status', 'failed');
  await page.locator('[data-stage="security"] .btn').click();
  await expect(page.locator('.decide')).toBeVisible();
}

/** The last four pairs decide; wrong ones are refused. Then the test passes. */
export async function decide(page: Page): Promise<void> {
  const accept = page.locator('.decide .btn.pri');
  await expect(accept).toBeDisabled();
  // The person reads the last four pairs; here they come from the server's side of the wire.
  const shown = await page.locator('.fp').first().locator('.tag').allInnerTexts();
  await page.locator('[name="fingerprint_tail"]').fill('00 00 00 00');
  await accept.click();
  await expect(page.locator('.decide [role="alert"]')).toBeVisible();
  await page.locator('[name="fingerprint_tail"]').fill(shown.slice(-4).join(' '));
  await accept.click();
  await expect(page.locator('.decide')).toHaveCount(0);
  await page.goto(page.url().replace(/\?.*/, ''));
  await runTest(page);
  await expect(page.locator('[data-test-result="ok"]')).toBeVisible({ timeout: 60_000 });
}

export async function trust(page: Page): Promise<void> {
  await meetTheCertificate(page);
  await decide(page);
}

/** The page of the mapping is open. */
async function mapTag(page: Page, tag: string, metric: string): Promise<void> {
  await page.locator('.tree').waitFor();
  await page.locator('.mapping input[type="search"]').first().fill(`P102A.${tag}`);
  const node = page.locator('.tree .node', { hasText: `P102A.${tag}` }).or(page.locator(`.tree .node:has([title$="P102A.${tag}"])`)).first();
  await node.dblclick();
  const dialog = page.locator('[role="dialog"]');
  await expect(dialog.locator('[name="external_tag"]')).toHaveValue(new RegExp(`P102A\\.${tag}$`));
  await dialog.locator('input.mantine-Select-input').fill('P-102A');
  await page.locator('[role="listbox"] [role="option"]', { hasText: 'P-102A' }).click();
  await dialog.locator('[name="metric"]').selectOption(metric);
  await expect(dialog.locator('[data-preview="ok"]')).toBeVisible();
  await dialog.locator('button[type="submit"]').click();
  await expect(dialog).toHaveCount(0);
}

/** Three tags of P-102A, and their values arrive. */
export async function mapTags(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.locator('nav.nv a[href*="data-mapping"]').click();
  for (const { tag, metric } of TAGS) await mapTag(page, tag, metric);
  // Live values arrive in the table of mapped tags.
  await expect(page.locator('table .q.b')).toHaveCount(TAGS.length, { timeout: 60_000 });
}
