// The incident on one time axis: lanes by category, the lens around the cursor, trends; one line crosses all.
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { Timeline, TimelineEvent, TimelineTrend } from '@/api/types';
import { Segment } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { Quantity, severityShape, SourceTag } from '@/components/marks';
import { useSignalName } from '@/components/metrics';
import { useSeries } from '@/components/signals';
import { Trend } from '@/components/trend';
import { useText } from '@/i18n/text';
import { ticksIn } from '@/lib/cursor';
import { clock } from '@/lib/format';
import { isCritical, marksOf, neighbour, type Speed, SPEEDS, valueAt } from '@/lib/playback';
import { tickLabel } from '@/lib/plot';
import { CATEGORIES } from './events-table';
import { Lens } from './lens';

interface Props {
  timeline: Timeline;
  at: number | null;
  onAt: (t: number) => void;
}

function Lane({ label, events, from, to }: { label: string; events: TimelineEvent[]; from: number; to: number }) {
  const { t } = useText();
  const marks = useMemo(() => marksOf(events, from, to, 240), [events, from, to]);
  return (
    <>
      <div className="lane-name">{label}<span className="sr">{t('incident.events', { n: events.length })}</span></div>
      <div className="lane">
        {marks.map((mark) => (
          <span key={mark.t} className="mark" style={{ insetInlineStart: `${((mark.t - from) / (to - from)) * 100}%` }}>
            {mark.severity === 'info' ? <i className="evt" /> : <StatusShape shape={severityShape(mark.severity)} />}
          </span>
        ))}
      </div>
    </>
  );
}

function TrendLane({ trend, from, to, at, pen, onAt }: { trend: TimelineTrend; from: number; to: number; at: number | null; pen: number; onAt: (t: number) => void }) {
  const { t, n } = useText();
  const name = useSignalName();
  const { data } = useSeries(trend.signal_id, from, to, 900);
  const value = data && at !== null ? valueAt(data.t, data.v, at) : null;
  return (
    <>
      <div className="lane-name tall-lane"><span className="ell">{name(trend)}</span><SourceTag className="cap dim" tag={trend.tag ?? trend.asset_code} /><span className="cap row g1">{value !== null && <Quantity value={value} unit={trend.unit} metric={trend.metric} className="b" />}{data && <span className="dim" title={t(`trend.provenance.${data.provenance}`, { n: n(data.t.length, 0) })}>{t(`trend.short.${data.provenance}`)}</span>}</span></div>
      <div className="lane trend-lane">
        {data && <Trend series={{ ...data, from, to }} metric={trend.metric} label={t('trend.label', { name: name(trend) })} height={66} pen={pen} onsetAt={trend.onset_at} onPick={onAt} />}
        {trend.onset_at !== null && <span className="onset" style={{ insetInlineStart: `${((trend.onset_at - from) / (to - from)) * 100}%` }}><bdi>{t('incident.moved', { n: pen })}</bdi></span>}
      </div>
    </>
  );
}

