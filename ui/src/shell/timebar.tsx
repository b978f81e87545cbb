// The one time of the application: now or a past moment, with the events above the axis. Left to right always.
import { useMediaQuery } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { HistogramBin } from '@/api/types';
import { Segment } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { useText } from '@/i18n/text';
import { type Range, RANGES, ticksIn, useCursor } from '@/lib/cursor';
import { clock, dayMonth, hourMinute, iso } from '@/lib/format';
import { tickLabel } from '@/lib/plot';

const BINS = 120;

function Bars({ bins }: { bins: HistogramBin[] }) {
  const most = Math.max(1, ...bins.map((b) => b.total));
  return (
    <svg className="h" viewBox={`0 0 ${bins.length || 1} 100`} preserveAspectRatio="none" aria-hidden="true">
      {bins.map((bin, i) => {
        const height = bin.total === 0 ? 3 : 8 + (bin.total / most) * 92;
        return <rect key={bin.t} x={i + 0.12} width={0.76} y={100 - height} height={height} fill={bin.critical > 0 ? 'var(--ink-2)' : 'var(--line-strong)'} opacity={bin.total === 0 ? 0.5 : 0.85} />;
      })}
    </svg>
  );
}

/** First bin of each run with critical (else warning) events: one flag per episode. */
export function flagsOf(bins: HistogramBin[]): { t: number; shape: 'critical' | 'warning' }[] {
  const kind = (b: HistogramBin | undefined) => (!b ? null : b.critical > 0 ? 'critical' : b.warning > 0 ? 'warning' : null);
  return bins.flatMap((bin, i) => {
    const shape = kind(bin);
    return shape && kind(bins[i - 1]) !== shape ? [{ t: bin.t, shape }] : [];
  });
}

export function TimeBar() {
  const { t, p } = useText();
  const { may } = useSession();
  const cursor = useCursor(1000);
  const { from, to, now, range, setT } = cursor;
  const { known_at } = cursor.asOf;
  const refresh = useRefresh(cursor.t);
  // The window is read per whole bin, so that a ticking clock does not ask the server every second.
  const step = RANGES[range] / BINS;
  const [a, b] = [Math.floor(from / step) * step, Math.ceil(to / step) * step];
  const { data: bins = [] } = useQuery({
    queryKey: ['histogram', a, b, known_at], enabled: may('blackbox.read'), refetchInterval: refresh, placeholderData: (previous) => previous,
    queryFn: () => api.histogram({ from: a, to: b, bins: BINS, known_at }),
  });

  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const strip = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<number | null>(null);
  const shown = drag ?? cursor.at;
  const percent = (at: number) => `${Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100))}%`;
  // A label stands centred on its tick: near an end it would run into what stands beside the strip.
  const edge = narrow ? 0.16 : 0.04;
  const inside = (at: number) => at - from >= edge * (to - from) && to - at >= edge * (to - from);
  const timeAt = (event: PointerEvent) => {
    const box = strip.current!.getBoundingClientRect();
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const move = useCallback((by: number) => {
    const next = (cursor.t ?? Date.now()) + by;
    setT(next >= Date.now() ? null : next);
  }, [cursor.t, setT]);

  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return;
    if (cursor.t === null) {
      setPlaying(false);
      return;
    }
    const timer = setTimeout(() => move(step), 1000);
    return () => clearTimeout(timer);
  }, [playing, cursor.t, move, step]);

  const onKey = (event: KeyboardEvent) => {
    const by = event.shiftKey ? step * 10 : step;
    if (event.key === 'ArrowLeft') move(-by);
    else if (event.key === 'ArrowRight') move(by);
    else if (event.key === 'Home') setT(from);
    else if (event.key === 'End') setT(null);
    else return;
    event.preventDefault();
  };
  const past = cursor.t !== null;
  const spoken = past ? t('time.as_of', { at: iso(shown) }) : t('time.now_at', { at: clock(p, now) });
  return (
    <section className="tbar" aria-label={t('time.bar')}>
      <div className="mode">
        <b><span className="dot" aria-hidden="true" />{t(past ? 'time.past' : 'time.now')}</b>
        {past
          ? <button type="button" onClick={() => setT(null)}>{t('time.back_to_now')}</button>
          : <span className="cap dim"><span>{dayMonth(p, now)}</span> <bdi className="t" dir="ltr">{clock(p, now)}</bdi></span>}
      </div>
      <div className={past ? 'ctl moves' : 'ctl moves dsk-only-flex'}>
        <button type="button" className="btn quiet sm icon" aria-label={t('time.step_back')} onClick={() => move(-step)}><Icon name="stepBack" /></button>
        <button type="button" className="btn quiet sm icon" aria-label={t(playing ? 'time.pause' : 'time.play')} disabled={!past} onClick={() => setPlaying(!playing)}><Icon name={playing ? 'pause' : 'play'} /></button>
        <button type="button" className="btn quiet sm icon" aria-label={t('time.step_on')} disabled={!past} onClick={() => move(step)}><Icon name="stepOn" /></button>
      </div>
      <div
        ref={strip} className="strip" role="slider" tabIndex={0} aria-label={t('time.cursor')}
        aria-valuemin={Math.round(from)} aria-valuemax={Math.round(to)} aria-valuenow={Math.round(shown)} aria-valuetext={spoken}
        onKeyDown={onKey}
        onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setDrag(timeAt(event)); }}
        onPointerMove={(event) => drag !== null && setDrag(timeAt(event))}
        onPointerUp={(event) => { if (drag !== null) { const at = timeAt(event); setDrag(null); setT(at > to - (to - from) * 0.003 && to >= now - 1000 ? null : at); } }}
        onPointerCancel={() => setDrag(null)}
      >
        <Bars bins={bins} />
        {flagsOf(bins).map((flag) => <span key={flag.t} className="flag" style={{ insetInlineStart: percent(flag.t) }}><StatusShape shape={flag.shape} /></span>)}
        {ticksIn(from, to, narrow ? 3 : 6).filter(inside).map((tick) => <span key={tick} className="tick" style={{ insetInlineStart: percent(tick) }}>{tickLabel(p, tick, to - from)}</span>)}
        {past && to >= now - 1000 && <span className="now" style={{ insetInlineStart: '100%' }} />}
        <span className={(shown - from) / (to - from) < 0.15 ? 'cur lft' : 'cur'} style={{ insetInlineStart: percent(shown) }}>
          <span className="lb">{range === '7d' ? `${hourMinute(p, shown)}` : clock(p, shown)}</span>
        </span>
      </div>
      <div className="ctl dsk-only-flex">
        <Segment<Range> small label={t('time.range')} value={range} onChange={cursor.setRange} options={(Object.keys(RANGES) as Range[]).map((r) => ({ value: r, label: t(`time.range.${r}`) }))} />
      </div>
    </section>
  );
}
