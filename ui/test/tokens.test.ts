import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const css = readFileSync(resolve(import.meta.dirname, '../src/styles/tokens.css'), 'utf8');

function palette(theme: string): Record<string, string> {
  const block = new RegExp(`data-mantine-color-scheme="${theme}"\\][^{]*\\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9A-Fa-f]{6})/g)].map((m) => [m[1]!, m[2]!]));
}

/** WCAG 2.2 relative luminance. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

/** The pairs in use stand in the comment of the token file, with their floor and the ratios of both themes. */
const pairs = [...css.matchAll(/\* ([\w-]+)\s+on ([\w-]+)\s+[a-z ]+>= ([\d.]+)\s+light ([\d.]+)\s+dark ([\d.]+)/g)].map((m) => ({
  front: m[1]!, ground: m[2]!, floor: Number(m[3]), light: Number(m[4]), dark: Number(m[5]),
}));

describe('tokens', () => {
  it('list the pairs in use', () => expect(pairs.length).toBeGreaterThanOrEqual(80));

  for (const theme of ['light', 'dark'] as const) {
    it(`keep every pair above its floor and as documented, ${theme}`, () => {
      const colours = palette(theme);
      for (const pair of pairs) {
        const ratio = contrast(colours[pair.front]!, colours[pair.ground]!);
        expect(ratio, `${pair.front} on ${pair.ground}`).toBeGreaterThanOrEqual(pair.floor);
        expect(ratio, `${pair.front} on ${pair.ground}`).toBeCloseTo(pair[theme], 1);
      }
    });
  }
});
