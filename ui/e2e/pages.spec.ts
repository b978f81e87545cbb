// Every page, both languages, both themes: no accessibility violation of WCAG 2.0–2.2 A and AA, nothing untranslated,
// nothing wider than the window, nothing fetched from elsewhere.
import AxeBuilder from '@axe-core/playwright';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { ROUTES } from '../src/routes';
import { type Running, serve } from './appliance';
import { addresses, dress, type Language, OPEN_ROUTES, settled, signIn, type Target, target, VIEWS } from './target';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'];
const THEMES = { ar: ['light', 'dark'], en: ['dark', 'light'] } as const;
const looked = new Map<string, Set<string>>();
let t: Target;
let empty: Running | null = null;

test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => {
  t = await target();
  // The first start is a page of an appliance without users.
  if (!process.env.OPTRIA_URL) empty = await serve();
});
test.afterAll(async () => {
  await t?.stop();
  await empty?.stop();
});

/** The program follows the system's theme at once. */
async function inTheme(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', theme);
}

async function look(page: Page, route: string, variant: string): Promise<void> {
  const place = `${new URL(page.url()).pathname}${new URL(page.url()).search} ${variant}`;
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const found = violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`);
  expect.soft(found, place).toEqual([]);
  const text = await page.evaluate(() => document.body.innerText);
  expect.soft(text.match(/⟦[^⟧]+⟧/g) ?? [], `untranslated on ${place}`).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(wide, `overflow on ${place}`).toBeLessThanOrEqual(0);
  looked.set(variant, (looked.get(variant) ?? new Set()).add(route));
}

/** A page is opened once and looked at in both themes: it opens in the first one, and is changed to the other. */
async function check(page: Page, route: string, language: Language): Promise<void> {
  await settled(page);
  const [first, other] = THEMES[language];
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', first);
  await look(page, route, `${language} ${first}`);
  await inTheme(page, other);
  await look(page, route, `${language} ${other}`);
  await inTheme(page, first);
}

async function everyPage(browser: Browser, language: Language): Promise<void> {
  const context = await browser.newContext();
  await dress(context, language, 'auto');
  const page = await context.newPage();
  await page.emulateMedia({ colorScheme: THEMES[language][0], reducedMotion: 'reduce' });
  const strangers: string[] = [];
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1' && hostname !== 'localhost') strangers.push(request.url());
  });
  await page.goto(`${t.url}/login`);
  await check(page, '/login', language);
  await page.goto(`${(empty ?? t).url}/setup`);
  await check(page, '/setup', language);
  await signIn(page, t);
  for (const { route, path } of await addresses(context.request, t.url)) {
    if (OPEN_ROUTES.includes(route)) continue;
    for (const view of ['', ...(VIEWS[route] ?? [])]) {
      await page.goto(t.url + path + view);
      await check(page, route, language);
    }
  }
  expect(strangers).toEqual([]);
  await context.close();
}

for (const language of ['ar', 'en'] as const) {
  test(`every page is accessible in both themes, ${language}`, async ({ browser }) => {
    test.setTimeout(900_000);
    await everyPage(browser, language);
  });
}

test('walking through the whole menu twice breaks no page', async ({ browser }) => {
  const context = await browser.newContext();
  await dress(context, 'en', 'light');
  const page = await context.newPage();
  const broken: string[] = [];
  page.on('pageerror', (error) => broken.push(`${new URL(page.url()).pathname}: ${error.message}`));
  await signIn(page, t);
  await page.goto(`${t.url}/`);
  await settled(page);
  // Clicked, not opened by address: only then does one page leave and the next one come in the same document.
  const entries = page.locator('nav.nv a');
  const n = await entries.count();
  expect(n).toBeGreaterThan(5);
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < n; i += 1) {
      const entry = entries.nth(i);
      await entry.click();
      await expect(entry).toHaveAttribute('aria-current', 'page');
      await expect(page.locator('main h1').first()).toBeVisible();
    }
  }
  expect(broken).toEqual([]);
  await context.close();
});

test('the pages looked at are all routes of the program', () => {
  for (const [variant, routes] of looked) expect([...routes].sort(), variant).toEqual(ROUTES.map((r) => r.path).sort());
  expect(looked.size).toBe(4);
});
