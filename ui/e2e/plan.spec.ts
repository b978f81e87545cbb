// The way of a planner, in both languages: the cost model is changed, a plan is made and watched, a constraint is
// changed, both plans are compared, and the better one becomes work orders.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { enterCosts, makePlan, scored } from './plan-steps';
import { dress, type Language, settled, signIn, type Target, target } from './target';
import { allInWords } from './words';

let t: Target;
test.beforeAll(async () => { t = await target(); });
test.afterAll(async () => t.stop());

async function changeCosts(page: Page, amount: string): Promise<void> {
  await page.goto(`${t.url}/integrations?tab=costs`);
  await settled(page);
  const field = page.locator('[name="default_downtime_cost_per_hour"]');
  await field.fill('—');
  await page.locator('[data-action="save-costs"]').click();
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await enterCosts(page, t.url, { default_downtime_cost_per_hour: amount });
}

for (const language of ['ar', 'en'] as const satisfies readonly Language[]) {
  test(`a plan is made, compared and published (${language})`, async ({ browser }) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    await dress(context, language, 'light');
    const page = await context.newPage();
    await signIn(page, t);
    await changeCosts(page, language === 'ar' ? '18000' : '21000');

    await page.locator('nav.nv a[href^="/optimization"]').click();
    await settled(page);
    const must = await scored(page, t.url);
    const tight = await makePlan(page, `tight ${language}`, '10000', '');
    const free = await makePlan(page, `free ${language}`, '', must.code);
    await allInWords(page, 'ranked list');
    const axe = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
    expect(axe.violations.map((v) => v.id)).toEqual([]);

    for (const tab of ['schedule', 'deferral', 'inputs']) {
      await page.locator(`[data-tab="${tab}"]`).click();
      await allInWords(page, tab);
    }
    await page.locator('[data-tab="compare"]').click();
    await page.goto(`${t.url}/optimization?run=${free}&tab=compare&with=${tight}`);
    await expect(page.locator('[data-compare]')).toBeVisible();
    await allInWords(page, 'comparison');

    await page.goto(`${t.url}/optimization?run=${free}`);
    // The first one sets up the typesetter.
    const kept = page.waitForEvent('download', { timeout: 90_000 });
    await page.locator('[data-action="plan-pdf"]').click();
    expect((await kept).suggestedFilename()).toMatch(/^DEMO-plan-[0-9a-f]{12}\.pdf$/);
    const boxes = page.locator('tbody .chkbox');
    await expect(boxes.first()).toBeVisible();
    await boxes.first().check();
    await page.locator('[data-action="publish-plan"]').click();
    await page.locator('[role="dialog"] .btn.pri').click();
    await expect(page.locator('[data-published="1"]')).toBeVisible();
    await page.locator('[data-published] a').click();
    await expect(page).toHaveURL(/\/work-orders/);
    await settled(page);
    const orders = (await (await page.request.get(`${t.url}/api/work-orders?origin=recommendation`)).json()) as { total: number };
    expect(orders.total).toBeGreaterThan(0);
    await context.close();
  });
}
