// Bulk mapping in both languages: a file of 1,000 tags with three bad rows is compared first and shows exactly three
// reasons; nothing is written until a person chooses the good rows; the whole change is undone from the history.
import { expect, type Page, test } from '@playwright/test';
import { read, speak, visit } from './steps';
import { type Language, settled, signIn, type Target, target } from './target';
import { allInWords } from './words';

const HEADINGS: Record<Language, string> = {
  en: 'integration,external_tag,asset,metric_name,unit,scaling_factor',
  ar: 'المصدر,الوسم الخارجي,الأصل,المقياس,وحدة القياس,معامل التحويل',
};

/** Row 102 names no asset, row 502 no unit anybody knows, row 1001 no number. */
function thousandRows(language: Language, source: string): string {
  const lines = Array.from({ length: 1_000 }, (_, n) => {
    const asset = n === 100 ? 'P-999Z' : 'P-102A';
    const unit = n === 500 ? 'furlong' : 'bar';
    const scale = n === 999 ? 'half' : '0.5';
    return `"${source}",ns=2;s=BULK.${language}.${n},${asset},${language}_bulk_${n},${unit},${scale}`;
  });
  return `\ufeff${HEADINGS[language]}\r\n${lines.join('\r\n')}\r\n`;
}

const mapped = async (page: Page, t: Target) => (await read<{ total: number }>(page, `${t.url}/api/integrations/mappings?limit=1`)).total;

async function openMapping(page: Page): Promise<void> {
  await page.locator('nav.nv a[href*="data-mapping"]').click();
  await settled(page);
}

async function importFile(page: Page, t: Target, language: Language, before: number): Promise<void> {
  const sources = await read<{ name: string; kind: string }[]>(page, `${t.url}/api/integrations/`);
  const source = sources.find((s) => s.kind === 'opcua') ?? sources[0]!;
  await page.locator('[data-action="import-mapping"]').click();
  const dialog = page.locator('[role="dialog"]');
  const file = { name: 'mapping.csv', mimeType: 'text/csv', buffer: Buffer.from(thousandRows(language, source.name)) };
  await dialog.locator('[name="mapping_file"]').setInputFiles(file);
  await expect(dialog.locator('[data-diff]')).toHaveAttribute('data-diff', '997/0/0/0/3', { timeout: 60_000 });
  const errors = dialog.locator('[data-table="errors"] tbody tr');
  await expect(errors).toHaveCount(3);
  expect(await errors.evaluateAll((rows) => rows.map((r) => r.getAttribute('data-code')))).toEqual(['mapping.unknown_asset_code', 'mapping.unknown_unit', 'mapping.cell_number']);
  const first = await errors.first().innerText();
  expect(first).toContain('102');
  expect(/[\u0600-\u06ff]{3}/.test(first), 'the reason is in the language of the page').toBe(language === 'ar');
  await allInWords(page, 'compared file');
  // All or nothing, unless a person says otherwise.
  const apply = dialog.locator('[data-action="apply-import"]');
  await expect(apply).toBeDisabled();
  expect(await mapped(page, t)).toBe(before);
  await dialog.locator('[name="good_rows"]').check();
  await apply.click();
  await expect(dialog).toHaveCount(0, { timeout: 60_000 });
  expect(await mapped(page, t)).toBe(before + 997);
  await settled(page);
  await allInWords(page, 'applied file');
}

async function undo(page: Page, t: Target, before: number): Promise<void> {
  await page.locator('[data-tab="history"]').click();
  await page.locator('[data-action="undo"]').first().click();
  await allInWords(page, 'history');
  await page.locator('[role="dialog"] .btn.pri').click();
  await expect(page.locator('[role="dialog"]')).toHaveCount(0, { timeout: 60_000 });
  expect(await mapped(page, t)).toBe(before);
  await settled(page);
  await allInWords(page, 'undone change');
}

async function choosePattern(page: Page): Promise<void> {
  await page.locator('[data-tab="bulk"]').click();
  await page.locator('[name="pattern"]').fill('*P102A*');
  await page.locator('.bulk-form input[type="checkbox"]').uncheck();
  await page.locator('[data-action="find-tags"]').click();
  const rows = page.locator('[data-table="review"] tbody tr');
  await expect(rows.first()).toBeVisible({ timeout: 60_000 });
  const texts = await rows.allInnerTexts();
  expect(texts.filter((text) => !text.includes('P102A')), 'only what the pattern names').toEqual([]);
  expect(texts.length).toBeGreaterThan(5);
  await allInWords(page, 'tags of a pattern');
}

test('bulk mapping of 1,000 tags by CSV with three bad rows', async ({ browser }) => {
  test.setTimeout(900_000);
  const t = await target();
  try {
    for (const language of ['ar', 'en'] as const) {
      const { page, end } = await visit(browser, language);
      await signIn(page, t);
      await speak(page, t.url, language);
      await openMapping(page);
      const before = await mapped(page, t);
      await importFile(page, t, language, before);
      await undo(page, t, before);
      await choosePattern(page);
      for (const tab of ['coverage', 'drift']) {
        await page.locator(`[data-tab="${tab}"]`).click();
        await settled(page);
        await allInWords(page, tab);
      }
      await end();
    }
  } finally {
    await t.stop();
  }
});
