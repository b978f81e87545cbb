// A planner's steps: costs, a technician, work that can be planned, a run and its plan.
import { expect, type Page } from '@playwright/test';
import { settled } from './target';
import { allInWords } from './words';

export async function addTechnician(page: Page, url: string, username: string): Promise<void> {
  await page.goto(`${url}/technicians`);
  await settled(page);
  await allInWords(page, 'no technicians');
  await page.locator('.ph .btn.pri').click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('[name="code"]').fill('M-100');
  await dialog.locator('[name="name_ar"]').fill('فهد العتيبي');
  await dialog.locator('[name="name_en"]').fill('Fahad Al-Otaibi');
  await dialog.locator('[name="username"]').fill(username);
  await dialog.locator('.offers .chip').first().click();
  await dialog.locator('[data-action="week-of-shifts"]').click();
  await allInWords(page, 'technician form');
  await dialog.locator('button[type="submit"]').click();
  await expect(dialog).toHaveCount(0);
  await expect(page.locator('table')).toContainText('M-100');
  await allInWords(page, 'technicians');
}

/** Costs by the names of their fields; in a tenant without any the form is opened first. */
export async function enterCosts(page: Page, url: string, values: Record<string, string>): Promise<void> {
  await page.goto(`${url}/integrations?tab=costs`);
  await settled(page);
  const first = page.locator('[data-action="start-costs"]');
  if (await first.count()) await first.click();
  for (const [field, value] of Object.entries(values)) await page.locator(`[name="${field}"]`).fill(value);
  await page.locator('[name="comment"]').fill('2026');
  const saved = page.waitForResponse((r) => r.url().endsWith('/cost-models/active') && r.request().method() === 'PUT');
  await page.locator('[data-action="save-costs"]').click();
  expect((await saved).status()).toBe(200);
  await allInWords(page, 'costs');
}

/** Starts a run and waits for its plan; answers with the id of the run. */
export async function makePlan(page: Page, name: string, budget: string, must: string): Promise<string> {
  await page.locator('[name="name"]').fill(name);
  await page.locator('[name="budget"]').fill(budget);
  await page.locator('[name="must_do"]').fill(must);
  await page.locator('[name="iterations"]').fill('3000');
  const started = page.waitForResponse((r) => r.url().endsWith('/api/optimization/run'));
  await page.locator('[data-action="run-plan"]').click();
  const { scenario_id: id } = (await (await started).json()) as { scenario_id: string };
  await expect(page).toHaveURL(new RegExp(`run=${id}`));
  await expect(page.locator('[data-plan]').getByText(name, { exact: true })).toBeVisible({ timeout: 120_000 });
  await expect(page.locator('[data-plan="done"]')).toBeVisible();
  return id;
}

/** An asset with a score; the first ones come a minute after the start. */
export async function scored(page: Page, url: string): Promise<{ code: string }> {
  let found: { code: string } | undefined;
  await expect(async () => {
    const { assets } = (await (await page.request.get(`${url}/api/optimization/status`)).json()) as { assets: { code: string }[] };
    found = assets.find((a) => a.code.startsWith('LV-') || a.code.startsWith('P-'));
    expect(found).toBeDefined();
  }).toPass({ timeout: 180_000, intervals: [2_000] });
  return found!;
}
