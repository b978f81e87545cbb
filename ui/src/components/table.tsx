// The one table: sort, page, CSV, with its state in the address. Rows come whole, or one page at a time from the server.
import { Fragment, type ReactNode, useMemo, useState } from 'react';
import { everyRow } from '@/api/every-row';
import { type CsvCell, downloadText, toCsv } from '@/lib/csv';
import { useParameters } from '@/lib/url';
import { useText } from '@/i18n/text';
import { useToasts } from './dialog';
import { Icon } from './icons';

export interface Column<R> {
  key: string;
  title: string;
  cell: (row: R) => ReactNode;
  /** Value to sort by; without it the column does not sort. */
  sort?: (row: R) => string | number | null;
  csv?: (row: R) => CsvCell;
  /** Head of the column in a CSV file; the key where absent. */
  csvKey?: string;
  end?: boolean;
  /** Left out under 760 px. */
  wideOnly?: boolean;
  /** Only in the CSV file: on the page another column says it. */
  fileOnly?: boolean;
}

export interface ServerPages {
  total: number;
  offset: number;
  limit: number;
}

interface Props<R> {
  id: string;
  label: string;
  columns: Column<R>[];
  rows: R[];
  rowKey: (row: R) => string;
  onRow?: (row: R) => void;
  selected?: string | null;
  rowClass?: (row: R) => string;
  /** A second line of a row, from this column to the end: what is too long for a column. */
  under?: { from: string; cell: (row: R) => ReactNode };
  empty: ReactNode;
  server?: ServerPages;
  /** Asks the server for a page of the whole list: a file holds all of it, not the page on the screen. */
  all?: (page: { limit: number; offset: number }) => Promise<{ items: R[]; next_offset: number | null }>;
  pageSize?: number;
  csvName?: string;
  /** Before the count in the foot. */
  foot?: ReactNode;
}

export function compare(a: string | number | null, b: string | number | null, locale: string): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), locale, { numeric: true });
}

export function DataTable<R>({ id, label, columns, rows, rowKey, onRow, selected, rowClass, under, empty, server, all, pageSize = 50, csvName, foot }: Props<R>) {
  const { t, p, n } = useText();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const [parameters, change] = useParameters();
  const [sortKey = '', sortWay = 'up'] = (parameters.get(`${id}.sort`) ?? '').split('.');
  const column = columns.find((c) => c.key === sortKey && c.sort);
  const sorted = useMemo(() => {
    if (!column?.sort) return rows;
    const by = column.sort;
    const way = sortWay === 'down' ? -1 : 1;
    return [...rows].sort((a, b) => way * compare(by(a), by(b), p.language));
  }, [rows, column, sortWay, p.language]);

  const total = server?.total ?? sorted.length;
  const size = server?.limit ?? pageSize;
  const pages = Math.max(1, Math.ceil(total / size));
  const page = Math.min(pages, Math.max(1, Number(parameters.get(`${id}.page`)) || 1));
  const shown = server ? sorted : sorted.slice((page - 1) * size, page * size);
  const goTo = (next: number) => change({ [`${id}.page`]: next <= 1 ? null : String(next) });
  const sortBy = (c: Column<R>) => {
    const way = sortKey !== c.key ? 'up' : sortWay === 'up' ? 'down' : null;
    change({ [`${id}.sort`]: way && `${c.key}.${way}`, [`${id}.page`]: null });
  };
  const write = (list: R[]) => {
    const exported = columns.filter((c) => c.csv);
    downloadText(`${csvName ?? id}.csv`, toCsv(exported.map((c) => c.csvKey ?? c.key), list.map((row) => exported.map((c) => c.csv!(row)))));
  };
  const exportAll = async (list: NonNullable<typeof all>) => {
    setBusy(true);
    try {
      write(await everyRow(list));
    } catch (error) {
      toasts.failed(error);
    }
    setBusy(false);
  };
  const exportCsv = () => { if (server && all) void exportAll(all); else write(sorted); };
  const onPage = columns.filter((c) => !c.fileOnly);
  const before = under ? Math.max(0, onPage.findIndex((c) => c.key === under.from)) : 0;
  if (rows.length === 0 && total === 0) return <>{empty}</>;
  return (
    <>
      <div className="scroll" tabIndex={0} role="region" aria-label={label}>
        <table className="tb">
          <thead>
            <tr>
              {onPage.map((c) => (
                <th key={c.key} scope="col" className={`${c.end ? 'r' : ''} ${c.wideOnly ? 'dsk-only' : ''}`} aria-sort={sortKey === c.key ? (sortWay === 'down' ? 'descending' : 'ascending') : undefined}>
                  {c.sort && !server ? (
                    <button type="button" className="sort" onClick={() => sortBy(c)}>
                      {c.title}
                      {sortKey === c.key && <Icon name={sortWay === 'down' ? 'down' : 'up'} />}
                    </button>
                  ) : c.title || <span className="sr">{t('table.actions')}</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => {
              const key = rowKey(row);
              const second = under?.cell(row);
              const classes = [onRow ? 'click' : '', selected === key ? 'sel' : '', second ? 'over' : '', rowClass?.(row) ?? ''].join(' ').trim();
              return (
                <Fragment key={key}>
                  <tr className={classes || undefined} aria-selected={onRow ? selected === key : undefined} onClick={onRow && (() => onRow(row))}>
                    {onPage.map((c) => <td key={c.key} className={`${c.end ? 'r' : ''} ${c.wideOnly ? 'dsk-only' : ''}`}>{c.cell(row)}</td>)}
                  </tr>
                  {second && <tr className="under">{before > 0 && <td colSpan={before} />}<td colSpan={onPage.length - before}>{second}</td></tr>}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      <div className="tfoot">
        {foot}
        <span>{t('table.count', { shown: n(shown.length, 0), total: n(total, 0) })}</span>
        <span className="grow" />
        {csvName && <button type="button" className="btn quiet sm" disabled={busy} onClick={exportCsv}><Icon name="download" />{t('action.export_csv')}</button>}
        {pages > 1 && (
          <>
            <button type="button" className="btn sm icon" aria-label={t('table.previous')} disabled={page <= 1} onClick={() => goTo(page - 1)}><Icon name="back" flip /></button>
            <span>{t('table.page', { page: n(page, 0), pages: n(pages, 0) })}</span>
            <button type="button" className="btn sm icon" aria-label={t('table.next')} disabled={page >= pages} onClick={() => goTo(page + 1)}><Icon name="forward" flip /></button>
          </>
        )}
      </div>
    </>
  );
}

/** Offset of the page in the address, for lists the server pages. */
export function useOffset(id: string, limit: number): number {
  const [parameters] = useParameters();
  return (Math.max(1, Number(parameters.get(`${id}.page`)) || 1) - 1) * limit;
}
