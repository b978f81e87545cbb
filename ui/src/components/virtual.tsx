// A table of any length: only the rows in sight are in the page. Rows have one height, so the place of each is known.
import { type CSSProperties, memo, type ReactNode, type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';

export interface VirtualColumn<R> {
  key: string;
  title: string;
  cell: (row: R) => ReactNode;
  /** Width as CSS writes it; without one it takes what is left. */
  width?: string;
  /** The same on a phone. */
  narrow?: string;
  wideOnly?: boolean;
}

export interface VirtualHandle {
  /** Brings a row into sight, in the middle where it was not. */
  show: (index: number) => void;
}

interface Props<R> {
  label: string;
  columns: VirtualColumn<R>[];
  rows: R[];
  rowKey: (row: R) => string;
  rowClass?: (row: R) => string;
  selected: number;
  height: number;
  handle?: Ref<VirtualHandle>;
}

/** Widths as the style sheet reads them: it alone knows how wide the page is. */
const widths = ({ width, narrow }: { width?: string; narrow?: string }): CSSProperties => ({ '--wide': width ?? 'auto', '--narrow': narrow ?? width ?? 'auto' }) as CSSProperties;

/** Rows beyond each edge, so that a turn of the wheel meets rows and not emptiness. */
const SPARE = 8;

function Row<R>({ item, index, columns, className, current, probe }: { item: R; index: number; columns: VirtualColumn<R>[]; className: string; current: boolean; probe: Ref<HTMLTableRowElement> | undefined }) {
  return (
    <tr ref={probe} aria-rowindex={index + 2} className={`${current ? 'sel' : ''} ${className}`.trim() || undefined} aria-current={current ? 'true' : undefined}>
      {columns.map((c) => <td key={c.key} className={c.wideOnly ? 'dsk-only' : undefined}>{c.cell(item)}</td>)}
    </tr>
  );
}
/** While the selection moves, all rows but two stay as they are. */
const StableRow = memo(Row) as typeof Row;

export function VirtualTable<R>({ label, columns, rows, rowKey, rowClass, selected, height, handle }: Props<R>) {
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLTableRowElement>(null);
  const [top, setTop] = useState(0);
  const [row, setRow] = useState(34);
  // A phone has taller rows; the height is read once they are there.
  const narrow = rows.length === 0;
  useEffect(() => {
    const found = probe.current?.getBoundingClientRect().height;
    if (found && Math.abs(found - row) > 0.5) setRow(found);
  }, [row, narrow]);
  useImperativeHandle(handle, () => ({
    show: (index) => {
      const host = box.current;
      if (!host || index < 0) return;
      const at = index * row;
      const head = 34;
      if (at < host.scrollTop || at + row > host.scrollTop + host.clientHeight - head) host.scrollTop = Math.max(0, at - (host.clientHeight - head) / 2);
    },
  }), [row]);
  // A filter can leave fewer rows than were scrolled past.
  const first = Math.max(0, Math.min(Math.floor(top / row) - SPARE, rows.length - 1));
  const shown = rows.slice(first, first + Math.ceil(height / row) + 2 * SPARE);
  const below = Math.max(0, rows.length - first - shown.length);
  // One cell per column, hidden where it is: a cell over all of them would bring back columns that a phone leaves out.
  const blank = columns.map((c) => <td key={c.key} className={c.wideOnly ? 'dsk-only' : undefined} />);
  return (
    <div ref={box} className="scroll virtual" tabIndex={0} role="region" aria-label={label} style={{ maxBlockSize: height }} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <table className="tb" aria-rowcount={rows.length + 1}>
        <colgroup>{columns.map((c) => <col key={c.key} className={c.wideOnly ? 'dsk-only' : undefined} style={widths(c)} />)}</colgroup>
        <thead><tr aria-rowindex={1}>{columns.map((c) => <th key={c.key} scope="col" className={c.wideOnly ? 'dsk-only' : undefined}>{c.title}</th>)}</tr></thead>
        <tbody>
          {first > 0 && <tr aria-hidden="true" style={{ blockSize: first * row }}>{blank}</tr>}
          {shown.map((item, i) => (
            <StableRow key={rowKey(item)} item={item} index={first + i} columns={columns} className={rowClass?.(item) ?? ''} current={first + i === selected} probe={i === 0 ? probe : undefined} />
          ))}
          {below > 0 && <tr aria-hidden="true" style={{ blockSize: below * row }}>{blank}</tr>}
        </tbody>
      </table>
    </div>
  );
}
