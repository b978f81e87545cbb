// Events of all plants of an organisation: which kind, how severe, when, from which system.
import { useQuery } from '@tanstack/react-query';
import type { Query } from '@/api/http';
import type { EventCategory } from '@/api/types';
import { DayInput, Select } from '@/components/fields';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { dayStart } from '@/lib/zone';
import { hub, type HubEvent } from './api';
import { PlantSelect, SeveritySelect } from './filters';
import { DemoChip, EventWord, SeverityWord, Word } from './words';

const LIMIT = 50;
const DAY = 86_400_000;
/** As many as the hub counts. */
const MOST = 10_000;
const CATEGORIES: EventCategory[] = ['SENSOR', 'ALERT', 'OPERATOR_ACTION', 'MAINTENANCE', 'SYSTEM', 'OPTIMISATION'];

/** Events that a query finds, a page at a time. */
export function EventsPane({ title, caption, wanted, filtered }: { title: string; caption?: string; wanted: Query; filtered: boolean }) {
  const { t } = useText();
  const offset = useOffset('events', LIMIT);
  const query = useQuery({
    queryKey: ['events', wanted, offset], refetchInterval: 10_000, placeholderData: (old) => old,
    queryFn: () => hub.events({ ...wanted, limit: LIMIT, offset }),
  });
  const columns: Column<HubEvent>[] = [
    { key: 'at', title: t('event.time'), cell: (e) => <When at={e.at} ms />, csv: (e) => new Date(e.at).toISOString() },
    { key: 'severity', title: t('field.severity'), cell: (e) => <SeverityWord value={e.severity} />, csv: (e) => e.severity },
    { key: 'what', title: t('event.what'), cell: (e) => <><EventWord code={e.code} /> <DemoChip is={e.is_demo} /></>, csv: (e) => e.code },
    { key: 'category', title: t('event.category'), cell: (e) => <Word list="category" value={e.category} />, csv: (e) => e.category, wideOnly: true },
    { key: 'plant', title: t('hub.plant'), cell: (e) => <bdi>{e.appliance}</bdi>, csv: (e) => e.appliance },
    { key: 'source', title: t('event.source'), cell: (e) => <Tag>{e.source}</Tag>, csv: (e) => e.source, wideOnly: true },
  ];
  return (
    <Pane title={title} caption={caption}>
      <Loaded query={query} what={t('state.loading')}>
        {(page) => <>
          {page.total >= MOST && <p className="pb help">{t('hub.events_most')}</p>}
          <DataTable id="events" label={title} columns={columns} rows={page.items} rowKey={(e) => `${e.appliance_id}${e.seq}${e.id}`} csvName="events" server={{ total: page.total, offset, limit: LIMIT }} all={(part) => hub.events({ ...wanted, ...part })} empty={
            <EmptyState icon="clock" title={t(filtered ? 'event.none_match' : 'hub.events_none')}>{!filtered && t('hub.incidents_none_what')}</EmptyState>
          } />
        </>}
      </Loaded>
    </Pane>
  );
}

export function EventsPage() {
  const { t, word } = useText();
  const [parameters, change] = useParameters();
  const [appliance, severity, category, from, to] = ['appliance', 'severity', 'category', 'from', 'to'].map((key) => parameters.get(key) ?? '') as [string, string, string, string, string];
  const end = dayStart(to);
  const wanted = { appliance, severity, category, from: dayStart(from), to: end === null ? null : end + DAY };
  const filtered = Boolean(appliance || severity || category || from || to);
  const set = (changes: Record<string, string | null>) => change({ ...changes, 'events.page': null });
  useTitle(t('hub.events'));
  return (
    <>
      <PageHead title={t('hub.events')} sub={t('hub.events_sub')} />
      <div className="row wrap filters">
        <PlantSelect id="events" />
        <SeveritySelect id="events" />
        <Select label={t('event.category')} value={category} onChange={(v) => set({ category: v })} options={[{ value: '', label: t('event.all_categories') }, ...CATEGORIES.map((c) => ({ value: c as string, label: word('category', c) }))]} />
        <label className="row g1 s">{t('audit.from')}<DayInput value={from} onChange={(v) => set({ from: v })} /></label>
        <label className="row g1 s">{t('audit.to')}<DayInput value={to} onChange={(v) => set({ to: v })} /></label>
        {filtered && <button type="button" className="btn sm" onClick={() => set({ appliance: null, severity: null, category: null, from: null, to: null })}>{t('action.clear_filters')}</button>}
      </div>
      <EventsPane title={t('hub.events')} caption={t('hub.event_values')} wanted={wanted} filtered={filtered} />
    </>
  );
}
