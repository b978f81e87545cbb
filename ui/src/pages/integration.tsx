// One data source: set-up and test, certificates, activity.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Integration } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Segment } from '@/components/fields';
import { StatusShape } from '@/components/icons';
import { Connectivity } from '@/components/marks';
import { Loaded, PageHead, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { useGo, useParameter } from '@/lib/url';
import { ActivityLog } from './parts/activity-log';
import { CertificateTrust } from './parts/certificate-trust';
import { Workbench } from './parts/integration-workbench';

function Switches({ i }: { i: Integration }) {
  const { t } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const go = useGo();
  const [confirm, dialog] = useConfirm();
  const refresh = () => { for (const key of ['integrations', 'integration', 'activity']) void client.invalidateQueries({ queryKey: [key] }); };
  const enable = async () => {
    await api.switchIntegration(i.id, true);
    toasts.done(t('integrations.enabled'));
    refresh();
  };
  const disable = () => confirm({ title: t('integrations.disable'), body: t('confirm.disable_integration', { name: i.name }), action: t('integrations.disable'), danger: true, run: async () => { await api.switchIntegration(i.id, false); refresh(); } });
  const remove = () => confirm({ title: t('integrations.delete'), body: t('confirm.delete_integration', { name: i.name }), action: t('integrations.delete'), danger: true, run: async () => { await api.deleteIntegration(i.id); refresh(); go('/integrations'); } });
  return (
    <>
      {i.is_enabled
        ? <button type="button" className="btn" onClick={disable}>{t('integrations.disable')}</button>
        : <button type="button" className="btn pri" onClick={() => void enable().catch(toasts.failed)}>{t('integrations.enable')}</button>}
      <button type="button" className="btn danger" onClick={remove}>{t('integrations.delete')}</button>
      {dialog}
    </>
  );
}

export default function IntegrationPage() {
  const { t } = useText();
  const { id = '' } = useParams<{ id: string }>();
  const { may } = useSession();
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
              {may('integrations.write') && <Switches i={i} />}
              <Segment label={t('integrations.tabs')} value={tab} onChange={setTab} options={[
                { value: 'setup', label: t('integrations.tab_setup') },
                ...(type?.has_trust ? [{ value: 'trust', label: <>{t('integrations.tab_trust')}{i.pending_certificates > 0 && <><StatusShape shape="critical" /><span className="sr">{t('integrations.pending', { n: i.pending_certificates })}</span></>}</> }] : []),
                { value: 'activity', label: t('integrations.tab_activity') },
              ]} />
            </PageHead>
            {tab === 'trust' ? <CertificateTrust integration={i} /> : tab === 'activity' ? <ActivityLog id={id} /> : <Loaded query={types} what={t('integrations.loading')}>{() => (type ? <Workbench key={i.id} type={type} integration={i} onTrust={() => setTab('trust')} /> : null)}</Loaded>}
          </>
        );
      }}
    </Loaded>
  );
}
