// All that is known about one event: times with their uncertainty, source, and the record it came with.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { Event, EventRelation } from '@/api/types';
import { SourceTag, Tag, When } from '@/components/marks';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';

export function EventFacts({ event, relation }: { event: Event; relation?: EventRelation }) {
  const { t, n, word } = useText();
  return (
    <dl className="kv">
      <dt>{t('event.source_time')}</dt><dd><When at={event.event_time} ms /> <span title={t('event.uncertainty')}><Tag className="dim">{`±${n(event.time_uncertainty_ms / 1000, 1)} s`}</Tag></span></dd>
      {event.time_offset_ms !== 0 && <><dt>{t('event.corrected')}</dt><dd><When at={event.event_time - event.time_offset_ms} ms /></dd></>}
      <dt>{t('event.arrived')}</dt><dd><When at={event.ingest_time} ms /></dd>
      <dt>{t('event.category')}</dt><dd>{word('category', event.category)}{relation && ` · ${word('relation', relation)}`}</dd>
      <dt>{t('event.source')}</dt><dd><Tag wrap>{`${event.source_system} ${event.source_type} ${event.source_id}`}</Tag></dd>
      {event.tag && <><dt>{t('event.tag')}</dt><dd><SourceTag tag={event.tag} /></dd></>}
    </dl>
  );
}

/** The record as it arrived; lists leave it out. */
export function Payload({ id }: { id: string }) {
  const { t } = useText();
  const query = useQuery({ queryKey: ['event', id], queryFn: () => api.event(id), staleTime: Infinity });
  return (
    <Loaded query={query} what={t('event.loading')} rows={2}>
      {(event) => <pre className="payload" dir="ltr" tabIndex={0} aria-label={t('event.payload')}>{JSON.stringify(event.payload, null, 2)}</pre>}
    </Loaded>
  );
}
