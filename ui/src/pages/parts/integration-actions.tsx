// What can be done with a connection: run, switch, copy, delete, the demo stream, its mapping.
import { Menu } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useSession, useSignedIn } from '@/api/session';
import type { Integration } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import { useGo } from '@/lib/url';
import { DeletionBody } from './deletion';

/** A maintenance system has equipment and orders, not tags. */
export function useReadsTags(kind: string): boolean {
  const types = useQuery({ queryKey: ['connector-types'], queryFn: api.connectorTypes, staleTime: Infinity });
  return !types.data?.find((type) => type.kind === kind)?.has_maintenance;
}

export const mappingOf = (tenant: string, integration: string) => `/tenant/${tenant}/data-mapping?integration=${integration}`;

export function useIntegrationActions(i: Integration) {
  const { t } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const go = useGo();
  const [confirm, dialog] = useConfirm();
  const refresh = () => { for (const key of ['integrations', 'integration', 'activity', 'onboarding']) void client.invalidateQueries({ queryKey: [key] }); };
  const act = (run: () => Promise<unknown>, said?: string) => { void run().then(() => { if (said) toasts.done(said); }).catch(toasts.failed).finally(refresh); };
  return {
    dialog,
    enable: () => act(() => api.switchIntegration(i.id, true), t('integrations.enabled')),
    disable: () => confirm({ title: t('integrations.disable'), body: t('confirm.disable_integration', { name: i.name }), action: t('integrations.disable'), danger: true, run: async () => { await api.switchIntegration(i.id, false); refresh(); } }),
    stream: (on: boolean) => act(() => api.demoStream(i.id, on), t(on ? 'demo_stream.started' : 'demo_stream.stopped')),
    duplicate: () => act(async () => { const copy = await api.duplicate(i.id); go(`/integrations/${copy.id}`); }, t('integrations.duplicated')),
    remove: () => confirm({ title: t('integrations.delete'), body: <DeletionBody id={i.id} name={i.name} />, action: t('integrations.delete'), danger: true, run: async () => { await api.deleteIntegration(i.id); refresh(); go('/integrations'); } }),
  };
}

export function MoreMenu({ i }: { i: Integration }) {
  const { t } = useText();
  const { may } = useSession();
  const session = useSignedIn();
  const go = useGo();
  const actions = useIntegrationActions(i);
  const readsTags = useReadsTags(i.kind);
  const write = may('integrations.write');
  return (
    <>
      <Menu position="bottom-end" width={230} shadow="md" trapFocus>
        <Menu.Target><button type="button" className="btn sm quiet icon end" aria-label={t('integrations.more', { name: i.name })}><Icon name="more" /></button></Menu.Target>
        <Menu.Dropdown>
          {!readsTags && may('work_orders.read') && <Menu.Item leftSection={<Icon name="doc" />} onClick={() => go(`/work-orders?system=${i.id}`)}>{t('integrations.open_work_orders')}</Menu.Item>}
          {readsTags && may('mappings.read') && <Menu.Item leftSection={<Icon name="map" />} onClick={() => go(mappingOf(session.tenant_id, i.id))}>{t('integrations.open_mapping')}</Menu.Item>}
          {write && (i.is_enabled ? <Menu.Item leftSection={<Icon name="pause" />} onClick={actions.disable}>{t('integrations.disable')}</Menu.Item> : <Menu.Item leftSection={<Icon name="play" />} onClick={actions.enable}>{t('integrations.enable')}</Menu.Item>)}
          {write && <Menu.Item leftSection={<Icon name="doc" />} onClick={actions.duplicate}>{t('integrations.duplicate')}</Menu.Item>}
          {write && <Menu.Item leftSection={<Icon name="trash" />} onClick={actions.remove}>{t('integrations.delete')}</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {actions.dialog}
    </>
  );
}
