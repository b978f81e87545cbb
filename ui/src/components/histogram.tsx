// Events per slice of time; drag across it to choose a window. Over the alarm target a bar is amber, in a flood red.
import { useMediaQuery } from '@mantine/hooks';
import { type PointerEvent, useRef, useState } from 'react';
import type { HistogramBin } from '@/api/types';
import { useText } from '@/i18n/text';
import { ticksIn } from '@/lib/cursor';
import { tickLabel } from '@/lib/plot';

/** Ten alarms in ten minutes is a flood (ISA-18.2); six an hour is the target of a manageable rate. */
const TARGET_PER_HOUR = 6;
const FLOOD_PER_HOUR = 60;

export function toneOf(bin: HistogramBin, perHour: number): 'flood' | 'busy' | 'calm' {
  const alarms = (bin.warning + bin.critical) * perHour;
  if (alarms >= FLOOD_PER_HOUR) return 'flood';
  return alarms > TARGET_PER_HOUR && bin.warning + bin.critical > 1 ? 'busy' : 'calm';
}

const FILL = { flood: 'var(--crit-fill)', busy: 'var(--warn-fill)', calm: 'var(--line-strong)' } as const;

interface Props {
  bins: HistogramBin[];
  from: number;
  to: number;
  perHour: number;
  brush: { from: number; to: number } | null;
  onBrush: (brush: { from: number; to: number } | null) => void;
  cursorAt: number | null;
}

export function Histogram({ bins, from, to, perHour, brush, onBrush, cursorAt }: Props) {
  const { t, n, p } = useText();
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const host = useRef<HTMLDivElement>(null);
  const [start, setStart] = useState<number | null>(null);
  const most = Math.max(4, ...bins.map((b) => b.total));
  const x = (at: number) => ((at - from) / (to - from)) * 100;
  const timeAt = (event: PointerEvent) => {
    const box = host.current!.getBoundingClientRect();
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const total = bins.reduce((sum, b) => sum + b.total, 0);
  const floods = bins.filter((b) => toneOf(b, perHour) === 'flood').length;
  const width = 100 / Math.max(1, bins.length);
  const drag = (event: PointerEvent) => {
    if (start === null) return;
    const at = timeAt(event);
    if (Math.abs(at - start) > (to - from) * 0.01) onBrush({ from: Math.min(start, at), to: Math.max(start, at) });
  };
  return (
    <div className="hist-frame">
      <span className="cap dim">{t('histogram.most', { n: n(most, 0) })}</span>
      <div ref={host} className="hist" role="img" aria-label={t('histogram.label', { total: n(total, 0), floods })}
        onPointerDown={(e) => { e.currentTarget.setPointerCapture(e.pointerId); setStart(timeAt(e)); onBrush(null); }} onPointerMove={drag} onPointerUp={() => setStart(null)} onPointerCancel={() => setStart(null)}>
        <svg viewBox="0 0 100 126" preserveAspectRatio="none" aria-hidden="true" className="hist-svg">
          {bins.map((bin) => {
            const height = bin.total === 0 ? 1 : 3 + (bin.total / most) * 117;
            const tone = toneOf(bin, perHour);
            return <rect key={bin.t} x={x(bin.t) + width * 0.12} width={width * 0.76} y={126 - height} height={height} fill={FILL[tone]} stroke={tone === 'busy' ? 'var(--warn-edge)' : 'none'} vectorEffect="non-scaling-stroke" />;
          })}
          {brush && <rect x={x(brush.from)} width={x(brush.to) - x(brush.from)} y="0" height="126" fill="var(--action)" opacity=".14" />}
          {cursorAt !== null && <path d={`M${x(cursorAt)} 0V126`} stroke="var(--past)" strokeWidth="2" vectorEffect="non-scaling-stroke" />}
        </svg>
        {ticksIn(from, to, narrow ? 4 : 7).map((tick) => <span key={tick} className="lab" style={{ insetInlineStart: `${x(tick)}%` }}>{tickLabel(p, tick, to - from)}</span>)}
      </div>
      <div className="row wrap g4 cap dim">
        <span className="row g1"><i className="key-box" />{t('histogram.calm')}</span>
        <span className="row g1"><i className="key-box busy" />{t('histogram.busy')}</span>
        <span className="row g1"><i className="key-box flood" />{t('histogram.flood')}</span>
      </div>
    </div>
  );
}
