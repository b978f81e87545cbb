// What leaves the page of an incident: the evidence as a signed file, and the report as a PDF.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page } from '@playwright/test';
import type { EvidenceKey } from '../src/api/types';
import type { Running } from './appliance';
import { read } from './steps';
import type { Language } from './target';

export interface Exported {
  /** Its own name, as the page gives it. */
  suggested: string;
  file: string;
  /** The file with the keys of the appliance, as a reader keeps them. */
  keys: string;
}

export async function exportEvidence(page: Page, appliance: Running, name: string): Promise<Exported> {
  const pane = page.locator('.evidence-pane');
  await expect(pane.locator('dl')).toBeVisible();
  const [download] = await Promise.all([page.waitForEvent('download'), pane.locator('.btn.pri').click()]);
  await expect(pane.locator('div.s[role="status"]')).toBeVisible();
  const file = join(appliance.folder, `${name}.oqe`);
  await download.saveAs(file);
  const [key] = await read<EvidenceKey[]>(page, `${appliance.url}/api/evidence/keys`);
  const keys = join(appliance.folder, 'reader.keys');
  writeFileSync(keys, `${key!.trust_line}\n`);
  return { suggested: download.suggestedFilename(), file, keys };
}

/** The report in one language; answers with its name. The first one sets up the typesetter. */
export async function exportReport(page: Page, language: Language): Promise<string> {
  const making = page.locator('.report-making');
  await making.locator('select').selectOption(language);
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: 120_000 }), making.locator('button').click()]);
  expect(readFileSync(await download.path()).subarray(0, 5).toString()).toBe('%PDF-');
  await expect(making.locator('[role="status"]')).toHaveText(/\p{L}/u);
  return download.suggestedFilename();
}
