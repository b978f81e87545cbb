// One incident: summary, timeline, sequence, who has it, notes.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useParams } from 'wouter';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { IncidentDetail, IncidentPatch, IncidentStatus } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { InlineError } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { currentIndex } from '@/lib/playback';
import { Sequence } from './parts/sequence';
import { TimelineView } from './parts/timeline';
import { WorkOrderForm } from './parts/work-order-form';
import { WorkOrdersPane } from './parts/work-order-parts';

const STATUSES: IncidentStatus[] = ['open', 'investigating', 'resolved', 'closed'];

function Handling({ detail }: { detail: IncidentDetail }) {
  const { t, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const { incident } = detail;
  const write = may('blackbox.write');
  const patch = async (body: IncidentPatch) => {
    const next = await api.changeIncident(incident.id, body);
    client.setQueriesData<IncidentDetail>({ queryKey: ['incident', incident.id] }, next);
    for (const key of ['incidents', 'overview', 'incident-counts', 'timeline']) void client.invalidateQueries({ queryKey: [key] });
    toasts.done(t('toast.saved'));
  };
  const setStatus = (status: IncidentStatus) => {
    if (status !== 'closed') return void patch({ status }).catch(toasts.failed);
    confirm({ title: t('incident.close_title'), body: t('confirm.close_incident', { id: incident.number }), action: t('incident.close_action'), run: () => patch({ status }) });
  };
  const people = incident.assignee && !detail.assignable.includes(incident.assignee) ? [incident.assignee, ...detail.assignable] : detail.assignable;
  return (
    <Pane title={t('incident.handling')} flush={false}>
      <div className="stack">
        <Field label={t('field.state')}>{(p) => <select {...p} className="in" disabled={!write} value={incident.status} onChange={(e) => setStatus(e.target.value as IncidentStatus)}>{STATUSES.map((s) => <option key={s} value={s}>{word('incident_status', s)}</option>)}</select>}</Field>
        <Field label={t('incident.assignee')}>{(p) => <select {...p} className="in" disabled={!write} value={incident.assignee ?? ''} onChange={(e) => void patch({ assignee: e.target.value }).catch(toasts.failed)}><option value="">{t('incident.nobody')}</option>{people.map((name) => <option key={name} value={name}>{name}</option>)}</select>}</Field>
      </div>
      {dialog}
    </Pane>
  );
}

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
      <div><div className="k">{t('incident.duration')}</div>{incident.ended_at === null ? t('incident.ongoing') : span(incident.ended_at - incident.started_at)}</div>
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

export default function IncidentPage() {
  const { t, p } = useText();
  const { id = '' } = useParams<{ id: string }>();
  const cursor = useCursor();
  const { may } = useSession();
  const [ordering, setOrdering] = useState(false);
  const refetchInterval = useRefresh(cursor.t);
  const incident = useQuery({ queryKey: ['incident', id, p.language], queryFn: () => api.incident(id), refetchInterval });
  const timeline = useQuery({ queryKey: ['timeline', id, p.language], queryFn: () => api.timeline(id), refetchInterval });
  useTitle(incident.data ? `${incident.data.incident.number} · ${incident.data.incident.title}` : t('page.incident'));
  const events = timeline.data?.events ?? [];
  const current = events[currentIndex(events, cursor.t)];
  return (
    <Loaded query={incident} what={t('incident.loading')} rows={8}>
      {(detail) => (
        <>
          <PageHead crumb={{ to: '/blackbox', text: t('page.blackbox'), here: <Tag>{detail.incident.number}</Tag> }} title={detail.incident.title}>
            {may('work_orders.write') && cursor.t === null && <button type="button" className="btn" onClick={() => setOrdering(true)}><Icon name="wrench" />{t('work_orders.create')}</button>}
            <AppLink className="btn" to={`/digital-twin?asset=${detail.incident.asset_id}&t=${cursor.t ?? detail.incident.started_at}`}><Icon name="twin" />{t('incident.twin_then')}</AppLink>
          </PageHead>
          <div className="stack">
            <Summary detail={detail} />
            <div className="incident-grid">
              <div className="stack">
                <Loaded query={timeline} what={t('incident.loading')} rows={8}>
                  {(tl) => (
                    <>
                      <TimelineView timeline={tl} at={cursor.t !== null && cursor.t >= tl.from && cursor.t <= tl.to ? cursor.t : null} onAt={(at) => cursor.setT(Math.round(at))} />
                      <Sequence events={tl.events} selected={current?.event.id ?? null} onPick={cursor.setT} />
                    </>
                  )}
                </Loaded>
              </div>
              <div className="stack"><Handling detail={detail} /><Related detail={detail} />{may('work_orders.read') && <WorkOrdersPane query={{ incident_id: id }} all={`/work-orders?incident=${id}`} />}<Notes detail={detail} t={cursor.t} /></div>
            </div>
          </div>
          {ordering && <WorkOrderForm start={{ incident_id: id, asset_id: detail.incident.asset_id, asset_code: detail.incident.asset_code, title: detail.incident.title }} onClose={() => setOrdering(false)} />}
        </>
      )}
    </Loaded>
  );
}
