// The lanes of the timeline on one canvas: a mark per event, a bar where many fall together, a whisker for the
// uncertainty of the source's clock, and a bracket over events whose order can't be known.
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useMemo, useRef } from 'react';
import type { EventCategory, Severity } from '@/api/types';
import { useText } from '@/i18n/text';
import { between, isTie, type Moment, type Slot, slotsOf, tiesOf } from '@/lib/moments';
import { token } from '@/lib/plot';

export const LANE = 26;
const TIES = 22;
/** Pixels that one mark needs. */
const MARK = 6;

interface Props {
  lanes: { category: EventCategory; moments: Moment[] }[];
  moments: Moment[];
  from: number;
  to: number;
  label: string;
}

function drawMark(c: CanvasRenderingContext2D, severity: Severity, x: number, y: number): void {
  if (severity === 'info') {
    c.fillStyle = token('ink-2');
    c.fillRect(x - 4, y - 4, 8, 8);
    return;
  }
  if (severity === 'critical') {
    c.fillStyle = token('crit-fill');
    c.fillRect(x - 7, y - 7, 14, 14);
    c.fillStyle = token('on-crit');
    c.fillRect(x - 1, y - 4, 2, 5);
    c.fillRect(x - 1, y + 3, 2, 2);
    return;
  }
  c.beginPath();
  c.moveTo(x, y - 6);
  c.lineTo(x + 6.5, y + 6);
  c.lineTo(x - 6.5, y + 6);
  c.closePath();
  c.fillStyle = token('warn-fill');
  c.fill();
  c.strokeStyle = token('warn-edge');
  c.lineWidth = 1.2;
  c.stroke();
}

function drawSlot(c: CanvasRenderingContext2D, slot: Slot, width: number, top: number, scale: number): void {
  const x = slot.x * width;
  const half = slot.n === 1 ? slot.first.item.event.time_uncertainty_ms * scale : 0;
  if (half > MARK) {
    c.strokeStyle = token('ink-3');
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(x - half, top + LANE / 2);
    c.lineTo(x + half, top + LANE / 2);
    for (const end of [x - half, x + half]) {
      c.moveTo(end, top + LANE / 2 - 3);
      c.lineTo(end, top + LANE / 2 + 3);
    }
    c.stroke();
  }
  if (slot.n > 1) {
    // Ten times as many are twice as high: a flood and a pair must both be seen.
    const height = Math.min(LANE - 4, 6 + Math.log10(slot.n) * 7);
    c.fillStyle = token('line-strong');
    c.fillRect(x - 2, top + LANE - 2 - height, MARK - 1, height);
  }
  if (slot.n === 1 || slot.severity !== 'info') drawMark(c, slot.severity, x, top + LANE / 2);
}

function draw(c: CanvasRenderingContext2D, width: number, { lanes, moments, from, to }: Props): void {
  const scale = width / (to - from);
  c.clearRect(0, 0, width, TIES + lanes.length * LANE);
  c.strokeStyle = token('line');
  c.lineWidth = 1;
  for (let i = 0; i <= lanes.length; i += 1) c.strokeRect(-1, TIES + i * LANE - 0.5, width + 2, 0);
  c.font = '500 11px "IBM Plex Mono", monospace';
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  for (const tie of tiesOf(moments, from, to, MARK / scale)) {
    const [a, b] = [(tie.from - from) * scale, Math.max((tie.to - from) * scale, (tie.from - from) * scale + MARK - 2)];
    c.strokeStyle = token('past');
    c.setLineDash(b - a > 16 ? [3, 2] : []);
    c.lineWidth = 1.5;
    c.beginPath();
    c.moveTo(a, TIES - 2);
    c.lineTo(a, TIES - 7);
    c.lineTo(b, TIES - 7);
    c.lineTo(b, TIES - 2);
    c.stroke();
    c.setLineDash([]);
    // Of several groups the places would say that all of them are one tie.
    const text = tie.groups === 1 ? `${tie.first}≈${tie.last}` : `${tie.groups}×≈`;
    if (c.measureText(text).width - 14 > b - a) continue;
    c.fillStyle = token('past');
    c.fillText(text, (a + b) / 2, 7);
  }
  lanes.forEach((lane, i) => {
    const slots = slotsOf(lane.moments, from, to, Math.max(1, Math.floor(width / MARK)));
    // The worst are drawn last: nothing covers them.
    for (const worst of ['info', 'warning', 'critical'] as const) {
      for (const slot of slots) if (slot.severity === worst) drawSlot(c, slot, width, TIES + i * LANE, scale);
    }
  });
}

export function Lanes(props: Props) {
  const { lanes, moments, from, to, label } = props;
  const { t, n } = useText();
  const scheme = useComputedColorScheme('light');
  const { ref, width } = useElementSize();
  const canvas = useRef<HTMLCanvasElement>(null);
  const height = TIES + lanes.length * LANE;
  useEffect(() => {
    const c = canvas.current?.getContext('2d');
    if (!c || width < 40) return;
    const ratio = devicePixelRatio;
    c.canvas.width = Math.round(width * ratio);
    c.canvas.height = Math.round(height * ratio);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(c, width, { lanes, moments, from, to, label });
    // The scheme is part of the colours that are read from the page.
  }, [lanes, moments, from, to, label, width, height, scheme]);
  const shown = useMemo(() => between(moments, from, to).length, [moments, from, to]);
  const tied = useMemo(() => new Set(between(moments, from, to).filter(isTie).map((m) => m.item.order)).size, [moments, from, to]);
  /** What lies under the pointer, as the tooltip of the canvas. */
  const explain = (event: React.MouseEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const time = from + ((event.clientX - box.left) / box.width) * (to - from);
    if (event.clientY - box.top < TIES) {
      const few = (MARK / box.width) * (to - from);
      const tie = tiesOf(moments, from, to, few).find((of) => of.from - few <= time && time <= of.to + few);
      event.currentTarget.title = !tie ? '' : tie.groups > 1 ? t('lanes.tied_groups', { n: tie.groups }) : t('event.tie', { first: n(tie.first, 0), last: n(tie.last, 0) });
      return;
    }
    const lane = lanes[Math.floor((event.clientY - box.top - TIES) / LANE)];
    const reach = (MARK / box.width) * (to - from);
    const near = lane ? between(lane.moments, time - reach, time + reach) : [];
    event.currentTarget.title = near.length === 0 ? '' : near.length === 1 ? near[0]!.item.event.message : t('lanes.crowd', { n: near.length, first: near[0]!.item.event.message });
  };
  return (
    <div ref={ref} className="lanes">
      <canvas ref={canvas} role="img" aria-label={[t('lanes.label', { what: label, shown: n(shown, 0), n: moments.length }), ...(tied > 0 ? [t('lanes.tied_groups', { n: tied })] : [])].join('. ')} style={{ blockSize: height }} data-events={moments.length} onMouseMove={explain} />
    </div>
  );
}
