// Serves `virtual:guides`: the guides of ../docs/guides as pages of the program, in both languages. The text becomes
// HTML while the program is built, and pictures of ../docs/images become files of the program, so that help needs
// neither a network nor a parser in the browser.
import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Marked, type Tokens } from 'marked';
import type { Plugin } from 'vite';
import type { Language } from '../src/i18n/locale.ts';
import { type Guide, GUIDES } from '../src/lib/help.ts';

const ID = 'virtual:guides';

export function guidesFolder(): string {
  return resolve(import.meta.dirname, '../../docs/guides');
}

const fileOf = (folder: string, name: string, language: Language) => resolve(folder, `${name}${language === 'ar' ? '.ar' : ''}.md`);

const escape = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/** The anchor that a forge gives to a heading: letters, digits, `_` and `-`, spaces as `-`. */
export const slug = (text: string) => text.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}\s_-]/gu, '').replace(/\s/g, '-');

/** What a person reads of the tokens, without their marks; code, isolated, keeps its direction inside a sentence. */
function plain(tokens: Tokens.Generic[], isolated = false): string {
  const text = (token: Tokens.Generic) => (isolated && token.type === 'codespan' ? `\u2066${token.text}\u2069` : (token.text ?? ''));
  return tokens.map((token) => (token.tokens ? plain(token.tokens, isolated) : text(token))).join('');
}

function parsed(folder: string, name: string, language: Language): { tokens: Tokens.Generic[]; headings: Tokens.Heading[] } {
  const text = readFileSync(fileOf(folder, name, language), 'utf8');
  // The link to the other language stands for readers of the files; the program follows its own language.
  const tokens = new Marked().lexer(text.replace(/^\[(العربية|English)\]\([^)]*\)\n/m, '')) as Tokens.Generic[];
  return { tokens, headings: tokens.filter((token): token is Tokens.Heading => token.type === 'heading') };
}

/** Anchors as they are written in this language, each with the anchor that both languages share. */
export function anchors(folder: string, name: string, language: Language): Map<string, string> {
  const shared = parsed(folder, name, 'en').headings.map((h) => slug(plain(h.tokens)));
  const written = parsed(folder, name, language).headings.map((h) => slug(plain(h.tokens)));
  return new Map(written.map((own, i) => [own, shared[i] ?? own]));
}

