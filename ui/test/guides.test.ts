// Help: every page leads to a guide, every guide exists in both languages with the same headings, every link and anchor holds.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUIDES, HELP, helpOf } from '@/lib/help';
import { withGlobals } from '@/lib/url';
import { OPEN_PATHS, ROUTES } from '@/routes';
import guides from 'virtual:guides';
import { anchors, destination, guidesFolder, moduleOf, pictures, readGuide, slug } from '../vite/guides';

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

describe('pictures of guides', () => {
  let place: string;
  const guide = (text: string) => writeFileSync(join(place, 'guides/x.md'), `# A guide\n\n${text}\n`);
  const written = (text: string) => {
    guide(text);
    return readGuide(join(place, 'guides'), 'x', 'en').html;
  };
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'optria-guides-'));
    for (const inside of ['guides', 'images']) mkdirSync(join(place, inside));
    copyFileSync(resolve(root, 'docs/images/dashboard-en.webp'), join(place, 'images/there-en.webp'));
  });
  afterAll(() => rmSync(place, { recursive: true }));

  it('become files of the program, with words and a size', () => {
    expect(written('![What is seen](../images/there-en.webp)')).toMatch(/<img src="optria-picture:there-en\.webp" alt="What is seen" width="\d{3,4}" height="\d{3,4}" loading="lazy">/);
    const made = moduleOf(join(place, 'guides'), 'x', 'en');
    expect(made).toContain(`import p0 from ${JSON.stringify(join(place, 'images/there-en.webp'))};`);
    expect(made).toContain('.replaceAll("optria-picture:there-en.webp", p0)');
    expect(written('![Not made yet](../images/gone-en.webp)')).toBe('<p><em>Not made yet</em></p>\n');
  });

  it.each([
    ['https://example.com/there-en.webp', 'of another host'],
    ['//example.com/there-en.webp', 'of another host by the same scheme'],
    ['data:image/png;base64,AAAA', 'inside the text'],
    ['../images/there-ar.webp', 'in the other language'],
    ['../images/there.webp', 'in no language'],
    ['../../ui/public/there-en.webp', 'of another folder'],
    ['../images/there-en.svg', 'that could hold a script'],
  ])('refuse %s: a picture %s', (href) => {
    expect(() => written(`![What is seen](${href})`)).toThrow('none of its language');
  });

  it('refuse a picture without words', () => {
    expect(() => written('![](../images/there-en.webp)')).toThrow('without words');
  });

  it.each(GUIDES.map((entry) => entry.name))('%s has the same ones in both languages, and all are made', (name) => {
    const [ar, en] = languages.map((language) => pictures(folder, name, language));
    expect(ar!.map((picture) => picture.name)).toEqual(en!.map((picture) => picture.name));
    const missing = [...ar!, ...en!].filter((picture) => !existsSync(picture.path)).map((picture) => picture.path.slice(root.length + 1));
    expect(missing, 'cargo xtask screens --guides makes them').toEqual([]);
    for (const { alt } of ar!) expect(alt).toMatch(/\p{Script=Arabic}/u);
  });

  it('have an address of the program where a guide is shown', async () => {
    const { html } = (await guides['first-hour/en']!.load()).default;
    expect(html).toMatch(/<img src="[^":]*\/dashboard-en\.webp"/);
    expect(html).not.toContain('optria-picture');
  });

  it('are all named somewhere', () => {
    const named = new Set(GUIDES.flatMap(({ name }) => languages.flatMap((language) => pictures(folder, name, language).map((picture) => picture.path))));
    const readme = ['README.md', 'README.ar.md'].map((name) => readFileSync(resolve(root, name), 'utf8')).join();
    const all = readdirSync(resolve(root, 'docs/images'));
    expect(all.filter((name) => !named.has(resolve(root, 'docs/images', name)) && !readme.includes(`docs/images/${name}`))).toEqual([]);
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
