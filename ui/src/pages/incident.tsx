// One incident: summary, timeline, sequence, who has it, notes.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Redirect, useParams } from 'wouter';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { EventCategory, IncidentDetail, RootCause, Severity, Timeline, TimelineTrend } from '@/api/types';
import { Field, SearchInput, Select } from '@/components/fields';
import { Filters } from '@/components/filters';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { useSignalName } from '@/components/metrics';
import { InlineError, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { atSource, filtered, type Moment, momentsOf } from '@/lib/moments';
import { Player } from '@/lib/player';
import { useParameter, useParameters, useTyped } from '@/lib/url';
import { AttachmentsPane } from './parts/attachments';
import { EventDetail } from './parts/event-detail';
import { EvidencePanel } from './parts/evidence';
import { CATEGORIES } from './parts/events-table';
import { IncidentChanges } from './parts/incident-changes';
import { IncidentHandling } from './parts/incident-handling';
import { RootCausePanel } from './parts/root-cause';
import { Sequence } from './parts/sequence';
import { TimelineView } from './parts/timeline';
import { WorkOrderForm } from './parts/work-order-form';
import { WorkOrdersPane } from './parts/work-order-parts';

function Notes({ detail, t: at }: { detail: IncidentDetail; t: number | null }) {
  const { t } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const [text, setText] = useState('');
  // Looking at the past shows what was known then.
  const notes = at === null ? detail.notes : detail.notes.filter((note) => note.at <= at);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      await api.addNote(detail.incident.id, { text: text.trim() });
      setText('');
      void client.invalidateQueries({ queryKey: ['incident', detail.incident.id] });
      void client.invalidateQueries({ queryKey: ['timeline', detail.incident.id] });
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Pane title={t('incident.notes')}>
      <ul className="list">
        {notes.map((note) => <li key={note.id} className="note-row"><div className="row s"><bdi className="m5">{note.author}</bdi><span className="dim"><When at={note.at} /></span></div><p dir="auto" className="s">{note.text}</p></li>)}
      </ul>
      {detail.notes.length === 0 && <p className="pb help">{t('incident.no_notes')}</p>}
      {notes.length < detail.notes.length && <p className="pb help">{t('incident.notes_later')}</p>}
      {may('blackbox.write') && (
        <form className="pb col" onSubmit={(event) => void submit(event)}>
          <Field label={t('incident.add_note')} help={t('incident.note_help')}>{(p) => <textarea {...p} className="in" dir="auto" rows={3} maxLength={4000} value={text} onChange={(e) => setText(e.target.value)} />}</Field>
          <InlineError error={error} />
          <div><button type="submit" className="btn" disabled={text.trim() === ''}>{t('incident.save_note')}</button></div>
        </form>
      )}
    </Pane>
  );
}

function Summary({ detail }: { detail: IncidentDetail }) {
  const { t, word, name, span } = useText();
  const { incident } = detail;
  return (
    <section className="rail summary" aria-label={t('incident.summary')}>
      <div><div className="k">{t('field.severity')}</div><SeverityMark severity={incident.severity} /></div>
      <div><div className="k">{t('field.asset')}</div><AppLink to={`/assets/${incident.asset_id}`}><Tag>{incident.asset_code}</Tag></AppLink> <span className="s mid">{name(incident.asset_names)}</span></div>
      <div><div className="k">{t('incident.type')}</div>{word('incident_type', incident.incident_type)}</div>
      <div><div className="k">{t('incident.started')}</div><When at={incident.started_at} full /></div>
      <div><div className="k">{t('incident.ended')}</div>{incident.ended_at === null ? t('incident.ongoing') : <><When at={incident.ended_at} full /> <span className="cap dim">{span(incident.ended_at - incident.started_at)}</span></>}</div>
      <div><div className="k">{t('field.state')}</div>{word('incident_status', incident.status)}<span className="cap dim"> · {incident.assignee ? <bdi>{incident.assignee}</bdi> : t('incident.nobody')}</span></div>
    </section>
  );
}

function Related({ detail }: { detail: IncidentDetail }) {
  const { t, name } = useText();
  if (detail.related_assets.length === 0) return null;
  return (
    <Pane title={t('incident.related')}>
      <ul className="list">{detail.related_assets.map((a) => <li key={a.asset_id}><AppLink to={`/assets/${a.asset_id}`}><Tag>{a.code}</Tag></AppLink><span className="ell grow s mid">{name(a.names)}</span><span className="cap dim">{t('incident.events', { n: a.event_count })}</span></li>)}</ul>
    </Pane>
  );
}

