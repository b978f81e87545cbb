// A visit to a job: the sentence that says which it is and leads to the job's first order, and the columns of the file.
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { WorkOrder } from '@/api/types';
import { DataTable } from '@/components/table';
import { changePreferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { downloadText } from '@/lib/csv';
import { VisitSentence } from '@/pages/parts/work-order-parts';

vi.mock(import('@/lib/csv'), async (original) => ({ ...await original(), downloadText: vi.fn() }));
afterEach(cleanup);

const plain = () => (document.body.textContent ?? '').replace(/[\u2066-\u2069]/g, '');
const order = (id: string, place: number) => ({ id, visit: { of_id: 'w1', of_called: 'WO-7', place, count: 3 } }) as WorkOrder;

it('says which visit it is and leads to the first order of the job, with the filters of the list', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  window.history.replaceState(null, '', '/work-orders?status=open&order=w2&t=7');
  for (const [language, of, own] of [['en', 'Visit 2 of 3 for WO-7', 'Visit 1 of 3'], ['ar', 'الزيارة 2 من 3 لأمر العمل WO-7', 'الزيارة 1 من 3']] as const) {
    await changePreferences({ ...DEFAULTS, language });
    render(<VisitSentence order={order('w2', 2)} />);
    expect(plain()).toBe(of);
    expect(screen.getByRole('link').getAttribute('href')).toBe('/work-orders?status=open&order=w1&t=7');
    cleanup();
    render(<VisitSentence order={order('w1', 1)} />);
    expect(plain()).toBe(own);
    expect(screen.queryByRole('link')).toBeNull();
    cleanup();
  }
  render(<VisitSentence order={{ id: 'w3', visit: null } as unknown as WorkOrder} />);
  expect(plain()).toBe('');
});

it('keeps a column of the file off the page', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  const columns = [
    { key: 'number', title: 'Number', csv: (o: WorkOrder) => o.id, cell: (o: WorkOrder) => o.id },
    { key: 'visit_of', title: 'Visit', csv: (o: WorkOrder) => o.visit?.of_called, cell: () => null, fileOnly: true },
  ];
  render(<DataTable id="orders" label="Orders" columns={columns} rows={[order('w2', 2)]} rowKey={(o) => o.id} csvName="orders" empty={null} />);
  expect(screen.getAllByRole('columnheader').map((h) => h.textContent)).toEqual(['Number']);
  expect(screen.getAllByRole('cell')).toHaveLength(1);
  fireEvent.click(screen.getByText('Export CSV'));
  expect(vi.mocked(downloadText).mock.calls[0]?.[1]).toBe('\ufeffnumber,visit_of\r\nw2,WO-7\r\n');
});
