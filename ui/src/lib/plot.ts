// Draws one trend with uPlot: normal band under the line, limits dashed, onset and cursor as lines. Colours come
// from the tokens in force.
import { wallClock } from './zone';
import type uPlot from 'uplot';
import type { Limits } from '@/api/types';
import type { Preferences } from '@/i18n/locale';
import { ticksIn } from './cursor';
import { clock, dayMonth, hourMinute, number } from './format';
import { limitValues, type Scale } from './scale';

export interface PlotInput {
  from: number;
  to: number;
  t: number[];
  v: (number | null)[];
  bad?: number[];
  limits?: Limits | null;
  band?: Scale | null;
  onsetAt?: number | null;
  cursorAt?: number | null;
  past?: boolean;
  pen?: number;
  axes?: boolean;
  /** How the points are joined; straight where not said. */
  paths?: uPlot.Series.PathBuilder;
  height: number;
  width: number;
  p: Preferences;
  onHover?: (index: number | null) => void;
}

export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Isolated by its own first letter: canvas text runs through the bidi algorithm as a whole. */
const isolated = (text: string) => `\u2068${text}\u2069`;
/** A number is left to right, its sign first. */
const isolatedNumber = (text: string) => `\u2066${text}\u2069`;

export function tickLabel(p: Preferences, t: number, span: number): string {
  if (span > 172_800_000) return isolated(dayMonth(p, t));
  // Ticks closer than a minute differ in their seconds.
  if (span < 480_000) return isolated(clock(p, t));
  const { hour, minute } = wallClock(t);
  const midnight = hour === '00' && minute === '00';
  return isolated(midnight ? dayMonth(p, t) : hourMinute(p, t));
}

/** Value range with the band and those limits that lie near the data, so a far limit does not flatten the line. */
export function valueRange(v: (number | null)[], band: Scale | null | undefined, limits: Limits | null | undefined): [number, number] {
  const data = v.filter((x): x is number => x !== null && Number.isFinite(x));
  const known = [...data, ...(band ? [band.low, band.high] : [])];
  if (known.length === 0) return [0, 1];
  let low = Math.min(...known);
  let high = Math.max(...known);
  const reach = Math.max(high - low, Math.abs(high) * 0.05, 1e-6) * 2.5;
  for (const limit of limitValues(limits)) {
    if (limit > high && limit - high < reach) high = limit;
    if (limit < low && low - limit < reach) low = limit;
  }
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - margin, high + margin];
}

function vertical(u: uPlot, t: number, colour: string, dash: number[], width: number): void {
  const x = u.valToPos(t / 1000, 'x', true);
  const { left, top, width: w, height: h } = u.bbox;
  if (x < left || x > left + w) return;
  u.ctx.save();
  u.ctx.strokeStyle = colour;
  u.ctx.lineWidth = width * devicePixelRatio;
  u.ctx.setLineDash(dash.map((d) => d * devicePixelRatio));
  u.ctx.beginPath();
  u.ctx.moveTo(x, top);
  u.ctx.lineTo(x, top + h);
  u.ctx.stroke();
  u.ctx.restore();
}

function underlay(u: uPlot, input: PlotInput): void {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  if (input.band) {
    const y1 = u.valToPos(input.band.high, 'y', true);
    const y2 = u.valToPos(input.band.low, 'y', true);
    u.ctx.globalAlpha = 0.75;
    u.ctx.fillStyle = token('band');
    u.ctx.fillRect(left, y1, width, y2 - y1);
    u.ctx.globalAlpha = 1;
  }
  u.ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  u.ctx.lineWidth = 1.2 * devicePixelRatio;
  const critical = [input.limits?.low_low, input.limits?.high_high];
  for (const limit of limitValues(input.limits)) {
    const y = u.valToPos(limit, 'y', true);
    u.ctx.strokeStyle = critical.includes(limit) ? token('crit-fill') : token('warn-edge');
    u.ctx.beginPath();
    u.ctx.moveTo(left, y);
    u.ctx.lineTo(left + width, y);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

function overlay(u: uPlot, input: PlotInput): void {
  if (input.bad?.length) {
    u.ctx.fillStyle = token('warn-edge');
    for (const i of input.bad) {
      const value = input.v[i];
      if (value === null || value === undefined) continue;
      const x = u.valToPos(input.t[i]! / 1000, 'x', true);
      const y = u.valToPos(value, 'y', true);
      u.ctx.fillRect(x - 2 * devicePixelRatio, y - 2 * devicePixelRatio, 4 * devicePixelRatio, 4 * devicePixelRatio);
    }
  }
  if (input.onsetAt) vertical(u, input.onsetAt, token('ink-2'), [2, 3], 1.4);
  if (input.cursorAt) vertical(u, input.cursorAt, token(input.past ? 'past' : 'ink'), [], 1.6);
}

export function plotOptions(input: PlotInput): uPlot.Options {
  const { p, from, to } = input;
  const font = '12px "IBM Plex Sans", "IBM Plex Sans Arabic", sans-serif';
  const axis = { stroke: token('ink-3'), font, grid: { stroke: token('line'), width: 1 }, ticks: { show: false } };
  return {
    width: input.width,
    height: input.height,
    legend: { show: false },
    padding: input.axes ? [8, 8, 0, 0] : [4, 0, 4, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: false, range: () => [from / 1000, to / 1000] }, y: { range: () => valueRange(input.v, input.band, input.limits) } },
    axes: input.axes
      ? [
          { ...axis, size: 26, splits: () => ticksIn(from, to, Math.max(2, Math.floor(input.width / 110))).map((t) => t / 1000), values: (_u, splits) => splits.map((s) => tickLabel(p, s * 1000, to - from)) },
          { ...axis, size: 54, values: (_u, splits) => splits.map((s) => isolatedNumber(number(p, s))) },
        ]
      : [{ show: false }, { show: false }],
    series: [{}, { stroke: token(`pen${input.pen ?? 1}`), width: 1.5, points: { show: input.v.length < 40 }, spanGaps: false, paths: input.paths }],
    hooks: {
      drawClear: [(u) => underlay(u, input)],
      draw: [(u) => overlay(u, input)],
      setCursor: [(u) => input.onHover?.(u.cursor.idx ?? null)],
    },
  };
}

/** Ten minutes: what a count of alarms is made of. */
const TEN_MINUTES = 600_000;

/** Where the slices of a period stand, in percent of it. The last may reach past the end: it is cut there, as its count is. */
export function slicesIn(starts: number[], from: number, to: number): { ms: number; at: { x: number; width: number }[] } {
  const ms = starts.length > 1 ? starts[1]! - starts[0]! : TEN_MINUTES;
  const percent = (t: number) => (Math.min(to, Math.max(from, t)) - from) / Math.max(1, to - from) * 100;
  return { ms, at: starts.map((start) => ({ x: percent(start), width: percent(start + ms) - percent(start) })) };
}
