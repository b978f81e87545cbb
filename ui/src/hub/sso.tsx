// Identity providers at the hub: those of an organisation for its administrators, those of the platform for its owners,
// who name one by one whom they let in.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { IdentityProvider } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { IdentityProvidersPane } from '@/pages/parts/identity-providers';
import { hub, type HubSession, type PlatformPerson, providers } from './api';
import { FormDialog } from './parts';
import { RulesForm } from './sign-in-rules';

type NamedBy = PlatformPerson['named_by'];
const WAYS: NamedBy[] = ['subject', 'email'];

function PersonForm({ provider, onClose, onMade }: { provider: IdentityProvider; onClose: () => void; onMade: () => void }) {
  const { t, word } = useText();
  const [by, setBy] = useState<NamedBy>('subject');
  const [value, setValue] = useState('');
  const send = async () => { await hub.letIn(provider.id, { named_by: by, value: value.trim() }); onMade(); };
  return (
    <FormDialog title={t('hub.sso_person')} submit={t('hub.sso_person_add')} send={send} onClose={onClose}>
      {(error) => (
        <>
          <Field label={t('hub.sso_person_named_by')}>
            {(p) => <select {...p} className="in" name="named_by" value={by} onChange={(e) => setBy(e.target.value as NamedBy)}>{WAYS.map((way) => <option key={way} value={way}>{word('named_by', way)}</option>)}</select>}
          </Field>
          <Field label={t('hub.sso_person_value')} help={t('hub.sso_person_value_help')} error={problemOf(error, 'value')} required>
            {(p) => <input {...p} className="in mono" dir="ltr" name="value" autoComplete="off" required value={value} onChange={(e) => setValue(e.target.value)} />}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

function PlatformPeople({ provider }: { provider: IdentityProvider }) {
  const { t, word } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [adding, setAdding] = useState(false);
  const key = ['platform-people', provider.id];
  const query = useQuery({ queryKey: key, queryFn: () => hub.platformPeople(provider.id) });
  const changed = () => { toasts.done(t('toast.saved')); void client.invalidateQueries({ queryKey: key }); };
  const remove = (person: PlatformPerson) => confirm({
    title: t('hub.sso_person_remove_title', { value: person.value }), body: t('hub.sso_person_remove_body'), action: t('hub.sso_person_remove'), danger: true,
    run: async () => { await hub.takeOff(provider.id, person); changed(); },
  });
  return (
    <section className="stack" data-people={provider.display_name}>
      <h3>{t('hub.sso_people')}</h3>
      <p className="help">{t('hub.sso_people_why')}</p>
      <Loaded query={query} what={t('state.loading')}>
        {(people) => people.length === 0
          ? <p className="s dim">{t('hub.sso_people_none')}</p>
          : (
            <ul className="list">
              {people.map((person) => (
                <li key={person.id} data-person={person.value}>
                  <div className="grow">
                    <Tag wrap className="b">{person.value}</Tag>
                    <div className="cap dim">{word('named_by', person.named_by)} · <bdi>{person.added_by}</bdi> · <When at={person.added_at} />{person.subject && <> · {t('hub.sso_person_bound', { subject: person.subject })}</>}</div>
                  </div>
                  <button type="button" className="btn sm" onClick={() => remove(person)}>{t('hub.sso_person_remove')}</button>
                </li>
              ))}
            </ul>
          )}
      </Loaded>
      <div><button type="button" className="btn sm" data-action="add-person" onClick={() => setAdding(true)}><Icon name="plus" />{t('hub.sso_person')}</button></div>
      {adding && <PersonForm provider={provider} onClose={() => setAdding(false)} onMade={() => { setAdding(false); changed(); }} />}
      {dialog}
    </section>
  );
}

/** Whether passwords are an ordinary way in, and which account is left for emergencies. */
function Rules({ isPlatform }: { isPlatform: boolean }) {
  const { t } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [choosing, setChoosing] = useState(false);
  const query = useQuery({ queryKey: ['sign-in-rules'], queryFn: hub.signInRules });
  const people = useQuery({ queryKey: ['people'], queryFn: hub.people });
  const saved = () => { toasts.done(t('toast.saved')); void client.invalidateQueries({ queryKey: ['sign-in-rules'] }); };
  const allow = () => confirm({ title: t('sso.both_title'), body: t('sso.both_body'), action: t('sso.both_do'), run: async () => { await hub.saveSignInRules({ sso_only: false }); saved(); } });
  if (!query.data) return null;
  const only = query.data.sso_only;
  const role = isPlatform ? 'platform_owner' : 'tenant_admin';
  const accounts = (people.data ?? []).filter((p) => p.is_active && p.auth_source === 'local' && p.role === role);
  const chosen = people.data?.find((p) => p.id === query.data.emergency_user_id)?.username ?? '…';
  return (
    <Pane title={t('sso.rules')} flush={false} end={<button type="button" className="btn sm" data-action="sign-in-rules" onClick={() => (only ? allow() : setChoosing(true))}>{t(only ? 'sso.both_do' : 'sso.only_do')}</button>}>
      <p className="s">{only ? t('hub.sso_rules_now', { username: chosen }) : t('sso.both_now')}</p>
      {choosing && <RulesForm accounts={accounts} save={hub.saveSignInRules} onClose={() => setChoosing(false)} onSaved={() => { setChoosing(false); saved(); }} />}
      {dialog}
    </Pane>
  );
}

export function SsoPage() {
  const { t } = useText();
  const session = useQueryClient().getQueryData<HubSession | null>(['session']);
  const isPlatform = session?.role === 'platform_owner';
  useTitle(t('hub.sso'));
  return (
    <>
      <PageHead title={t('hub.sso')} sub={t(isPlatform ? 'hub.sso_platform_sub' : 'hub.sso_sub')} />
      <IdentityProvidersPane calls={providers} givesRoles={!isPlatform} rules={<Rules isPlatform={isPlatform} />} more={isPlatform ? (provider) => <PlatformPeople provider={provider} /> : undefined} />
    </>
  );
}
