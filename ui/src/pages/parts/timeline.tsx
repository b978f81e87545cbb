// The incident on one time axis: lanes by category, the lens around the cursor, trends; one line crosses all.
import { useElementSize, useMediaQuery } from '@mantine/hooks';
import { type KeyboardEvent, memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { EventCategory, Series, TimelineTrend } from '@/api/types';
import { AppLink } from '@/components/link';
import { Quantity, SourceTag } from '@/components/marks';
import { useSignalName } from '@/components/metrics';
import { useSeries } from '@/components/signals';
import { Trend } from '@/components/trend';
import { useText } from '@/i18n/text';
import { labelsIn } from '@/lib/cursor';
import { indexFrom, isCriticalMoment, type Moment, nextAt } from '@/lib/moments';
import { tickLabel } from '@/lib/plot';
import { type Player, usePosition } from '@/lib/player';
import { onAxis, valueAt } from '@/lib/scale';
import { CATEGORIES } from './events-table';
import { Lanes } from './lanes';
import { Lens } from './lens';
import { KeysDialog, PlayerBar } from './player-bar';
import { samplesLink } from './sequence';

interface View {
  from: number;
  to: number;
}

/** Closer than this there is nothing more to see. */
const NEAREST_MS = 2_000;

/** The value under the cursor, which changes while the drawing does not; it leads to the samples around it. */
/** A clock that is off by less does not move a point one could see. */
const WORTH_SAYING_MS = 500;

function AtCursor({ trend, data, player }: { trend: TimelineTrend; data: Series | undefined; player: Player }) {
  const { t, n } = useText();
  const at = usePosition(player, 500);
  const value = data && at !== null ? valueAt(data.t, data.v, at) : null;
  // Samples are kept by their source's clock.
  const samples = samplesLink(trend, at !== null ? at + trend.time_offset_ms : (trend.onset_at ?? Date.now()));
  const shown = value !== null && <Quantity value={value} unit={trend.unit} metric={trend.metric} className="b" />;
  return (
    <span className="cap row g1">
      {shown && samples ? <AppLink to={samples} title={t('event.samples')} onClick={(event) => event.stopPropagation()}>{shown}</AppLink> : shown}
      {data && <span className="dim" title={t(`trend.provenance.${data.provenance}`, { n: n(data.t.length, 0) })}>{t(`trend.short.${data.provenance}`)}</span>}
    </span>
  );
}

/** The place of a signal in the order in which they left their band, by the clock the axis shows. */
function rankOf(trends: TimelineTrend[], trend: TimelineTrend): number {
  const at = (x: TimelineTrend) => (x.onset_at === null ? Infinity : x.onset_at - x.time_offset_ms);
  return 1 + trends.filter((x) => at(x) < at(trend)).length;
}

const TrendLane = memo(function TrendLane({ trend, view, player, pen, rank, onAt }: { trend: TimelineTrend; view: View; player: Player; pen: number; rank: number; onAt: (t: number) => void }) {
  const { t, span } = useText();
  const name = useSignalName();
  const { from, to } = view;
  // One axis for marks and curves: the corrected clock. A source whose clock is ahead is asked later and drawn earlier.
  const ahead = trend.time_offset_ms;
  const { data } = useSeries(trend.signal_id, from + ahead, to + ahead, 900);
  // The plot is made anew when its data changes, so it must not change with every render.
  const series = useMemo(() => data && onAxis(data, ahead, from, to), [data, ahead, from, to]);
  const onset = trend.onset_at === null ? null : trend.onset_at - ahead;
  const moved = onset === null ? null : (onset - from) / (to - from);
  const samples = samplesLink(trend, trend.onset_at ?? from);
  return (
    <>
      <div className="lane-name tall-lane">
        {samples ? <AppLink className="ell" to={samples} title={t('event.samples')} onClick={(event) => event.stopPropagation()}>{name(trend)}</AppLink> : <span className="ell">{name(trend)}</span>}
        <SourceTag className="cap dim" tag={trend.tag ?? trend.asset_code} />
        <AtCursor trend={trend} data={series} player={player} />
        {Math.abs(ahead) >= WORTH_SAYING_MS && <span className="cap warn-t" data-shifted={ahead}>{t(ahead > 0 ? 'trend.shifted_back' : 'trend.shifted_forth', { span: span(Math.abs(ahead)) })}</span>}
      </div>
      <div className="lane trend-lane">
        {series && <Trend series={series} metric={trend.metric} label={t('trend.label', { name: name(trend) })} height={66} pen={pen} onsetAt={onset} onPick={onAt} />}
        {moved !== null && moved >= 0 && moved <= 1 && <span className={moved > 0.85 ? 'onset before' : 'onset'} style={{ insetInlineStart: `${moved * 100}%` }}><bdi>{t('incident.moved', { n: rank })}</bdi></span>}
      </div>
    </>
  );
});

/** The line that crosses everything. It moves itself, without the page, as a narrow layer of its own: nothing under
 *  it is drawn again. */
function Cross({ player, view }: { player: Player; view: View }) {
  const { ref, width } = useElementSize();
  const line = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const place = () => {
      if (!line.current) return;
      const at = player.position;
      const seen = at !== null && at >= view.from && at <= view.to;
      line.current.style.visibility = seen ? 'visible' : 'hidden';
      if (seen) line.current.style.transform = `translateX(${((at - view.from) / (view.to - view.from)) * width}px)`;
    };
    place();
    return player.listen(place);
  }, [player, view, width]);
  return <div className="cross" aria-hidden="true"><div className="ltr" ref={ref}><span ref={line} data-cursor="" /></div></div>;
}

