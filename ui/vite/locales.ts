// Serves `virtual:messages/<language>`: the sentences of ../locales/<language>.json overlaid with
// ../locales/parts/*.<language>.json, so that a new sentence is usable before the parts are merged.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';

export type Catalogue = Record<string, Record<string, string>>;

const PREFIX = 'virtual:messages/';

export function localesFolder(): string {
  return resolve(import.meta.dirname, '../../locales');
}

/** The files of one language, general one first, parts after it in name order. */
function filesOf(folder: string, language: string): string[] {
  const whole = resolve(folder, `${language}.json`);
  const parts = resolve(folder, 'parts');
  const names = existsSync(parts) ? readdirSync(parts).filter((n) => n.endsWith(`.${language}.json`)).sort() : [];
  return [...(existsSync(whole) ? [whole] : []), ...names.map((n) => resolve(parts, n))];
}

export function readCatalogue(folder: string, language: string): Catalogue {
  const merged: Catalogue = {};
  for (const file of filesOf(folder, language)) {
    const content = JSON.parse(readFileSync(file, 'utf8')) as Catalogue;
    for (const [section, messages] of Object.entries(content)) {
      merged[section] = { ...merged[section], ...messages };
    }
  }
  return merged;
}

export function locales(): Plugin {
  const folder = localesFolder();
  return {
    name: 'optria-locales',
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined;
      const language = id.slice(PREFIX.length + 1);
      for (const file of filesOf(folder, language)) this.addWatchFile(file);
      return `export default ${JSON.stringify(readCatalogue(folder, language))}`;
    },
  };
}
