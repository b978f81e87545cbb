// How far an incident is and in whose hands. Each change starts from what this page shows: where somebody else has changed it
// meanwhile, nothing is saved, and the page says so.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { RequestFailed } from '@/api/http';
import { useSession } from '@/api/session';
import type { IncidentDetail, IncidentPatch, IncidentStatus } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { errorSentence, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';

const STATUSES: IncidentStatus[] = ['open', 'investigating', 'resolved', 'closed'];

export function IncidentHandling({ detail }: { detail: IncidentDetail }) {
  const { t, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [stale, setStale] = useState<RequestFailed | null>(null);
  const { incident } = detail;
  const write = may('blackbox.write');
  const patch = async (change: IncidentPatch) => {
    setStale(null);
    try {
      const next = await api.changeIncident(incident.id, { ...change, base: { status: incident.status, assignee: incident.assignee } });
      client.setQueriesData<IncidentDetail>({ queryKey: ['incident', incident.id] }, next);
      for (const key of ['incidents', 'overview', 'incident-counts', 'timeline']) void client.invalidateQueries({ queryKey: [key] });
      toasts.done(t('toast.saved'));
    } catch (error) {
      if (!(error instanceof RequestFailed) || error.code !== 'incidents.changed_meanwhile') throw error;
      setStale(error);
    }
  };
  const reload = async () => {
    await client.invalidateQueries({ queryKey: ['incident', incident.id] });
    setStale(null);
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
        {stale && <Notice tone="critical" action={<button type="button" className="btn sm" onClick={() => void reload()}>{t('incident.reload')}</button>}>{errorSentence(stale)}</Notice>}
      </div>
      {dialog}
    </Pane>
  );
}
