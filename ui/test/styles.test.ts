// Rules that one sheet may not set for the elements of another: the later sheet wins over the earlier.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const sheet = (name: string) => readFileSync(resolve(import.meta.dirname, `../src/styles/${name}.css`), 'utf8');

/** Whether the figure's rule reaches an element with these classes. */
function reaches(classes: string): boolean {
  const rule = /(?:^|\})\s*(\.num[^\s{,]*)\s*\{[^}]*font-size/m.exec(sheet('panes'))?.[1] ?? '';
  const element = document.createElement('input');
  element.className = classes;
  return element.matches(rule);
}

describe('the size of a figure', () => {
  it('is for figures, not for the fields numbers are typed into', () => {
    expect(reaches('num')).toBe(true);
    expect(reaches('in mono num')).toBe(false);
  });
});
