// Merging and splitting incidents by hand. What was done stands below as records; the newest may be taken back.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { IncidentChange, IncidentDetail, IncidentRow, TimelineEvent } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field, SearchInput } from '@/components/fields';
import { AppLink } from '@/components/link';
import { SeverityMark, Tag, When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useGo } from '@/lib/url';

const DAY = 86_400_000;
/** Shown of a long list; the search reaches the rest. */
const ROWS = 200;

function Reason({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useText();
  return <Field label={t('care.reason')} help={t('care.reason_help')} required>{(p) => <textarea {...p} className="in" name="reason" dir="auto" rows={2} maxLength={4000} value={value} onChange={(event) => onChange(event.target.value)} />}</Field>;
}

function useReread(): () => void {
  const client = useQueryClient();
  return () => { for (const key of ['incident', 'incidents', 'timeline', 'root-cause', 'incident-changes', 'attachments', 'overview', 'incident-counts', 'blackbox-counts']) void client.invalidateQueries({ queryKey: [key] }); };
}

function Deed({ title, what, action, ready, run, onClose, children }: { title: string; what: string; action: string; ready: boolean; run: (reason: string) => Promise<unknown>; onClose: () => void; children?: ReactNode }) {
  const { t } = useText();
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await run(reason.trim());
      onClose();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} size="lg">
      <div className="stack">
        <p className="prose">{what}</p>
        {children}
        <Reason value={reason} onChange={setReason} />
        <InlineError error={error} />
        <div className="actions"><button type="button" className="btn danger" data-action="decide" disabled={busy || !ready || reason.trim() === ''} onClick={() => void act()}>{action}</button><button type="button" className="btn" data-autofocus onClick={onClose}>{t('action.cancel')}</button></div>
      </div>
    </Dialog>
  );
}

function MergeDialog({ incident, onClose }: { incident: IncidentRow; onClose: () => void }) {
  const { t, p } = useText();
  const toasts = useToasts();
  const reread = useReread();
  const [chosen, setChosen] = useState('');
  const window = { from: incident.started_at - 7 * DAY, to: incident.started_at + 7 * DAY };
  const query = useQuery({ queryKey: ['incidents', 'mergeable', window, p.language], queryFn: () => api.incidents({ ...window, limit: 200 }) });
  const run = async (reason: string) => {
    await api.mergeIncident(incident.id, { incident_id: chosen, reason });
    reread();
    toasts.done(t('care.merged_done'));
  };
  return (
    <Deed title={t('care.merge_title', { number: incident.number })} what={t('care.merge_what', { number: incident.number })} action={t('care.merge_action')} ready={chosen !== ''} run={run} onClose={onClose}>
      <Loaded query={query} what={t('blackbox.loading')} rows={3}>
        {({ items }) => {
          const others = items.filter((i) => i.id !== incident.id);
          return others.length === 0 ? <Notice>{t('care.merge_none')}</Notice> : (
            <div className="scroll tall" tabIndex={0} role="radiogroup" aria-label={t('care.merge_choose')}>
              <ul className="list">{others.map((i) => <li key={i.id}><label className="row grow"><input type="radio" name="other" value={i.id} checked={chosen === i.id} onChange={() => setChosen(i.id)} /><SeverityMark severity={i.severity} bare /><span className="grow two"><span>{i.title}</span><small><Tag>{i.number}</Tag> · <Tag>{i.asset_code}</Tag> · <When at={i.started_at} full /></small></span></label></li>)}</ul>
            </div>
          );
        }}
      </Loaded>
    </Deed>
  );
}

