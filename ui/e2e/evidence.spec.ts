// The page that verifies evidence files, opened from the disk in a real browser: every committed file as every reader,
// both languages, a file dropped on it, and not one request to anywhere.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, type Page, test } from '@playwright/test';

const repository = join(import.meta.dirname, '../..');
const golden = join(repository, 'tests/evidence/golden');
const address = pathToFileURL(join(repository, 'core/iq-verify/page/verify.html')).href;

interface Row {
  file: string;
  trust: string;
  exit: string;
  reason: string;
}

function rows(): Row[] {
  const lines = readFileSync(join(golden, 'expected.tsv'), 'utf8').trim().split('\n').slice(1);
  return lines.map((line) => {
    const [file = '', trust = '', exit = '', reason = ''] = line.split('\t');
    return { file, trust, exit, reason };
  });
}

async function open(page: Page): Promise<string[]> {
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(address);
  return requests;
}

test('the page says of every committed file what the table says, without a request', async ({ page }) => {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  const requests = await open(page);
  const all = rows();
  expect(all.length).toBeGreaterThan(50);
  for (const { file, trust, exit, reason } of all) {
    await page.reload();
    await page.locator('#trust-file').setInputFiles(join(golden, `${trust}.keys`));
    await expect(page.locator('#trust')).not.toHaveValue('');
    await page.locator('#file').setInputFiles(join(golden, file));
    const answer = page.locator('.answer');
    await expect(answer, file).toHaveAttribute('data-reason', reason);
    await expect(answer, file).toHaveAttribute('data-exit', exit);
  }
  expect(requests.filter((url) => url !== address)).toEqual([]);
  expect(problems).toEqual([]);
});

test('the page speaks both languages and takes a dropped file', async ({ page }) => {
  await open(page);
  const html = page.locator('html');
  if ((await html.getAttribute('lang')) !== 'ar') await page.locator('#language').click();
  await expect(html).toHaveAttribute('dir', 'rtl');
  const bytes = readFileSync(join(golden, 'bad-32-report-edited.oqe')).toString('base64');
  const transfer = await page.evaluateHandle((encoded) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0))], 'x.oqe'));
    return data;
  }, bytes);
  await page.locator('#drop').dispatchEvent('drop', { dataTransfer: transfer });
  await expect(page.locator('.answer')).toContainText('الملف معدَّل');
  await expect(page.locator('.answer')).toContainText('المستند رقم 1');
  await page.locator('#language').click();
  await expect(html).toHaveAttribute('dir', 'ltr');
  await expect(page.locator('.answer')).toContainText('Changed. Do not use');
  await page.locator('#trust').fill('someone x');
  await expect(page.locator('#trust-problem')).toHaveText('Line 1 is no trusted key.');
});
