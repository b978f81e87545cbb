// The identity providers of an appliance's tenant, and how its people sign in.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useConfirm } from '@/components/dialog';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { IdentityProvidersPane, type ProviderCalls } from './identity-providers';

const CALLS: ProviderCalls = {
  list: api.identityProviders, create: api.createProvider, update: api.updateProvider, remove: api.deleteProvider,
  test: api.testProvider, startPreview: api.startPreview, lastPreview: api.lastPreview,
};

function Rules() {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const query = useQuery({ queryKey: ['sign-in-rules'], queryFn: api.signInRules });
  const save = async (only: boolean) => { await api.saveSignInRules({ sso_only: only }); await client.invalidateQueries({ queryKey: ['sign-in-rules'] }); };
  const change = (only: boolean) => confirm({ title: t(only ? 'sso.only_title' : 'sso.both_title'), body: t(only ? 'sso.only_body' : 'sso.both_body'), action: t(only ? 'sso.only_do' : 'sso.both_do'), danger: only, run: () => save(only) });
  if (!query.data) return null;
  const only = query.data.sso_only;
  return (
    <Pane title={t('sso.rules')} flush={false} end={<button type="button" className="btn sm" data-action="sign-in-rules" onClick={() => change(!only)}>{t(only ? 'sso.both_do' : 'sso.only_do')}</button>}>
      <p className="s">{t(only ? 'sso.only_now' : 'sso.both_now')}</p>
      {dialog}
    </Pane>
  );
}

export function OwnProvidersPane() {
  return <IdentityProvidersPane calls={CALLS} rules={<Rules />} />;
}
