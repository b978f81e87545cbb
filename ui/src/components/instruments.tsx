// A value in its context: analog indicator, contributor bar, sparkline, freshness strip.
import type { AssetStatus, Limits } from '@/api/types';
import { useText } from '@/i18n/text';
import { limitValues, positionOn, type Scale, scaleOf } from '@/lib/scale';

const POINTER: Record<AssetStatus, string> = {
  critical: 'var(--crit-fill)', warning: 'var(--warn-edge)', normal: 'var(--ink)', unknown: 'var(--ink-3)',
};

interface IndicatorProps {
  value: number | null | undefined;
  status: AssetStatus;
  limits?: Limits | null;
  band?: Scale | null;
  scaleLow?: number | null;
  scaleHigh?: number | null;
}

/** Scale low to high is left to right in both languages. Without a scale it is hatched: no basis, no drawing. */
export function AnalogIndicator({ value, status, limits, band = null, scaleLow, scaleHigh }: IndicatorProps) {
  const { t } = useText();
  const scale = scaleOf(scaleLow, scaleHigh, limits, band, value);
  if (!scale || value === null || value === undefined) {
    return <div className="mai none hatch" role="img" aria-label={t('instrument.no_value')} />;
  }
  const at = (x: number) => `${positionOn(scale, x)}%`;
  return (
    <div className="mai" aria-hidden="true">
      <i className="track" />
      {band && <i className="nb" style={{ insetInlineStart: at(band.low), insetInlineEnd: `${100 - positionOn(scale, band.high)}%` }} />}
      {limitValues(limits).map((x, i) => <i key={i} className="lm" style={{ insetInlineStart: at(x) }} />)}
      <span className="pt" style={{ insetInlineStart: at(value) }}>
        <svg viewBox="0 0 9 16"><path d="M0 0h9L5.5 8 9 16H0l3.5-8z" fill={POINTER[status]} /></svg>
      </span>
    </div>
  );
}

export function Bar({ share, status }: { share: number; status?: AssetStatus }) {
  return <span className="bar" aria-hidden="true"><i className={status} style={{ inlineSize: `${Math.min(100, Math.max(0, share))}%` }} /></span>;
}

/** Splits a series at its gaps: a gap stays a gap. */
export function segments(t: number[], v: (number | null)[]): { t: number; v: number }[][] {
  const parts: { t: number; v: number }[][] = [];
  let part: { t: number; v: number }[] = [];
  t.forEach((time, i) => {
    const value = v[i];
    if (value === null || value === undefined) {
      if (part.length > 0) parts.push(part);
      part = [];
    } else part.push({ t: time, v: value });
  });
  if (part.length > 0) parts.push(part);
  return parts;
}

export function Sparkline({ t, v, status = 'normal', band, from, to, stepped = false }: { t: number[]; v: (number | null)[]; status?: AssetStatus; band?: Scale | null; from?: number; to?: number; stepped?: boolean }) {
  const values = v.filter((x): x is number => x !== null);
  if (values.length < 2) return <svg className="spark" viewBox="0 0 100 28" aria-hidden="true" />;
  const low = Math.min(...values, band?.low ?? Infinity);
  const high = Math.max(...values, band?.high ?? -Infinity);
  const start = from ?? t[0]!;
  const end = to ?? t[t.length - 1]!;
  const x = (time: number) => ((time - start) / Math.max(1, end - start)) * 100;
  const y = (value: number) => (high === low ? 14 : 26 - ((value - low) / (high - low)) * 24);
  const path = segments(t, v).map((part) => part.map((point, i) => `${i === 0 ? 'M' : stepped ? `H${x(point.t).toFixed(2)}L` : 'L'}${x(point.t).toFixed(2)} ${y(point.v).toFixed(2)}`).join('')).join('');
  return (
    <svg className={`spark ${status}`} viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">
      {band && <rect className="band" x="0" width="100" y={y(band.high)} height={Math.max(0.5, y(band.low) - y(band.high))} />}
      <path className="ln" d={path} />
    </svg>
  );
}

/** 48 half-hours of one source: nothing, some, full; silence is visible. */
export function Freshness({ strip, label }: { strip: number[]; label: string }) {
  return <div className="fresh" role="img" aria-label={label}>{strip.map((level, i) => <i key={i} className={`f${Math.min(2, level)}`} />)}</div>;
}
