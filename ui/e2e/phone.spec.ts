// A phone: on the first screen of the twin and over the timeline of an incident stands what one came for. Filters wait
// behind a button, which the keyboard opens and which says how many are in use.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { addresses, dress, type Language, settled, signIn, type Target, target } from './target';
import { allInWords } from './words';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'];
let t: Target;
test.beforeAll(async () => { t = await target(); });
test.afterAll(async () => t.stop());

async function opensByKeyboard(page: Page, step: string): Promise<void> {
  const search = page.locator('.folding input[type="search"]');
  const button = page.locator('.folding > .btn');
  const first = page.locator('.fold-in select').first();
  await expect(button).toHaveAttribute('aria-expanded', 'false');
  await expect(first).toBeHidden();
  await search.focus();
  await page.keyboard.press('Tab');
  await expect(button).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(button).toHaveAttribute('aria-expanded', 'true');
  await page.keyboard.press('Tab');
  await expect(first).toBeFocused();
  await expect(button.locator('.count')).toHaveCount(0);
  await first.selectOption({ index: 1 });
  await expect(button.locator('.count')).toHaveText('1');
  await allInWords(page, step);
  const { violations } = await new AxeBuilder({ page }).include('.folding').withTags(TAGS).analyze();
  expect(violations.map((v) => v.id), step).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, `overflow of ${step}`).toBeLessThanOrEqual(0);
  await button.press('Enter');
  await expect(first).toBeHidden();
}

for (const language of ['ar', 'en'] as const satisfies readonly Language[]) {
  test(`filters leave the screen to what they filter (${language})`, async ({ browser }) => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    await dress(context, language, 'light');
    const page = await context.newPage();
    await signIn(page, t);
    await page.goto(`${t.url}/digital-twin`);
    await settled(page);
    // Half of the screen, whatever else the plant has to say above them.
    expect((await page.locator('.card').first().boundingBox())?.y).toBeLessThan(844 / 2);
    await opensByKeyboard(page, 'twin');

    const incident = (await addresses(context.request, t.url)).find((a) => a.route === '/blackbox/incidents/:id');
    await page.goto(t.url + incident!.path);
    await settled(page);
    const bar = page.locator('.folding');
    await expect(bar).toBeVisible();
    expect((await bar.boundingBox())?.height).toBeLessThan(60);
    await opensByKeyboard(page, 'incident');

    // With room for them they stand there, and the button does not.
    await page.setViewportSize({ width: 1366, height: 768 });
    await expect(page.locator('.fold-in select').first()).toBeVisible();
    await expect(page.locator('.folding > .btn')).toBeHidden();
    await context.close();
  });
}
