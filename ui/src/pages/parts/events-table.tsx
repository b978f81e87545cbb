// Canonical events of a window, newest first, paged by the server.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { Event, EventCategory } from '@/api/types';
import { Select } from '@/components/fields';
import { AppLink } from '@/components/link';
import { SeverityMark, SourceTag, Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';

const LIMIT = 50;
export const CATEGORIES: EventCategory[] = ['SENSOR', 'ALERT', 'OPERATOR_ACTION', 'MAINTENANCE', 'SYSTEM', 'OPTIMISATION'];

export function EventsTable({ from, to }: { from: number; to: number }) {
  const { t, word, p } = useText();
  const [parameters, change] = useParameters();
  const [category, severity, asset] = ['category', 'severity', 'asset'].map((k) => parameters.get(k) ?? '') as [string, string, string];
  const offset = useOffset('events', LIMIT);
  const query = useQuery({
    queryKey: ['events', Math.round(from), Math.round(to), category, severity, asset, offset, p.language], placeholderData: (old) => old,
    queryFn: () => api.events({ from: Math.round(from), to: Math.round(to), category, severity, asset_id: asset, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'events.page': null });
  const columns: Column<Event>[] = [
    { key: 'event_time', title: t('event.time'), cell: (e) => <When at={e.event_time} ms />, csv: (e) => new Date(e.event_time).toISOString() },
    { key: 'category', title: t('event.category'), cell: (e) => word('category', e.category), csv: (e) => e.category },
    { key: 'severity', title: t('field.severity'), cell: (e) => <SeverityMark severity={e.severity} />, csv: (e) => e.severity },
    { key: 'asset', title: t('field.asset'), cell: (e) => (e.asset_id && e.asset_code ? <AppLink to={`/assets/${e.asset_id}`}><Tag>{e.asset_code}</Tag></AppLink> : <span className="dim">{'—'}</span>), csv: (e) => e.asset_code },
    { key: 'message', title: t('event.what'), cell: (e) => e.message, csv: (e) => e.message },
    { key: 'tag', title: t('event.tag'), cell: (e) => e.tag && <SourceTag tag={e.tag} />, csv: (e) => e.tag, wideOnly: true },
    { key: 'source', title: t('event.source'), cell: (e) => <Tag>{e.source_system}</Tag>, csv: (e) => e.source_system, wideOnly: true },
  ];
  return (
    <Pane title={t('blackbox.events_table')} end={<>
      <Select label={t('event.category')} value={category} onChange={(v) => filter({ category: v })} options={[{ value: '', label: t('event.all_categories') }, ...CATEGORIES.map((c) => ({ value: c as string, label: word('category', c) }))]} />
      <Select label={t('field.severity')} value={severity} onChange={(v) => filter({ severity: v })} options={[{ value: '', label: t('event.all_severities') }, ...(['critical', 'warning', 'info'] as const).map((s) => ({ value: s as string, label: word('severity', s) }))]} />
    </>}>
      <Loaded query={query} what={t('blackbox.loading')}>
        {(page) => <DataTable id="events" label={t('blackbox.events_table')} columns={columns} rows={page.items} rowKey={(e) => e.id} csvName="events" server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="clock" title={t('event.empty')}>{t('event.empty_why')}</EmptyState>} />}
      </Loaded>
    </Pane>
  );
}
