// Help: every page leads to a guide, every guide exists in both languages with the same headings, every link and anchor holds.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GUIDES, HELP, helpOf } from '@/lib/help';
import { withGlobals } from '@/lib/url';
import { OPEN_PATHS, ROUTES } from '@/routes';
import { anchors, destination, guidesFolder, readGuide, slug } from '../vite/guides';

const folder = guidesFolder();
const root = resolve(folder, '../..');
const languages = ['ar', 'en'] as const;

describe('guides', () => {
  it.each(GUIDES.map((guide) => guide.name))('%s says the same in both languages', (name) => {
    const [ar, en] = languages.map((language) => readGuide(folder, name, language));
    expect(ar!.headings.map((h) => [h.id, h.depth])).toEqual(en!.headings.map((h) => [h.id, h.depth]));
    expect(new Set(en!.headings.map((h) => h.id)).size).toBe(en!.headings.length);
    for (const guide of [ar!, en!]) {
      expect(guide.title).not.toBe('');
      expect(guide.summary.length).toBeGreaterThan(20);
    }
    expect(ar!.title).toMatch(/\p{Script=Arabic}/u);
    expect(ar!.html).not.toBe(en!.html);
    // Code is read in one direction everywhere, and is the same code; a remark behind it may be missing.
    const commands = (html: string) => [...html.matchAll(/<pre dir="ltr"[^>]*><code>([^]*?)<\/code>/g)].map((m) => m[1]!.replace(/ +# .*$/gm, ''));
    expect(commands(ar!.html)).toEqual(commands(en!.html));
  });

  it('name the same evidence for what is claimed of security', () => {
    const code = (language: 'ar' | 'en') => [...readGuide(folder, 'security-proof', language).html.matchAll(/<code dir="ltr">([^<]*)/g)].map((m) => m[1]).sort();
    expect(code('ar')).toEqual(code('en'));
  });

  it('are linked from the first page of the repository', () => {
    const english = readFileSync(resolve(root, 'README.md'), 'utf8');
    const arabic = readFileSync(resolve(root, 'README.ar.md'), 'utf8');
    for (const { name } of GUIDES) {
      expect(english).toContain(`](docs/guides/${name}.md)`);
      expect(arabic).toContain(`](docs/guides/${name}.ar.md)`);
    }
  });

  it('refuse a link to a heading that is not there', () => {
    expect(() => destination(folder, 'environment', 'en', 'administrator.md#nowhere')).toThrow('nowhere');
  });

  it('keep their links in the program, in either language', () => {
    expect(destination(folder, 'environment', 'en', 'administrator.md#upgrade')).toBe('/help/administrator#upgrade');
    expect(destination(folder, 'environment', 'ar', 'administrator.ar.md#الترقية')).toBe('/help/administrator#upgrade');
    expect(destination(folder, 'administrator', 'ar', '#الترقية')).toBe('/help/administrator#upgrade');
    expect(destination(folder, 'environment', 'en', 'https://example.com/x')).toBe('https://example.com/x');
    expect(destination(folder, 'environment', 'en', '../ARCHITECTURE.md')).toBeNull();
  });

  it('name headings as a forge does', () => {
    expect(slug('Opening it: the `network`, safely')).toBe('opening-it-the-network-safely');
    expect(slug('الفتح على الشبكة')).toBe('الفتح-على-الشبكة');
  });
});

describe('help of a page', () => {
  const pages = ROUTES.map((route) => route.path).filter((path) => !path.startsWith('/help') && !OPEN_PATHS.includes(path));

  it('is there for every page, and for no other', () => {
    expect(Object.keys(HELP).sort()).toEqual([...pages].sort());
  });

  it.each(Object.entries(HELP))('%s begins at a heading that exists', (_, target) => {
    const [name = '', place] = target.split('#');
    expect(GUIDES.map((guide) => guide.name)).toContain(name);
    if (place) expect([...anchors(folder, name, 'en').values()]).toContain(place);
  });

  it('is the list where no guide is meant', () => {
    expect([helpOf('/help'), helpOf(undefined)]).toEqual(['/help', '/help']);
  });

  it('keeps time, range and site', () => {
    expect(withGlobals('/help/administrator#upgrade', '?site=1&tab=x')).toBe('/help/administrator?site=1#upgrade');
  });
});