/** Where a link of a guide leads in the program: another guide, a place in this one, elsewhere, or nowhere. */
export function destination(folder: string, name: string, language: Language, href: string): string | null {
  if (/^https?:\/\//.test(href)) return href;
  const [file = '', section] = href.split('#');
  const target = file === '' ? name : /^([a-z-]+?)(\.ar)?\.md$/.exec(file)?.[1];
  if (!target || !GUIDES.some((guide) => guide.name === target)) return null;
  if (section === undefined) return `/help/${target}`;
  const shared = anchors(folder, target, file.endsWith('.ar.md') || (file === '' && language === 'ar') ? 'ar' : 'en').get(decodeURIComponent(section));
  if (shared === undefined) throw new Error(`${name} (${language}) links to ${href}, a heading that is not there`);
  return `/help/${target}#${shared}`;
}

export interface Picture {
  /** Where the file is, or is to be. */
  path: string;
  name: string;
  alt: string;
}

/** A picture of a guide: a file of `docs/images`, made in the language of the guide, with words for who can't see it. */
function pictureOf(folder: string, name: string, language: Language, token: { href: string; text: string }): Picture {
  const named = /^\.\.\/images\/([a-z0-9-]+)-(ar|en)\.webp$/.exec(token.href);
  if (named?.[2] !== language) throw new Error(`${name} (${language}) holds a picture that is none of its language in ../images: ${token.href}`);
  if (token.text.trim() === '') throw new Error(`${name} (${language}) holds a picture without words: ${token.href}`);
  return { path: resolve(folder, token.href), name: named[1]!, alt: token.text };
}

/** The pictures that a guide names, in their order. */
export function pictures(folder: string, name: string, language: Language): Picture[] {
  const found: Picture[] = [];
  const look = (token: Tokens.Generic) => {
    if (token.type === 'image') found.push(pictureOf(folder, name, language, token as Tokens.Image));
  };
  const marked = new Marked();
  marked.walkTokens(parsed(folder, name, language).tokens as never, look as never);
  return found;
}

export interface GuideStep {
  /** The anchor of the section that both languages share, and the number in it. */
  key: string;
  /** What is to be done, as it is read. */
  text: string;
}

/** The numbered steps of a guide, in their order. */
export function steps(folder: string, name: string, language: Language): GuideStep[] {
  const shared = anchors(folder, name, language);
  const found: GuideStep[] = [];
  let section = '';
  for (const token of parsed(folder, name, language).tokens) {
    if (token.type === 'heading') section = shared.get(slug(plain(token.tokens ?? []))) ?? '';
    if (token.type !== 'list' || !token.ordered) continue;
    const { start, items } = token as Tokens.List;
    items.forEach((item, i) => found.push({ key: `${section} ${Number(start) + i}`, text: plain(item.tokens.slice(0, 1)) }));
  }
  return found;
}

/** Width and height as the file itself states them: the page keeps the place free while the picture comes. */
function sizeOf(path: string): { width: number; height: number } {
  const bytes = readFileSync(path);
  if (bytes.toString('latin1', 8, 16) !== 'WEBPVP8L') throw new Error(`${path} is no WebP without loss`);
  // Behind the signature byte: fourteen bits each, one less than the size.
  const packed = bytes.readUInt32LE(21);
  return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
}

/** The address of each picture in the program is known only to the build; until then the text holds this in its place. */
const placeOf = (path: string) => `optria-picture:${basename(path)}`;

export function readGuide(folder: string, name: string, language: Language): Guide {
  const { tokens, headings } = parsed(folder, name, language);
  const shared = anchors(folder, name, language);
  const idOf = (heading: Tokens.Heading) => shared.get(slug(plain(heading.tokens))) ?? '';
  const marked = new Marked({
    renderer: {
      heading(token) {
        // The title stands in the head of the page.
        if (token.depth === 1) return '';
        return `<h${token.depth} id="${idOf(token)}">${this.parser.parseInline(token.tokens)}</h${token.depth}>\n`;
      },
      link(token) {
        const text = this.parser.parseInline(token.tokens);
        const to = destination(folder, name, language, token.href);
        if (to === null) return text;
        return to.startsWith('/') ? `<a href="${escape(to)}">${text}</a>` : `<a href="${escape(to)}" target="_blank" rel="noopener noreferrer">${text}</a>`;
      },
      // Commands, names and addresses read from left to right in every language.
      codespan: (token) => `<code dir="ltr">${escape(token.text)}</code>`,
      code: (token) => `<pre dir="ltr" tabindex="0"><code>${escape(token.text)}</code></pre>\n`,
      table(token) {
        const cell = (of: Tokens.TableCell, tag: 'th' | 'td') => (tag === 'th' && of.text === '' ? '<td></td>' : `<${tag}>${this.parser.parseInline(of.tokens)}</${tag}>`);
        const row = (cells: Tokens.TableCell[], tag: 'th' | 'td') => `<tr>${cells.map((c) => cell(c, tag)).join('')}</tr>`;
        return `<div class="scroll" tabindex="0"><table class="tb"><thead>${row(token.header, 'th')}</thead><tbody>${token.rows.map((r) => row(r, 'td')).join('')}</tbody></table></div>\n`;
      },
      html(token) { throw new Error(`${name} (${language}) holds HTML: ${token.text}`); },
      image(token) {
        const { path, alt } = pictureOf(folder, name, language, token);
        // A picture that is not made yet leaves its words.
        if (!existsSync(path)) return `<em>${escape(alt)}</em>`;
        const { width, height } = sizeOf(path);
        const place = placeOf(path);
        return `<a href="${place}" target="_blank" rel="noopener noreferrer"><img src="${place}" alt="${escape(alt)}" width="${width}" height="${height}" loading="lazy"></a>`;
      },
    },
  });
  const first = tokens.find((token) => token.type === 'paragraph');
  return {
    title: plain(headings[0]?.tokens ?? []),
    summary: plain(first?.tokens ?? [], true),
    headings: headings.slice(1).map((h) => ({ id: idOf(h), text: plain(h.tokens), depth: h.depth })),
    html: marked.parser(tokens as never),
  };
}

/** The module of one guide: its text, with each picture as a file that the build adds to the program. */
export function moduleOf(folder: string, name: string, language: Language): string {
  const paths = [...new Set(pictures(folder, name, language).map(({ path }) => path))].filter((path) => existsSync(path));
  const imports = paths.map((path, i) => `import p${i} from ${JSON.stringify(path)};\n`).join('');
  const places = paths.map((path, i) => `.replaceAll(${JSON.stringify(placeOf(path))}, p${i})`).join('');
  const { html, ...rest } = readGuide(folder, name, language);
  return `${imports}export default { ...${JSON.stringify(rest)}, html: ${JSON.stringify(html)}${places} }`;
}

/** The list of all guides, and one module for the text of each in each language. */
export function guides(): Plugin {
  const folder = guidesFolder();
  return {
    name: 'optria-guides',
    resolveId: (id) => (id === ID || id.startsWith(`${ID}/`) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${ID}`)) return undefined;
      const [, name, language] = id.split('/') as [string, string | undefined, Language | undefined];
      if (name && language) {
        this.addWatchFile(fileOf(folder, name, language));
        return moduleOf(folder, name, language);
      }
      const entries = GUIDES.flatMap((guide) => (['ar', 'en'] as const).map((language) => {
        this.addWatchFile(fileOf(folder, guide.name, language));
        const { title, summary } = readGuide(folder, guide.name, language);
        return `"${guide.name}/${language}": { title: ${JSON.stringify(title)}, summary: ${JSON.stringify(summary)}, load: () => import("${ID}/${guide.name}/${language}") }`;
      }));
      return `export default { ${entries.join(',\n')} }`;
    },
  };
}
