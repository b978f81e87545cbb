// One data source: set-up and test, certificates, activity.
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession, useSignedIn } from '@/api/session';
import type { Integration } from '@/api/types';
import { Segment } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Connectivity } from '@/components/marks';
import { Loaded, PageHead, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { ActivityLog } from './parts/activity-log';
import { CertificateTrust } from './parts/certificate-trust';
import { mappingOf, useIntegrationActions, useReadsTags } from './parts/integration-actions';
import { FlowRail } from './parts/integration-flow';
import { JobStrip, RunButton, useJob } from './parts/job-strip';
import { Workbench } from './parts/integration-workbench';

function Switches({ i }: { i: Integration }) {
  const { t } = useText();
  const { may } = useSession();
  const session = useSignedIn();
  const actions = useIntegrationActions(i);
  const job = useJob(i.id);
  const readsTags = useReadsTags(i.kind);
  const write = may('integrations.write');
  return (
    <>
      {i.is_enabled && <RunButton integration={i.id} job={job} />}
      {!readsTags && may('work_orders.read') && <AppLink className="btn" to={`/work-orders?system=${i.id}`}>{t('integrations.open_work_orders')}</AppLink>}
      {readsTags && may('mappings.read') && <AppLink className="btn" to={mappingOf(session.tenant_id, i.id)}><Icon name="map" />{t('integrations.open_mapping')}</AppLink>}
      {write && i.is_demo_origin && session.demo_mode && <button type="button" className="btn" onClick={() => actions.stream(!i.demo_stream_active)}><Icon name={i.demo_stream_active ? 'pause' : 'play'} />{t(i.demo_stream_active ? 'demo_stream.stop' : 'demo_stream.start')}</button>}
      {write && (i.is_enabled
        ? <button type="button" className="btn" onClick={actions.disable}>{t('integrations.disable')}</button>
        : <button type="button" className="btn pri" onClick={actions.enable}>{t('integrations.enable')}</button>)}
      {write && <button type="button" className="btn" onClick={actions.duplicate}>{t('integrations.duplicate')}</button>}
      {write && <button type="button" className="btn danger" onClick={actions.remove}>{t('integrations.delete')}</button>}
      {actions.dialog}
    </>
  );
}

function Now({ i }: { i: Integration }) {
  const job = useJob(i.id);
  return <><JobStrip job={job} /><FlowRail i={i} /></>;
}

export default function IntegrationPage() {
  const { t } = useText();
  const { id = '' } = useParams<{ id: string }>();
  const refetchInterval = useRefresh(null);
  const [tab, setTab] = useParameter('tab', 'setup');
  const query = useQuery({ queryKey: ['integration', id], queryFn: () => api.integration(id), refetchInterval });
  const types = useQuery({ queryKey: ['connector-types'], queryFn: api.connectorTypes, staleTime: Infinity });
  useTitle(query.data?.name ?? t('page.integration'));
  return (
    <Loaded query={query} what={t('integrations.loading')} rows={8}>
      {(i) => {
        const type = types.data?.find((x) => x.kind === i.kind);
        const age = i.last_value_at === null ? null : Date.now() - i.last_value_at;
        return (
          <>
            <PageHead crumb={{ to: '/integrations', text: t('page.integrations'), here: <bdi>{i.name}</bdi> }} title={<bdi>{i.name}</bdi>} mark={<span className="s">{i.is_enabled ? <Connectivity link={i.connectivity} ageMs={age} /> : <span className="dim">{t('common.disabled')}</span>}</span>}>
              <Switches i={i} />
              <Segment label={t('integrations.tabs')} value={tab} onChange={setTab} options={[
                { value: 'setup', label: t('integrations.tab_setup') },
                ...(type?.has_trust ? [{ value: 'trust', label: <>{t('integrations.tab_trust')}{i.pending_certificates > 0 && <><StatusShape shape="critical" /><span className="sr">{t('integrations.pending', { n: i.pending_certificates })}</span></>}</> }] : []),
                { value: 'activity', label: t('integrations.tab_activity') },
              ]} />
            </PageHead>
            <Now i={i} />
            {tab === 'trust' ? <CertificateTrust integration={i} /> : tab === 'activity' ? <ActivityLog id={id} /> : <Loaded query={types} what={t('integrations.loading')}>{() => (type ? <Workbench key={i.id} type={type} integration={i} onTrust={() => setTab('trust')} /> : null)}</Loaded>}
          </>
        );
      }}
    </Loaded>
  );
}
