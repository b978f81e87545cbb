// What the pages look like on a machine where nobody has chosen anything yet.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { storedPreferences, systemLanguage } from '@/i18n/locale';

const BOOT = readFileSync(resolve(import.meta.dirname, '../public/boot.js'), 'utf8');

function system(languages: readonly string[], dark = false): void {
  Object.defineProperty(navigator, 'languages', { value: languages, configurable: true });
  Object.defineProperty(navigator, 'language', { value: languages[0] ?? '', configurable: true });
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: dark && query.includes('dark') }));
}

/** Runs the script before the first paint, and says what it made of the page. */
function painted(): string[] {
  // It is a classic script: it runs on the page's own globals.
  new Function(BOOT)();
  const html = document.documentElement;
  return [html.lang, html.dir, html.getAttribute('data-mantine-color-scheme') ?? ''];
}

beforeEach(() => localStorage.clear());
afterEach(() => vi.unstubAllGlobals());

describe('the language of a first start', () => {
  it.each([
    [['en-US', 'en'], 'en'],
    [['ar-EG', 'en'], 'ar'],
    [['EN'], 'en'],
    [['de-DE', 'en-GB', 'ar'], 'en'],
    [['fr-FR', 'ar-MA', 'en'], 'ar'],
    [['de-DE', 'fr'], 'ar'],
    [['arn', 'eng'], 'ar'],
    [[], 'ar'],
    [['C'], 'ar'],
  ])('of a system that speaks %j is %s, before the first paint and after it', (languages, language) => {
    system(languages);
    expect(systemLanguage(languages)).toBe(language);
    expect(painted().slice(0, 2)).toEqual([language, language === 'ar' ? 'rtl' : 'ltr']);
    expect(storedPreferences().language).toBe(language);
  });

  it('yields to what was chosen on this machine', () => {
    system(['en-US']);
    localStorage.setItem('optria.language', 'ar');
    expect([storedPreferences().language, painted()[0]]).toEqual(['ar', 'ar']);
    system(['ar-SA']);
    localStorage.setItem('optria.language', 'en');
    expect([storedPreferences().language, painted()[0]]).toEqual(['en', 'en']);
  });

  it('counts a stored word that is no language as no choice', () => {
    system(['en-US']);
    localStorage.setItem('optria.language', 'fr');
    expect([storedPreferences().language, painted()[0]]).toEqual(['en', 'en']);
  });
});

describe('the theme of a first start', () => {
  it('is the system’s', () => {
    system(['ar'], true);
    expect(painted()[2]).toBe('dark');
    system(['ar'], false);
    expect(painted()[2]).toBe('light');
  });

  it('yields to what was chosen on this machine', () => {
    system(['ar'], true);
    localStorage.setItem('optria.theme', 'light');
    expect(painted()[2]).toBe('light');
  });

  it('is the system’s again once somebody chose that', () => {
    system(['ar'], true);
    localStorage.setItem('optria.theme', 'auto');
    expect(painted()[2]).toBe('dark');
  });
});