/** Position and address are one: the address follows the player once a second, and a deep link or the time bar moves it. */
function useDeepLink(player: Player | null): void {
  const cursor = useCursor();
  const told = useRef<number | null | undefined>(undefined);
  const latest = useRef(cursor);
  useEffect(() => { latest.current = cursor; });
  const t = cursor.t;
  useEffect(() => {
    if (!player || told.current === t) return;
    told.current = t;
    player.seek(t !== null && t >= player.from && t <= player.to ? t : null);
  }, [player, t]);
  useEffect(() => {
    if (!player) return;
    const tell = () => {
      const at = player.position;
      if (at === null) return;
      const t = Math.round(at);
      const next = t >= Date.now() - 1000 ? null : t;
      if (next === told.current) return;
      told.current = next;
      latest.current.setT(next);
    };
    // A drag or a run of steps tells the address once, when it has come to rest.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = player.listen(() => {
      if (player.playing) return;
      clearTimeout(timer);
      timer = setTimeout(tell, 60);
    });
    const every = setInterval(() => player.playing && tell(), 1000);
    return () => {
      stop();
      clearTimeout(timer);
      clearInterval(every);
    };
  }, [player]);
}

/** One player for the window of an incident; it lives as long as the page shows this incident. */
function useTimelinePlayer(id: string, timeline: Timeline | undefined): Player | null {
  const [made, setMade] = useState<{ id: string; player: Player } | null>(null);
  const [from, to] = [timeline?.from, timeline?.to];
  useEffect(() => {
    if (from === undefined || to === undefined) return;
    setMade((old) => {
      if (old?.id !== id) return { id, player: new Player(from, to) };
      old.player.within(from, to);
      return old;
    });
  }, [id, from, to]);
  const player = made?.id === id ? made.player : null;
  useEffect(() => () => player?.pause(), [player]);
  return player;
}

/** What the cause rests on is drawn under the lanes: once it is found, the timeline is asked again. */
function useTrendsOfCause(id: string, timeline: Timeline): void {
  const { p } = useText();
  const client = useQueryClient();
  const { data: cause } = useQuery<RootCause>({ queryKey: ['root-cause', id, p.language], queryFn: () => api.rootCause(id), enabled: false });
  const asked = useRef(0);
  useEffect(() => {
    if (!cause || asked.current === cause.version) return;
    asked.current = cause.version;
    const drawn = new Set(timeline.trends.map((trend) => trend.signal_id));
    if (cause.first_movers?.some((m) => !drawn.has(m.signal_id))) void client.invalidateQueries({ queryKey: ['timeline', id] });
  }, [cause, client, id, timeline]);
}

/** Signals that a reader laid beside those drawn anyway; the address keeps them. */
function useAddedTrends(timeline: Timeline): { trends: TimelineTrend[]; bar: ReactNode; added: number } {
  const { t } = useText();
  const name = useSignalName();
  const [kept, setKept] = useParameter('trends');
  const added = useMemo(() => kept.split(',').flatMap((id) => timeline.more_trends.find((trend) => trend.signal_id === id) ?? []), [kept, timeline]);
  const trends = useMemo(() => [...timeline.trends, ...added], [timeline, added]);
  const set = (next: TimelineTrend[]) => setKept(next.map((trend) => trend.signal_id).join(','));
  const label = (trend: TimelineTrend) => `${name(trend)} · ${trend.asset_code}`;
  const left = timeline.more_trends.filter((trend) => !added.includes(trend));
  const bar = timeline.more_trends.length === 0 ? null : (
    <>
      <Select label={t('incident.add_trend')} value="" onChange={(id) => set([...added, ...timeline.more_trends.filter((trend) => trend.signal_id === id)])} options={[{ value: '', label: t('incident.add_trend') }, ...left.map((trend) => ({ value: trend.signal_id, label: label(trend) }))]} />
      {added.map((trend) => <button key={trend.signal_id} type="button" className="chip" aria-label={t('incident.remove_trend', { name: label(trend) })} onClick={() => set(added.filter((one) => one !== trend))}>{name(trend)} <Icon name="close" /></button>)}
    </>
  );
  return { trends, bar, added: added.length };
}

