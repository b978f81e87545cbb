// One incident at headquarters: what it became, whether the hub's copy of its records is whole, events around it.
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { Icon, type Shape, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { hub, type HubCheck, type HubIncident, type HubIncidentRecord } from './api';
import { EventsPane } from './events';
import { DemoChip, SeverityWord, Word } from './words';

const BEFORE = 30 * 60_000;
const AFTER = 10 * 60_000;
const SHAPES: Record<HubCheck['outcome'], Shape> = { intact: 'normal', damaged: 'critical', unfinished: 'unknown' };

function Summary({ incident }: { incident: HubIncident }) {
  const { t, span } = useText();
  return (
    <section className="rail summary" aria-label={t('incident.summary')}>
      <div><div className="k">{t('field.severity')}</div><SeverityWord value={incident.severity} /></div>
      <div><div className="k">{t('field.state')}</div><Word list="incident_status" value={incident.status} /></div>
      <div><div className="k">{t('hub.plant')}</div><bdi>{incident.appliance}</bdi></div>
      <div><div className="k">{t('incident.type')}</div><Word list="incident_type" value={incident.incident_type} /></div>
      <div><div className="k">{t('incident.started')}</div><When at={incident.started_at} full /></div>
      <div><div className="k">{t('incident.ended')}</div>{incident.ended_at === null ? t('incident.ongoing') : <><When at={incident.ended_at} full />{incident.started_at !== null && <span className="cap dim"> {span(incident.ended_at - incident.started_at)}</span>}</>}</div>
      <div><div className="k">{t('field.asset')}</div>{incident.asset_id ? <span title={t('hub.asset_stays')}><Tag>{incident.asset_id.slice(-8)}</Tag></span> : '—'}</div>
    </section>
  );
}

function Found({ check }: { check: HubCheck }) {
  const { t, n } = useText();
  const shape = SHAPES[check.outcome];
  return (
    <div className="stack" data-check={check.outcome}>
      <p className={`st ${shape}`}><StatusShape shape={shape} /><b>{t(`hub.check.${check.outcome}`)}</b></p>
      {check.outcome === 'intact' && <p>{t('hub.check_intact_what', { records: check.records, hashed: check.hashed })}</p>}
      {check.outcome === 'unfinished' && <p>{t('hub.check_unfinished_what', { hashed: check.hashed })}</p>}
      {check.problems.length > 0 && <>
        <ul className="list">
          {check.problems.map((p) => <li key={`${p.finding}${p.epoch}${p.stream}${p.seq}`}><span className="grow">{t(`hub.finding.${p.finding}`, { seq: n(p.seq, 0) })}</span><Tag>{place(p)}</Tag></li>)}
        </ul>
        <p>{t('hub.finding_what')}</p>
      </>}
      <p className="help">{t('hub.check_limits')} <When at={check.at} /></p>
    </div>
  );
}

function Check({ path }: { path: string }) {
  const { t } = useText();
  const query = useQuery({ queryKey: ['check', path], queryFn: () => hub.check(path), staleTime: Infinity });
  const again = <button type="button" className="btn sm" disabled={query.isFetching} onClick={() => void query.refetch()}><Icon name="refresh" />{t('hub.check_again')}</button>;
  return (
    <Pane title={t('hub.check')} end={again} flush={false}>
      <Loaded query={query} what={t('hub.check_loading')} rows={2}>{(check) => <Found check={check} />}</Loaded>
    </Pane>
  );
}

/** Log and number of a record, as the plant shows them. */
const place = (r: { epoch: string; stream: number; seq: number }) => `${r.epoch.slice(0, 8)}/${r.stream}#${r.seq}`;

function Records({ records }: { records: HubIncidentRecord[] }) {
  const { t } = useText();
  const columns: Column<HubIncidentRecord>[] = [
    { key: 'at', title: t('event.time'), cell: (r) => <When at={r.at} full />, csv: (r) => new Date(r.at).toISOString() },
    { key: 'kind', title: t('event.what'), cell: (r) => <>{sentence('ui', `hub.record.${r.kind}`) ?? <Tag>{r.kind}</Tag>}{r.status && <> · <Word list="incident_status" value={r.status} /></>}</>, csv: (r) => r.kind },
    { key: 'place', title: t('hub.record_place'), end: true, cell: (r) => <Tag>{place(r)}</Tag>, csv: (r) => place(r) },
  ];
  return (
    <Pane title={t('hub.records')}>
      <DataTable id="records" label={t('hub.records')} columns={columns} rows={records} rowKey={place} csvName="records" pageSize={20} empty={null} />
    </Pane>
  );
}

export function IncidentPage() {
  const { t } = useText();
  const { appliance, id } = useParams<{ appliance: string; id: string }>();
  const path = `${appliance}/${id}`;
  const query = useQuery({ queryKey: ['incident', path], queryFn: () => hub.incident(path), refetchInterval: 10_000 });
  const number = query.data?.incident.number ?? t('page.incident');
  useTitle(number);
  return (
    <>
      <PageHead title={<bdi>{number}</bdi>} mark={<DemoChip is={query.data?.incident.is_demo ?? false} />} crumb={{ to: '/incidents', text: t('blackbox.incidents'), here: <bdi>{number}</bdi> }} />
      <Loaded query={query} what={t('state.loading')}>
        {({ incident, records }) => (
          <div className="stack">
            <Summary incident={incident} />
            <Check path={path} />
            <Records records={records} />
            <EventsPane title={t('hub.events_around')} caption={t('hub.events_around_what')} filtered wanted={{ appliance: incident.appliance_id, from: (incident.started_at ?? incident.changed_at) - BEFORE, to: (incident.ended_at ?? incident.changed_at) + AFTER }} />
          </div>
        )}
      </Loaded>
    </>
  );
}
