// Events per slice of time, each bar with its warnings and critical ones. Drag across it, or move its two handles by
// keyboard, to choose a window. Floods come from the alarm report: there is one definition of them.
import { useMediaQuery } from '@mantine/hooks';
import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react';
import type { HistogramBin } from '@/api/types';
import { useText } from '@/i18n/text';
import { labelsIn } from '@/lib/cursor';
import { iso } from '@/lib/format';
import { tickLabel } from '@/lib/plot';

export interface Brush {
  from: number;
  to: number;
}

interface Props {
  bins: HistogramBin[];
  from: number;
  to: number;
  /** Floods of alarms in the window. */
  floods: Brush[];
  brush: Brush | null;
  onBrush: (brush: Brush | null) => void;
  cursorAt: number | null;
}

export function Histogram({ bins, from, to, floods, brush, onBrush, cursorAt }: Props) {
  const { t, n, p, span, word } = useText();
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const host = useRef<HTMLDivElement>(null);
  const [start, setStart] = useState<number | null>(null);
  // While it is dragged it is only drawn; the page reads its lists once, when it is let go.
  const [drawn, setDrawn] = useState<Brush | null>(null);
  const shown = drawn ?? brush;
  const step = (to - from) / Math.max(1, bins.length);
  const most = Math.max(4, ...bins.map((b) => b.total));
  const x = (at: number) => Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
  const snapped = (at: number) => Math.min(to, Math.max(from, from + Math.round((at - from) / step) * step));
  const timeAt = (event: PointerEvent) => {
    const box = host.current!.getBoundingClientRect();
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const total = bins.reduce((sum, b) => sum + b.total, 0);
  const width = 100 / Math.max(1, bins.length);
  const drag = (event: PointerEvent) => {
    if (start === null) return;
    const at = timeAt(event);
    if (Math.abs(at - start) <= (to - from) * 0.005) return setDrawn(null);
    const [a, b] = [snapped(Math.min(start, at)), snapped(Math.max(start, at))];
    setDrawn(b > a ? { from: a, to: b } : { from: a, to: Math.min(to, a + step) });
  };
  const drop = () => {
    if (start === null) return;
    onBrush(drawn);
    setStart(null);
    setDrawn(null);
  };
  const handle = (edge: 'from' | 'to') => {
    const window = shown ?? { from, to };
    const move = (event: KeyboardEvent) => {
      const by = (event.shiftKey ? 6 : 1) * step;
      const way = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
      if (event.key === 'Escape') onBrush(null);
      else if (way === 0) return;
      else {
        const next = snapped(window[edge] + way * by);
        const moved = edge === 'from' ? { from: Math.min(next, window.to - step), to: window.to } : { from: window.from, to: Math.max(next, window.from + step) };
        onBrush(moved.from <= from && moved.to >= to ? null : moved);
      }
      event.preventDefault();
    };
    return (
      <span className="brush-handle" role="slider" tabIndex={0} style={{ insetInlineStart: `${x(window[edge])}%` }} data-edge={edge}
        aria-label={t(`histogram.${edge}`)} aria-valuemin={Math.round(from)} aria-valuemax={Math.round(to)} aria-valuenow={Math.round(window[edge])} aria-valuetext={iso(window[edge])} onKeyDown={move} />
    );
  };
  return (
    <div className="hist-frame">
      <span className="cap dim">{t('histogram.most', { n: n(most, 0) })}</span>
      <div ref={host} className="hist"
        onPointerDown={(e) => { if (!(e.target instanceof HTMLElement && e.target.dataset.edge)) { e.currentTarget.setPointerCapture(e.pointerId); setStart(timeAt(e)); } else { e.currentTarget.setPointerCapture(e.pointerId); const w = shown ?? { from, to }; setStart(e.target.dataset.edge === 'from' ? w.to : w.from); } }}
        onPointerMove={drag} onPointerUp={drop} onPointerCancel={drop}>
        <svg viewBox="0 0 100 126" preserveAspectRatio="none" role="img" aria-label={t('histogram.label', { total: n(total, 0), floods: floods.length })} className="hist-svg">
          {bins.map((bin) => {
            const height = bin.total === 0 ? 1 : 3 + (bin.total / most) * 105;
            const part = (count: number) => (bin.total === 0 ? 0 : (count / bin.total) * height);
            const [critical, warning] = [part(bin.critical), part(bin.warning)];
            const at = { x: x(bin.t) + width * 0.12, width: width * 0.76 };
            return (
              <g key={bin.t}>
                <rect {...at} y={126 - height} height={height - critical - warning} fill="var(--line-strong)" />
                <rect {...at} y={126 - critical - warning} height={warning} fill="var(--warn-fill)" stroke="var(--warn-edge)" strokeWidth={warning > 0 ? 1 : 0} vectorEffect="non-scaling-stroke" />
                <rect {...at} y={126 - critical} height={critical} fill="var(--crit-fill)" />
              </g>
            );
          })}
          {shown && <rect x={x(shown.from)} width={x(shown.to) - x(shown.from)} y="0" height="126" fill="var(--action)" opacity=".14" />}
          {cursorAt !== null && cursorAt >= from && cursorAt <= to && <path d={`M${x(cursorAt)} 0V126`} stroke="var(--past)" strokeWidth="2" vectorEffect="non-scaling-stroke" />}
        </svg>
        {floods.map((flood) => <span key={flood.from} className="flood-label" style={{ insetInlineStart: `${Math.min(92, Math.max(8, x((flood.from + flood.to) / 2)))}%` }}><bdi>{t('histogram.flood_of', { span: span(flood.to - flood.from) })}</bdi></span>)}
        {labelsIn(from, to, narrow).map((tick) => <span key={tick} className="lab" style={{ insetInlineStart: `${x(tick)}%` }}>{tickLabel(p, tick, to - from)}</span>)}
        {handle('from')}{handle('to')}
      </div>
      <div className="row wrap g4 cap dim">
        <span className="row g1"><i className="key-box" />{word('severity', 'info')}</span>
        <span className="row g1"><i className="key-box busy" />{word('severity', 'warning')}</span>
        <span className="row g1"><i className="key-box flood" />{word('severity', 'critical')}</span>
      </div>
    </div>
  );
}