function Events({ incident, timeline, all, player }: { incident: string; timeline: Timeline; all: Moment[]; player: Player }) {
  const { t, word } = useText();
  useTrendsOfCause(incident, timeline);
  const { trends, bar, added } = useAddedTrends(timeline);
  const [parameters, change] = useParameters();
  const [follow, setFollow] = useState(true);
  const [category, severity] = ['category', 'severity'].map((k) => parameters.get(k) ?? '') as [EventCategory | '', Severity | ''];
  const { typed, setTyped, sought } = useTyped('find');
  const texts = useMemo(() => new WeakMap<Moment, string>(), []);
  const moments = useMemo(() => filtered(all, { q: sought, category, severity }, texts), [all, sought, category, severity, texts]);
  const sources = useMemo(() => new Set(all.map((m) => m.item.event.source_system)).size, [all]);
  const whole = useMemo(() => ({ from: timeline.from, to: timeline.to }), [timeline.from, timeline.to]);
  const pick = useCallback((at: number) => player.seek(at), [player]);
  return (
    <>
      <Filters
        label={bar ? t('incident.filters') : undefined} active={[category, severity].filter((x) => x !== '').length + added}
        search={<SearchInput label={t('incident.search')} value={typed} onChange={setTyped} />}
        after={moments.length < all.length && <span className="cap mid" role="status">{t('incident.filtered', { shown: moments.length, n: all.length })}</span>}
      >
        <Select label={t('event.category')} value={category} onChange={(v) => change({ category: v })} options={[{ value: '', label: t('event.all_categories') }, ...CATEGORIES.map((c) => ({ value: c, label: word('category', c) }))]} />
        <Select label={t('field.severity')} value={severity} onChange={(v) => change({ severity: v })} options={[{ value: '', label: t('event.all_severities') }, ...(['critical', 'warning', 'info'] as const).map((s) => ({ value: s, label: word('severity', s) }))]} />
        {bar}
      </Filters>
      <TimelineView moments={moments} trends={trends} whole={whole} player={player} follow={follow} onFollow={setFollow} truncated={timeline.truncated} />
      <Sequence moments={moments} total={all.length} sources={sources} player={player} follow={follow} onPick={pick} />
    </>
  );
}

export default function IncidentPage() {
  const { t, p } = useText();
  const { id = '' } = useParams<{ id: string }>();
  const cursor = useCursor();
  const [merged] = useParameter('merged');
  const { may } = useSession();
  const [ordering, setOrdering] = useState(false);
  const refetchInterval = useRefresh(cursor.t);
  const incident = useQuery({ queryKey: ['incident', id, p.language], queryFn: () => api.incident(id), refetchInterval });
  // Tens of thousands of events are neither read again by the clock (the stream says when there are more) nor compared one by one.
  const timeline = useQuery({ queryKey: ['timeline', id, p.language], queryFn: () => api.timeline(id), structuralSharing: false });
  const known_at = cursor.asOf.known_at;
  const moments = useMemo(() => momentsOf((timeline.data?.events ?? []).filter((e) => known_at === null || e.event.ingest_time <= known_at)), [timeline.data, known_at]);
  const player = useTimelinePlayer(id, timeline.data);
  const offsets = useMemo(() => new Map([...(timeline.data?.trends ?? []), ...(timeline.data?.more_trends ?? [])].map((trend) => [trend.signal_id, trend.time_offset_ms])), [timeline.data]);
  useDeepLink(player);
  useTitle(incident.data ? `${incident.data.incident.number} · ${incident.data.incident.title}` : t('page.incident'));
  return (
    <Loaded query={incident} what={t('incident.loading')} rows={8}>
      {(detail) => detail.merged_into ? <Redirect to={`/blackbox/incidents/${detail.merged_into.id}?merged=${encodeURIComponent(detail.incident.number)}`} replace /> : (
        <>
          <PageHead crumb={{ to: '/blackbox', text: t('page.blackbox'), here: <Tag>{detail.incident.number}</Tag> }} title={detail.incident.title}>
            {may('work_orders.write') && <button type="button" className="btn" onClick={() => setOrdering(true)}><Icon name="wrench" />{t('work_orders.create')}</button>}
            <AppLink className="btn" data-action="twin-then" to={`/digital-twin?asset=${detail.incident.asset_id}&t=${cursor.t === null ? detail.incident.started_at : atSource(moments, cursor.t)}`}><Icon name="twin" />{t('incident.twin_then')}</AppLink>
          </PageHead>
          <div className="stack">
            {merged && <Notice>{t('care.redirected', { number: merged, into: detail.incident.number })}</Notice>}
            <Summary detail={detail} />
            <div className="incident-grid">
              <div className="stack">
                <Loaded query={timeline} what={t('incident.loading')} rows={8}>
                  {(tl) => player && <Events incident={id} timeline={tl} all={moments} player={player} />}
                </Loaded>
              </div>
              <div className="stack">
                {player && <RootCausePanel incident={id} player={player} offsets={offsets} moments={moments} />}
                {player && <EventDetail moments={moments} player={player} />}
                <IncidentHandling detail={detail} />
                <IncidentChanges detail={detail} />
                <AttachmentsPane incident={id} />
                <Related detail={detail} />
                {may('work_orders.read') && <WorkOrdersPane always query={{ incident_id: id }} all={`/work-orders?incident=${id}`} />}
                <EvidencePanel incident={id} />
                <Notes detail={detail} t={cursor.t} />
              </div>
            </div>
          </div>
          {ordering && <WorkOrderForm start={{ incident_id: id, asset_id: detail.incident.asset_id, asset_code: detail.incident.asset_code, title: detail.incident.title }} onClose={() => setOrdering(false)} />}
        </>
      )}
    </Loaded>
  );
}
