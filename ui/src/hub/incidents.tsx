// Incidents of all plants of an organisation, by the newest record about each.
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { Select } from '@/components/fields';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { hub, type HubIncident } from './api';
import { PlantSelect, SeveritySelect } from './filters';
import { DemoChip, SeverityWord, Word } from './words';

const LIMIT = 50;
const STATUSES = ['open', 'investigating', 'resolved', 'closed'] as const;

export function IncidentsPage() {
  const { t, word, span } = useText();
  const [parameters, change] = useParameters();
  const offset = useOffset('incidents', LIMIT);
  const [appliance, status, severity] = ['appliance', 'status', 'severity'].map((key) => parameters.get(key) ?? '');
  const query = useQuery({
    queryKey: ['incidents', appliance, status, severity, offset], refetchInterval: 10_000, placeholderData: (old) => old,
    queryFn: () => hub.incidents({ appliance, status, severity, limit: LIMIT, offset }),
  });
  useTitle(t('blackbox.incidents'));
  const columns: Column<HubIncident>[] = [
    { key: 'severity', title: t('field.severity'), cell: (i) => <SeverityWord value={i.severity} />, csv: (i) => i.severity },
    { key: 'number', title: t('page.incident'), cell: (i) => <span className="two"><Link className="m5" href={`/incidents/${i.appliance_id}/${i.id}`}>{i.number ? <Tag>{i.number}</Tag> : t('hub.no_number')}</Link><small><DemoChip is={i.is_demo} /></small></span>, csv: (i) => i.number },
    { key: 'plant', title: t('hub.plant'), cell: (i) => <bdi>{i.appliance}</bdi>, csv: (i) => i.appliance },
    { key: 'type', title: t('incident.type'), cell: (i) => <Word list="incident_type" value={i.incident_type} />, csv: (i) => i.incident_type, wideOnly: true },
    { key: 'started', title: t('incident.started'), cell: (i) => <When at={i.started_at} />, csv: (i) => i.started_at && new Date(i.started_at).toISOString() },
    { key: 'ended', title: t('incident.ended'), cell: () => null, csv: (i) => i.ended_at && new Date(i.ended_at).toISOString(), fileOnly: true },
    { key: 'duration', title: t('incident.duration'), cell: (i) => (i.ended_at === null || i.started_at === null ? t('incident.ongoing') : span(i.ended_at - i.started_at)), wideOnly: true },
    { key: 'status', title: t('field.state'), cell: (i) => <Word list="incident_status" value={i.status} />, csv: (i) => i.status },
  ];
  const filtered = Boolean(appliance || status || severity);
  const clear = () => change({ appliance: null, status: null, severity: null, 'incidents.page': null });
  return (
    <>
      <PageHead title={t('blackbox.incidents')} sub={t('hub.incidents_sub')} />
      <div className="row wrap filters">
        <PlantSelect id="incidents" />
        <SeveritySelect id="incidents" />
        <Select label={t('field.state')} value={status ?? ''} onChange={(v) => change({ status: v, 'incidents.page': null })} options={[{ value: '', label: t('hub.state_all') }, ...STATUSES.map((s) => ({ value: s as string, label: word('incident_status', s) }))]} />
        {filtered && <button type="button" className="btn sm" onClick={clear}>{t('action.clear_filters')}</button>}
      </div>
      <Pane title={t('blackbox.incidents')}>
        <Loaded query={query} what={t('state.loading')}>
          {(page) => <DataTable id="incidents" label={t('blackbox.incidents')} columns={columns} rows={page.items} rowKey={(i) => `${i.appliance_id}${i.id}`} csvName="incidents" server={{ total: page.total, offset, limit: LIMIT }} all={(part) => hub.incidents({ appliance, status, severity, ...part })} empty={
            <EmptyState icon="blackbox" title={t(filtered ? 'blackbox.none_match' : 'hub.incidents_none')}>{!filtered && t('hub.incidents_none_what')}</EmptyState>
          } />}
        </Loaded>
      </Pane>
    </>
  );
}