function SplitDialog({ incident, onClose }: { incident: IncidentRow; onClose: () => void }) {
  const { t, n, p } = useText();
  const toasts = useToasts();
  const reread = useReread();
  const go = useGo();
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [sought, setSought] = useState('');
  const query = useQuery({ queryKey: ['timeline', incident.id, p.language], queryFn: () => api.timeline(incident.id), structuralSharing: false });
  const run = async (reason: string) => {
    const change = await api.splitIncident(incident.id, { event_ids: [...chosen], reason });
    reread();
    toasts.done(t('care.split_done', { number: change.other.number }));
    go(`/blackbox/incidents/${change.other.id}`);
  };
  const flip = (id: string) => setChosen((old) => { const next = new Set(old); if (!next.delete(id)) next.add(id); return next; });
  const row = ({ event, relation }: TimelineEvent) => (
    <li key={event.id}><label className="row grow"><input type="checkbox" disabled={relation === 'trigger'} checked={chosen.has(event.id)} onChange={() => flip(event.id)} /><SeverityMark severity={event.severity} bare /><span className="grow two"><span>{event.message}</span><small><When at={event.event_time} ms />{event.asset_code && <> · <Tag>{event.asset_code}</Tag></>}{relation === 'trigger' && <> · {t('care.opened_it')}</>}</small></span></label></li>
  );
  return (
    <Deed title={t('care.split_title', { number: incident.number })} what={t('care.split_what')} action={t('care.split_action', { n: chosen.size })} ready={chosen.size > 0} run={run} onClose={onClose}>
      <SearchInput label={t('incident.search')} value={sought} onChange={setSought} />
      <Loaded query={query} what={t('incident.loading')} rows={4}>
        {({ events }) => {
          const found = events.filter((e) => `${e.event.message} ${e.event.asset_code ?? ''}`.toLowerCase().includes(sought.toLowerCase()));
          return <><div className="scroll tall" tabIndex={0} role="group" aria-label={t('care.split_choose')}><ul className="list">{found.slice(0, ROWS).map(row)}</ul></div>{found.length > ROWS && <p className="help">{t('care.more_events', { n: found.length - ROWS })}</p>}<p className="help" role="status">{t('care.chosen', { n: n(chosen.size, 0) })}</p></>;
        }}
      </Loaded>
    </Deed>
  );
}

function UndoDialog({ incident, change, onClose }: { incident: IncidentRow; change: IncidentChange; onClose: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const reread = useReread();
  const run = async (reason: string) => {
    await api.undoIncidentChange(incident.id, { change_id: change.id, reason });
    reread();
    toasts.done(t('care.undone'));
  };
  return <Deed title={t('care.undo_title')} what={t(`care.undo_${change.kind === 'merge' ? 'merge' : 'split'}`, { number: change.other.number })} action={t('care.undo_action')} ready run={run} onClose={onClose} />;
}

type Open = { kind: 'merge' | 'split' } | { kind: 'undo'; change: IncidentChange };

export function IncidentChanges({ detail }: { detail: IncidentDetail }) {
  const { t, p } = useText();
  const { may } = useSession();
  const [open, setOpen] = useState<Open | null>(null);
  const { incident } = detail;
  const changes = useQuery({ queryKey: ['incident-changes', incident.id, p.language], queryFn: () => api.incidentChanges(incident.id) }).data ?? [];
  const write = may('blackbox.write');
  const newest = [...changes].reverse().find((c) => c.kind !== 'undo' && !c.is_undone);
  if (!write && changes.length === 0) return null;
  const close = () => setOpen(null);
  return (
    <Pane title={t('care.title')}>
      {changes.length > 0 && (
        <ul className="list" data-list="incident-changes">
          {changes.map((c) => (
            <li key={c.id} className="note-row">
              <div className="row s wrap"><bdi className="m5">{c.actor}</bdi><span className="dim"><When at={c.at} full /></span>{c.is_undone && <span className="chip">{t('care.taken_back')}</span>}{write && c.id === newest?.id && <button type="button" className="btn quiet sm end" data-action="undo-change" onClick={() => setOpen({ kind: 'undo', change: c })}>{t('care.undo')}</button>}</div>
              <p className="s">{t(`care.did_${c.kind}`)} <AppLink to={`/blackbox/incidents/${c.other.id}`}><Tag>{c.other.number}</Tag></AppLink></p>
              <p dir="auto" className="s dim">{c.reason}</p>
            </li>
          ))}
        </ul>
      )}
      {write && <div className="pb row wrap"><button type="button" className="btn sm" data-action="merge" onClick={() => setOpen({ kind: 'merge' })}>{t('care.merge')}</button><button type="button" className="btn sm" data-action="split" onClick={() => setOpen({ kind: 'split' })}>{t('care.split')}</button></div>}
      {open?.kind === 'merge' && <MergeDialog incident={incident} onClose={close} />}
      {open?.kind === 'split' && <SplitDialog incident={incident} onClose={close} />}
      {open?.kind === 'undo' && <UndoDialog incident={incident} change={open.change} onClose={close} />}
    </Pane>
  );
}
