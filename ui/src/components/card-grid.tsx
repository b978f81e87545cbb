// Cards in groups, of which only those in sight are in the page: with ten thousand assets as with fifty.
import { useElementSize } from '@mantine/hooks';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';

export interface CardGroup<C> {
  id: string;
  head: ReactNode;
  cards: C[];
}

interface Props<C> {
  groups: CardGroup<C>[];
  card: (card: C) => ReactNode;
}

/** Fewer than this are simply drawn, each as high as it needs. */
const SIMPLE = 240;
const HEAD = 42;
const CARD = 158;
const GAP = 10;
const LEAST = 190;
/** Beyond the window, so that scrolling meets cards. */
const SPARE = 600;

type Row<C> = { key: string; top: number; height: number } & ({ head: ReactNode } | { cards: C[] });

/** Rows of the grid with their places. */
function rowsOf<C>(groups: CardGroup<C>[], columns: number): { rows: Row<C>[]; height: number } {
  const rows: Row<C>[] = [];
  let top = 0;
  for (const group of groups) {
    rows.push({ key: `${group.id} head`, top, height: HEAD, head: group.head });
    top += HEAD;
    for (let i = 0; i < group.cards.length; i += columns) {
      rows.push({ key: `${group.id} ${i}`, top, height: CARD + GAP, cards: group.cards.slice(i, i + columns) });
      top += CARD + GAP;
    }
    top += GAP;
  }
  return { rows, height: top };
}

export function CardGrid<C>({ groups, card }: Props<C>) {
  const total = groups.reduce((sum, g) => sum + g.cards.length, 0);
  if (total <= SIMPLE) return <>{groups.map((g) => <section key={g.id}>{g.head}<div className="cards">{g.cards.map(card)}</div></section>)}</>;
  return <LongGrid groups={groups} card={card} />;
}

function LongGrid<C>({ groups, card }: Props<C>) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const host = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ from: 0, to: 2000 });
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST + GAP)));
  const { rows, height } = useMemo(() => rowsOf(groups, columns), [groups, columns]);
  useEffect(() => {
    const grid = host.current;
    const scroller = grid?.closest('main');
    if (!grid || !scroller) return;
    const look = () => {
      const from = scroller.getBoundingClientRect().top - grid.getBoundingClientRect().top - SPARE;
      const to = from + scroller.clientHeight + 2 * SPARE;
      // Not for every pixel: the spare rows cover the way between.
      setRange((old) => (Math.abs(old.from - from) < SPARE / 2 && Math.abs(old.to - to) < SPARE / 2 ? old : { from, to }));
    };
    look();
    scroller.addEventListener('scroll', look, { passive: true });
    window.addEventListener('resize', look);
    return () => {
      scroller.removeEventListener('scroll', look);
      window.removeEventListener('resize', look);
    };
  }, [height]);
  const shown = rows.filter((r) => r.top + r.height >= range.from && r.top <= range.to);
  return (
    <div ref={ref}>
      <div ref={host} className="long-grid" style={{ blockSize: height }}>
        {shown.map((r) => (
          <div key={r.key} className="long-row" style={{ insetBlockStart: r.top }}>
            {'head' in r ? r.head : <div className="cards even" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`, blockSize: CARD }}>{r.cards.map(card)}</div>}
          </div>
        ))}
      </div>
    </div>
  );
}
