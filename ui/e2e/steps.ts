// Steps a person takes on the way from the first start to a source, for the stories that begin there.
import { type Browser, type BrowserContextOptions, expect, type Page } from '@playwright/test';
import { dress, type Language } from './target';

const PASSWORD = 'a long enough pass phrase';

export interface Visit {
  page: Page;
  /** Ends the visit; whatever a page threw fails the test. */
  end: () => Promise<void>;
}

export async function visit(browser: Browser, language: Language, looks: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ locale: language === 'ar' ? 'ar-SA' : 'en-GB', ...looks });
  await dress(context, language, 'light');
  const page = await context.newPage();
  const thrown: string[] = [];
  page.on('pageerror', (error) => thrown.push(error.message));
  const end = async () => {
    expect(thrown).toEqual([]);
    await context.close();
  };
  return { page, end };
}

export const read = async <T>(page: Page, url: string): Promise<T> => (await (await page.request.get(url)).json()) as T;

/** The account's own language and look decide once somebody has signed in. */
export async function speak(page: Page, url: string, language: Language): Promise<void> {
  const session = await read<{ csrf_token: string; settings: object }>(page, `${url}/api/session`);
  const headers = { 'X-CSRF-Token': session.csrf_token, Origin: url };
  const saved = await page.request.put(`${url}/api/settings`, { headers, data: { ...session.settings, language, theme: 'light' } });
  expect(saved.ok()).toBe(true);
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', language);
}

/** Names the organisation and its first administrator. */
export async function firstStart(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await expect(page).toHaveURL(/\/setup$/);
  await page.locator('[name="tenant_ar"]').fill('شركة الساحل');
  await page.locator('[name="tenant_en"]').fill('Sahel Company');
  await page.locator('[name="name"]').fill('سارة القحطاني');
  await page.locator('[name="username"]').fill('s.alqahtani');
  await page.locator('[name="password"]').fill(PASSWORD);
  await page.locator('[name="again"]').fill(PASSWORD);
  await page.locator('button[type="submit"]').click();
  // The owner's temporary password is shown once, then the dashboard opens.
  await expect(page.locator('.password')).not.toBeEmpty();
  await page.locator('.actions .btn.pri').click();
  await page.locator('nav.nv').waitFor();
}

export async function addPlace(page: Page, kind: 'site' | 'unit', code: string, ar: string, en: string): Promise<void> {
  await page.locator(`[data-action="add-${kind}"]`).click();
  const dialog = page.locator('[role="dialog"]');
  await dialog.locator('[name="code"]').fill(code);
  await dialog.locator('[name="name_ar"]').fill(ar);
  await dialog.locator('[name="name_en"]').fill(en);
  await dialog.locator('button[type="submit"]').click();
  await expect(dialog).toHaveCount(0);
}

/** Two pumps of one unit, from a file; the page of assets is open. */
export async function addPumps(page: Page): Promise<void> {
  await addPlace(page, 'site', 'RAS', 'معمل الرأس', 'Ras plant');
  await addPlace(page, 'unit', 'U100', 'الفصل وتثبيت المكثفات', 'Separation');
  await page.locator('[data-action="import"]').click();
  const rows = [
    'code,family,site,unit,criticality,name_en,name_ar,upstream,downstream,note,functional_location',
    'P-102A,centrifugal_pump,RAS,U100,high,Stabiliser feed pump A,مضخة تغذية برج التثبيت أ,,,,RAS-U100-P102A',
    'P-102B,centrifugal_pump,RAS,U100,high,Stabiliser feed pump B,مضخة تغذية برج التثبيت ب,,,,RAS-U100-P102B',
  ];
  await page.locator('input[type="file"]').setInputFiles({ name: 'assets.csv', mimeType: 'text/csv', buffer: Buffer.from(rows.join('\n')) });
  const submit = page.locator('[role="dialog"] .btn.pri');
  await expect(submit).toBeEnabled();
  await submit.click();
  await expect(page.locator('table').getByText('P-102A').first()).toBeVisible();
}

/** A field with options is a list or a row of buttons, whichever its words leave room for in a language. */
export async function choose(page: Page, field: string, options: string[], value: string): Promise<void> {
  const row = page.locator('.sf-row', { has: page.locator('.api-name', { hasText: new RegExp(`^${field}$`) }) });
  await row.waitFor();
  const list = row.locator('select');
  if (await list.count()) await list.selectOption(value);
  else await row.getByRole('radio').nth(options.indexOf(value)).click();
}

export const runTest = (page: Page) => page.locator('[data-action="run-test"]').click();

/** The provider's own pages: a name, then consent. */
export async function atProvider(page: Page, login: string): Promise<void> {
  await page.waitForURL(/\/interaction\//);
  await page.locator('input[name="login"]').fill(login);
  await page.locator('input[name="password"]').fill('any');
  await page.locator('button[type="submit"]').click();
  await page.locator('input[name="prompt"][value="consent"]').waitFor({ state: 'attached' });
  await page.locator('button[type="submit"]').click();
}

/** The form of a provider, filled in for the one of the tests; with a group that gives a role, where it gives roles. */
export async function fillProvider(page: Page, issuer: string, givesRoles: boolean): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.locator('[name="provider_type"]').selectOption('okta');
  await dialog.locator('[name="display_name"]').fill('Company ID');
  await dialog.locator('[name="issuer_url"]').fill(issuer);
  await dialog.locator('[name="client_id"]').fill('optria');
  await dialog.locator('[name="client_secret"]').fill('a secret of the test');
  if (givesRoles) {
    await dialog.locator('[data-action="add-group"]').click();
    await dialog.locator('[name="group_0"]').fill('reliability');
  }
  await dialog.locator('[name="is_enabled"]').check();
  await dialog.locator('details summary').click();
  await dialog.locator('[name="scopes"]').fill('profile email groups');
  await dialog.locator('[name="accept_plain_http"]').check();
}
