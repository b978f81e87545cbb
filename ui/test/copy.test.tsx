// Copying where the browser lends its clipboard, where only the older way works, and where nothing does.
import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CopyButton } from '@/components/copy';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(() => {
  cleanup();
  Reflect.deleteProperty(navigator, 'clipboard');
  Reflect.deleteProperty(document, 'execCommand');
});

const press = (text: string) => {
  render(<MantineProvider><CopyButton text={text} /></MantineProvider>);
  fireEvent.click(screen.getByRole('button'));
};
const lend = (on: object, name: string, value: unknown) => Object.defineProperty(on, name, { value, configurable: true });

describe('copying a text', () => {
  it('uses the clipboard of the browser', async () => {
    const writeText = vi.fn(() => Promise.resolve());
    lend(navigator, 'clipboard', { writeText });
    press('letter');
    await screen.findByRole('button', { name: 'Copied' });
    expect(writeText).toHaveBeenCalledWith('letter');
  });

  it('copies a selection where there is no clipboard', async () => {
    let selected = '';
    lend(document, 'execCommand', () => {
      selected = [...document.querySelectorAll('textarea')].map((x) => x.value.slice(x.selectionStart, x.selectionEnd)).join('');
      return true;
    });
    press('letter');
    await screen.findByRole('button', { name: 'Copied' });
    expect(selected).toBe('letter');
    expect(document.querySelector('textarea')).toBeNull();
  });

  it('shows the text selected where nothing may copy', async () => {
    press('two\nlines');
    const field = await screen.findByRole<HTMLTextAreaElement>('textbox');
    expect(field.value.slice(field.selectionStart, field.selectionEnd)).toBe('two\nlines');
    expect(screen.getAllByText(/press Ctrl\+C/).length).toBeGreaterThan(0);
    expect(screen.queryByRole('button', { name: 'Copied' })).toBeNull();
  });
});