/** Moves the cursor by itself; the address follows once a second, so that the rest of the page keeps up. */
function usePlayback(timeline: Timeline, at: number | null, onAt: (t: number) => void) {
  const [speed, setSpeed] = useState<Speed>(60);
  const [playing, setPlaying] = useState(false);
  const [running, setRunning] = useState<number | null>(null);
  const latest = useRef({ at, onAt });
  latest.current = { at, onAt };
  useEffect(() => {
    if (!playing) return;
    let position = latest.current.at ?? timeline.from;
    if (position >= timeline.to) position = timeline.from;
    let last = performance.now();
    let told = last;
    let frame = 0;
    const tick = (now: number) => {
      position = Math.min(timeline.to, position + (now - last) * speed);
      last = now;
      setRunning(position);
      if (now - told > 1000) {
        told = now;
        latest.current.onAt(position);
      }
      if (position >= timeline.to) setPlaying(false);
      else frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => {
      cancelAnimationFrame(frame);
      latest.current.onAt(position);
      setRunning(null);
    };
  }, [playing, speed, timeline]);
  return { speed, setSpeed, playing, setPlaying, position: running ?? at };
}

export function TimelineView({ timeline, at, onAt }: Props) {
  const { t, p, word } = useText();
  const { from, to, events } = timeline;
  const { speed, setSpeed, playing, setPlaying, position } = usePlayback(timeline, at, onAt);
  const lanes = useRef<HTMLDivElement>(null);
  const byCategory = useMemo(() => CATEGORIES.map((c) => ({ category: c, events: events.filter((e) => e.event.category === c) })), [events]);
  const jump = (way: 1 | -1, critical: boolean) => {
    const next = neighbour(events, position ?? (way === 1 ? from : to), way, critical ? isCritical : undefined);
    if (next !== null) onAt(next);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowRight') jump(1, event.shiftKey);
    else if (event.key === 'ArrowLeft') jump(-1, event.shiftKey);
    else if (event.code === 'Space' && event.target === event.currentTarget) setPlaying(!playing);
    else if (event.key === 'Home') onAt(from);
    else if (event.key === 'End') onAt(to);
    else return;
    event.preventDefault();
  };
  const pick = (event: React.MouseEvent) => {
    const box = lanes.current?.getBoundingClientRect();
    if (box && event.clientX >= box.left && event.clientX <= box.right) onAt(from + ((event.clientX - box.left) / box.width) * (to - from));
  };
  const share = position === null ? null : Math.min(1, Math.max(0, (position - from) / (to - from)));
  return (
    <section className="pane" aria-label={t('incident.timeline')}>
      <div className="pt player">
        <span className="row g1 ltr">
          <button type="button" className="btn sm icon" aria-label={t('play.previous')} onClick={() => jump(-1, false)}><Icon name="stepBack" /></button>
          <button type="button" className="btn sm icon pri" aria-label={t(playing ? 'time.pause' : 'time.play')} onClick={() => setPlaying(!playing)}><Icon name={playing ? 'pause' : 'play'} /></button>
          <button type="button" className="btn sm icon" aria-label={t('play.next')} onClick={() => jump(1, false)}><Icon name="stepOn" /></button>
          <button type="button" className="btn sm icon" aria-label={t('play.next_critical')} disabled={neighbour(events, position ?? from, 1, isCritical) === null} onClick={() => jump(1, true)}><Icon name="jump" /></button>
        </span>
        <Segment small label={t('play.speed')} value={String(speed)} onChange={(v) => setSpeed(Number(v) as Speed)} options={SPEEDS.map((s) => ({ value: String(s), label: <bdi dir="ltr">{`${s}×`}</bdi> }))} />
        <span className="past-t b">{position !== null && <bdi className="t" dir="ltr">{clock(p, position, true)}</bdi>}</span>
        <span className="cap dim end dsk-only-flex row keys"><bdi className="kbd" dir="ltr">{'← →'}</bdi>{t('play.key_event')}<bdi className="kbd" dir="ltr">{'Shift'}</bdi>{t('play.key_critical')}<bdi className="kbd" dir="ltr">{'Space'}</bdi>{t('time.play')}</span>
      </div>
      <div className="tl" tabIndex={0} role="group" aria-label={t('incident.timeline_keys')} onKeyDown={onKey} onClick={pick}>
        <div className="lane-name axis-name" />
        <div className="lane axis" ref={lanes}>{ticksIn(from, to, 8).map((tick) => <span key={tick} className="lab" style={{ insetInlineStart: `${((tick - from) / (to - from)) * 100}%` }}>{tickLabel(p, tick, to - from)}</span>)}</div>
        {byCategory.map((lane) => <Lane key={lane.category} label={word('category', lane.category)} events={lane.events} from={from} to={to} />)}
        {position !== null && <><div className="lane-name lens-name"><b>{t('lens.title')}</b><span className="cap">{t('lens.around')}</span></div><Lens events={events} at={position} /></>}
        {timeline.trends.map((trend, i) => <TrendLane key={trend.signal_id} trend={trend} from={from} to={to} at={position} pen={(i % 6) + 1} onAt={onAt} />)}
        {share !== null && <div className="cross" aria-hidden="true"><div className="ltr"><span style={{ insetInlineStart: `${share * 100}%` }} /></div></div>}
      </div>
      <div className="pf">
        <span><i className="key band" />{t('trend.band_key')}</span>
        <span className="row g1"><span className="order ambiguous">{'≈'}</span>{t('incident.ambiguous_key')}</span>
        {timeline.truncated && <span className="warn-t">{t('incident.truncated')}</span>}
      </div>
    </section>
  );
}
