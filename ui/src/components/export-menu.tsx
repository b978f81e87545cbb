// What a list shows, as a file made by the server: all of it, not the page on the screen.
import { Menu } from '@mantine/core';
import { useText } from '@/i18n/text';
import type { Query } from '@/api/http';
import { Icon } from './icons';

/** What a workbook holds; the other two end at a million. */
const XLSX_ROWS = 50_000;
const ROWS = 1_000_000;

export function exportUrl(path: string, query: Query, format: string, language: string): string {
  const parameters = new URLSearchParams({ format, lang: language });
  for (const [key, value] of Object.entries(query)) if (value !== null && value !== undefined && value !== '') parameters.set(key, String(value));
  return `${path}?${parameters.toString()}`;
}

/** `holds` is what any file of this list may have, where that is less. */
export function ExportMenu({ path, query, total, holds = ROWS }: { path: string; query: Query; total: number; holds?: number }) {
  const { t, n, p } = useText();
  return (
    <Menu position="bottom-end" shadow="md" width={270}>
      <Menu.Target><button type="button" className="btn sm" disabled={total === 0}><Icon name="download" />{t('export.open')}</button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('export.rows', { n: total })}</Menu.Label>
        {(['csv', 'json', 'xlsx'] as const).map((format) => {
          const most = Math.min(holds, format === 'xlsx' ? XLSX_ROWS : ROWS);
          return total > most
            ? <Menu.Item key={format} disabled>{t('export.too_many', { format: format.toUpperCase(), max: n(most, 0) })}</Menu.Item>
            : <Menu.Item key={format} component="a" href={exportUrl(path, query, format, p.language)} download><bdi dir="ltr">{format.toUpperCase()}</bdi></Menu.Item>;
        })}
        <Menu.Label>{t('export.recorded')}</Menu.Label>
      </Menu.Dropdown>
    </Menu>
  );
}
