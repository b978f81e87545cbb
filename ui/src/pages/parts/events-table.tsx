// The event explorer: canonical events of a window, newest first, searched and paged by the server.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { Event, EventCategory } from '@/api/types';
import { Dialog } from '@/components/dialog';
import { ExportMenu } from '@/components/export-menu';
import { Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark, SourceTag, Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { useParameters } from '@/lib/url';
import { EventFacts, Payload } from './event-facts';
import { samplesLink } from './sequence';

const LIMIT = 50;
export const CATEGORIES: EventCategory[] = ['SENSOR', 'ALERT', 'OPERATOR_ACTION', 'MAINTENANCE', 'SYSTEM', 'OPTIMISATION'];

function OneEvent({ event, onClose }: { event: Event; onClose: () => void }) {
  const { t } = useText();
  const samples = samplesLink(event, event.event_time);
  return (
    <Dialog title={t('event.one')} onClose={onClose} size="lg">
      <div className="stack">
        <p><SeverityMark severity={event.severity} /> {event.message}</p>
        <EventFacts event={event} />
        <div className="actions">
          {samples && <AppLink className="btn" to={samples}><Icon name="pulse" />{t('event.samples')}</AppLink>}
          {event.asset_id && <AppLink className="btn" to={`/digital-twin?asset=${event.asset_id}&t=${event.event_time}`}><Icon name="twin" />{t('incident.twin_then')}</AppLink>}
        </div>
        <h3>{t('event.payload')}</h3>
        <Payload id={event.id} />
      </div>
    </Dialog>
  );
}

/** What the explorer asks for: the window, and the filters the whole page shares. */
export function useEventQuery(from: number, to: number) {
  const [parameters] = useParameters();
  // What had not arrived by then was not known then, whenever it happened.
  const { known_at } = useCursor().asOf;
  const get = (key: string) => parameters.get(key) ?? '';
  return { known_at, from: Math.round(from), to: Math.round(to), category: get('category'), severity: get('severity'), asset_id: get('asset'), site_id: get('site'), q: get('q') };
}

export function EventsTable({ from, to }: { from: number; to: number }) {
  const { t, word, p } = useText();
  const [, change] = useParameters();
  const wanted = useEventQuery(from, to);
  const offset = useOffset('events', LIMIT);
  const [one, setOne] = useState<Event | null>(null);
  const refetchInterval = useRefresh(useCursor().t);
  const query = useQuery({ queryKey: ['events', wanted, offset, p.language], refetchInterval, placeholderData: (old) => old, queryFn: () => api.events({ ...wanted, limit: LIMIT, offset }) });
  const isFiltered = Boolean(wanted.category || wanted.severity || wanted.asset_id || wanted.q);
  const columns: Column<Event>[] = [
    { key: 'event_time', title: t('event.time'), cell: (e) => <When at={e.event_time} ms /> },
    { key: 'category', title: t('event.category'), cell: (e) => word('category', e.category), wideOnly: true },
    { key: 'severity', title: t('field.severity'), cell: (e) => <SeverityMark severity={e.severity} /> },
    { key: 'asset', title: t('field.asset'), cell: (e) => (e.asset_id && e.asset_code ? <AppLink to={`/assets/${e.asset_id}`}><Tag>{e.asset_code}</Tag></AppLink> : <span className="dim">{'—'}</span>) },
    { key: 'message', title: t('event.what'), cell: (e) => <button type="button" className="link cell" onClick={() => setOne(e)}>{e.message}</button> },
    { key: 'tag', title: t('event.tag'), cell: (e) => { const link = samplesLink(e, e.event_time); return e.tag && (link ? <AppLink to={link} title={t('event.samples')}><SourceTag tag={e.tag} /></AppLink> : <SourceTag tag={e.tag} />); }, wideOnly: true },
    { key: 'source', title: t('event.source'), cell: (e) => <Tag>{e.source_system}</Tag>, wideOnly: true },
  ];
  return (
    <Pane title={t('blackbox.events_table')} end={<>
      <Select label={t('event.category')} value={wanted.category as EventCategory | ''} onChange={(v) => change({ category: v, 'events.page': null })} options={[{ value: '', label: t('event.all_categories') }, ...CATEGORIES.map((c) => ({ value: c, label: word('category', c) }))]} />
      <ExportMenu path="/api/blackbox/events/export" query={wanted} total={query.data?.total ?? 0} />
    </>}>
      <Loaded query={query} what={t('blackbox.loading')}>
        {(page) => <DataTable id="events" label={t('blackbox.events_table')} columns={columns} rows={page.items} rowKey={(e) => e.id} server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="clock" title={t(isFiltered ? 'event.none_match' : 'event.empty')} action={isFiltered && <button type="button" className="btn" onClick={() => change({ category: null, severity: null, asset: null, q: null, 'events.page': null })}>{t('action.clear_filters')}</button>}>{!isFiltered && t('event.empty_why')}</EmptyState>} />}
      </Loaded>
      {one && <OneEvent event={one} onClose={() => setOne(null)} />}
    </Pane>
  );
}