/** What is shown of the whole: zoomed around the cursor, and moved along while it plays. */
function useView(player: Player, whole: View, follow: boolean) {
  const [view, setView] = useState(whole);
  useEffect(() => { setView((old) => (old.from >= whole.from && old.to <= whole.to && old.to - old.from < whole.to - whole.from ? old : whole)); }, [whole]);
  const zoomed = view.to - view.from < whole.to - whole.from;
  const scale = useCallback((factor: number) => setView((old) => {
    const length = Math.min(whole.to - whole.from, Math.max(NEAREST_MS, (old.to - old.from) * factor));
    const centre = player.position !== null && player.position >= old.from && player.position <= old.to ? player.position : (old.from + old.to) / 2;
    const from = Math.min(whole.to - length, Math.max(whole.from, centre - length / 2));
    return { from, to: from + length };
  }), [player, whole]);
  useEffect(() => {
    if (!zoomed || !follow) return;
    return player.listen(() => {
      const at = player.position;
      if (at === null) return;
      setView((old) => {
        const length = old.to - old.from;
        if (at >= old.from && at <= old.to - length * 0.1) return old;
        const from = Math.min(whole.to - length, Math.max(whole.from, at - length * 0.25));
        return from === old.from ? old : { from, to: from + length };
      });
    });
  }, [player, whole, zoomed, follow]);
  return { view, zoom: { in: () => scale(0.5), out: () => scale(2), whole: () => setView(whole), zoomed } };
}

interface Props {
  /** What the filter leaves; stepping goes from one of these to the next. */
  moments: Moment[];
  trends: TimelineTrend[];
  whole: View;
  player: Player;
  follow: boolean;
  onFollow: (follow: boolean) => void;
  truncated: boolean;
}

export const TimelineView = memo(function TimelineView({ moments, trends, whole, player, follow, onFollow, truncated }: Props) {
  const { t, p, word } = useText();
  const { view, zoom } = useView(player, whole, follow);
  const { from, to } = view;
  const axis = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery('(max-width: 760px)') ?? false;
  const [help, setHelp] = useState(false);
  const at = usePosition(player, 500);
  const lanes = useMemo(() => CATEGORIES.map((category: EventCategory) => ({ category, moments: moments.filter((m) => m.item.event.category === category) })), [moments]);
  const seek = useCallback((time: number) => player.seek(time), [player]);
  const jump = (way: 1 | -1, critical: boolean) => {
    const next = nextAt(moments, player.position ?? (way === 1 ? whole.from - 1 : whole.to), way, critical ? isCriticalMoment : undefined);
    if (next !== null) seek(next);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const act: Record<string, () => void> = {
      ArrowRight: () => jump(1, event.shiftKey), ArrowLeft: () => jump(-1, event.shiftKey), Space: () => player.toggle(),
      Home: () => seek(whole.from), End: () => seek(whole.to), KeyL: () => player.setLoop(!player.loop), KeyF: () => onFollow(!follow),
      KeyZ: zoom.in, KeyX: zoom.out, Digit0: zoom.whole, Equal: () => player.shift(1), NumpadAdd: () => player.shift(1),
      Minus: () => player.shift(-1), NumpadSubtract: () => player.shift(-1),
    };
    const chosen = event.key === '?' || event.key === '؟' ? () => setHelp(true) : act[event.code];
    if (!chosen) return;
    event.preventDefault();
    chosen();
  };
  const pick = (event: React.MouseEvent) => {
    const box = axis.current?.getBoundingClientRect();
    if (!box || event.clientX < box.left || event.clientX > box.right) return;
    const time = from + ((event.clientX - box.left) / box.width) * (to - from);
    // A press on a mark means the mark.
    const reach = (5 / box.width) * (to - from);
    const near = moments[indexFrom(moments, time - reach)];
    seek(near && near.at <= time + reach ? near.at : time);
  };
  return (
    <section className="pane" aria-label={t('incident.timeline')}>
      <PlayerBar player={player} follow={follow} onFollow={onFollow} onJump={jump} moreCritical={nextAt(moments, at ?? whole.from - 1, 1, isCriticalMoment) !== null} zoom={zoom} />
      <div className="tl" tabIndex={0} role="group" aria-label={t('incident.timeline_keys')} onKeyDown={onKey} onClick={pick}>
        <div className="lane-name axis-name" />
        <div className="lane axis" ref={axis}>{labelsIn(from, to, narrow).map((tick) => <span key={tick} className="lab" style={{ insetInlineStart: `${((tick - from) / (to - from)) * 100}%` }}>{tickLabel(p, tick, to - from)}</span>)}</div>
        <div className="lane-names">
          <div className="lane-name ties-name cap">{t('lanes.ties')}</div>
          {lanes.map((lane) => <div key={lane.category} className="lane-name">{word('category', lane.category)}<span className="sr">{t('incident.events', { n: lane.moments.length })}</span></div>)}
        </div>
        <Lanes lanes={lanes} moments={moments} from={from} to={to} label={t('incident.timeline')} />
        <div className="lane-name lens-name"><b>{t('lens.title')}</b><span className="cap">{t('lens.around')}</span></div>
        <Lens moments={moments} player={player} />
        {trends.map((trend, i) => <TrendLane key={trend.signal_id} trend={trend} view={view} player={player} pen={(i % 6) + 1} rank={rankOf(trends, trend)} onAt={seek} />)}
        <Cross player={player} view={view} />
      </div>
      <div className="pf">
        <span><i className="key band" />{t('trend.band_key')}</span>
        <span className="row g1"><span className="order ambiguous">{'8≈9'}</span>{t('incident.ambiguous_key')}</span>
        <span className="row g1"><i className="key crowd" />{t('lanes.crowd_key')}</span>
        {truncated && <span className="warn-t">{t('incident.truncated')}</span>}
      </div>
      {help && <KeysDialog onClose={() => setHelp(false)} />}
    </section>
  );
});
