// What no page may show: the brackets of a missing sentence, and the key of one. Codes stand in a mark of their own
// (`.tag`) on purpose; they are for copying and are passed over.
import { expect, type Page } from '@playwright/test';
import { localesFolder, readCatalogue } from '../vite/locales';

const keys = new Set(Object.values(readCatalogue(localesFolder(), 'en')).flatMap((section) => Object.keys(section)).filter((key) => key.includes('.')));

async function textsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const parent = walk.currentNode.parentElement;
      if (parent && !parent.closest('.tag, script, style, textarea')) found.push(walk.currentNode.nodeValue ?? '');
    }
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
      for (const element of document.querySelectorAll(`[${name}]`)) found.push(element.getAttribute(name) ?? '');
    }
    return found.filter((text) => text.trim() !== '');
  });
}

/** Every text of the page as it is now is a sentence of the catalogue, not its key. */
export async function allInWords(page: Page, step: string): Promise<void> {
  const texts = await textsOf(page);
  const brackets = texts.flatMap((text) => text.match(/⟦[^⟧]*⟧?/g) ?? []);
  const raw = texts.flatMap((text) => text.match(/[a-z][\w-]*(?:\.[\w-]+)+/g) ?? []).filter((word) => keys.has(word));
  expect(texts.length, `${step}: the page has texts`).toBeGreaterThan(0);
  expect([...brackets, ...raw], `${step}: every text is translated`).toEqual([]);
}
