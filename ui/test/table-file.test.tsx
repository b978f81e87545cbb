// A table whose rows come page by page writes the whole list into its file, and says so when that fails.
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { DataTable } from '@/components/table';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { downloadText } from '@/lib/csv';

vi.mock(import('@/lib/csv'), async (original) => ({ ...await original(), downloadText: vi.fn() }));
afterEach(() => { cleanup(); vi.mocked(downloadText).mockClear(); });

const LIST = Array.from({ length: 1_203 }, (_, i) => ({ id: `row-${i}` }));
const columns = [{ key: 'id', title: 'Id', csv: (r: { id: string }) => r.id, cell: (r: { id: string }) => r.id }];
const table = (all: (page: { limit: number; offset: number }) => Promise<{ items: { id: string }[]; next_offset: number | null }>) => (
  <DataTable id="rows" label="Rows" columns={columns} rows={LIST.slice(0, 50)} rowKey={(r) => r.id} server={{ total: LIST.length, offset: 0, limit: 50 }} all={all} csvName="rows" empty={null} />
);

it('writes every row, each once', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  render(table(({ limit, offset }) => {
    const items = LIST.slice(offset, offset + limit);
    return Promise.resolve({ items, next_offset: offset + limit < LIST.length ? offset + limit : null });
  }));
  fireEvent.click(screen.getByText('Export CSV'));
  await waitFor(() => expect(downloadText).toHaveBeenCalledOnce());
  expect(vi.mocked(downloadText).mock.calls[0]?.[1]).toBe(`\ufeff${['id', ...LIST.map((r) => r.id)].join('\r\n')}\r\n`);
});

it('writes no file when the server refuses, and can be asked again', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  render(table(() => Promise.reject(new Error('gone'))));
  const button = screen.getByText('Export CSV').closest('button')!;
  fireEvent.click(button);
  expect(button.disabled).toBe(true);
  await waitFor(() => expect(button.disabled).toBe(false));
  expect(downloadText).not.toHaveBeenCalled();
});
