// Filters that fold away on a phone: what the button says and to whom, and that the sheet hides only what is shut.
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Filters } from '@/components/filters';
import { changePreferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

afterEach(cleanup);

const plain = (text: string | null) => (text ?? '').replace(/[\u2066-\u2069]/g, '');

function draw(active: number): { button: HTMLElement; folded: HTMLElement } {
  render(<Filters active={active} search={<input aria-label="search" />} after={<p>after</p>}><select aria-label="unit" /></Filters>);
  const button = screen.getByRole('button');
  return { button, folded: document.getElementById(button.getAttribute('aria-controls') ?? '')! };
}

it('is shut at first, opens by its button, and keeps search and what follows outside', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  const { button, folded } = draw(0);
  expect(button.getAttribute('aria-expanded')).toBe('false');
  expect(folded.classList.contains('open')).toBe(false);
  expect(folded.contains(screen.getByLabelText('unit'))).toBe(true);
  for (const seen of [screen.getByLabelText('search'), screen.getByText('after'), button]) expect(folded.contains(seen)).toBe(false);
  // What it opens comes next for who goes by the keyboard.
  expect(button.nextElementSibling).toBe(folded);
  fireEvent.click(button);
  expect(button.getAttribute('aria-expanded')).toBe('true');
  expect(folded.classList.contains('open')).toBe(true);
  fireEvent.click(button);
  expect(folded.classList.contains('open')).toBe(false);
});

it('counts the filters in use, to the eye and to the ear, in both languages', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  for (const [language, none, said] of [['en', 'Filters', '2 in use'], ['ar', 'التصفية', 'عدد المفعّل منها: 2']] as const) {
    await changePreferences({ ...DEFAULTS, language });
    expect(plain(draw(0).button.textContent)).toBe(none);
    cleanup();
    const { button } = draw(2);
    expect(button.querySelector('.count')?.textContent).toBe('2');
    expect(button.querySelector('.count')?.getAttribute('aria-hidden')).toBe('true');
    expect(plain(button.querySelector('.sr')?.textContent ?? null)).toBe(said);
    cleanup();
  }
});

it('folds on narrow screens only', () => {
  const sheet = readFileSync(resolve(import.meta.dirname, '../src/styles/pages.css'), 'utf8');
  const narrow = sheet.split('\n').filter((line) => line.startsWith('@media (max-width: 760px)'));
  const wide = sheet.split('\n').filter((line) => !line.startsWith('@media'));
  expect(narrow.some((line) => line.includes('.fold-in:not(.open) { display: none; }'))).toBe(true);
  expect(wide.some((line) => line.includes('.fold-in { display: contents; }'))).toBe(true);
  expect(wide.some((line) => /\.fold-in[^}]*none/.test(line))).toBe(false);
});
