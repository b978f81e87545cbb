// Passwords for emergencies alone: the form that names the one account which keeps its own.
import { useState } from 'react';
import { Field, problemOf } from '@/components/fields';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import { FormDialog } from './parts';

/** Chooses the account that is left for emergencies. */
export function RulesForm({ accounts, save, onClose, onSaved }: { accounts: { id: string; username: string }[]; save: (rules: { sso_only: boolean; emergency_user_id: string | null }) => Promise<unknown>; onClose: () => void; onSaved: () => void }) {
  const { t } = useText();
  const [account, setAccount] = useState('');
  const send = async () => { await save({ sso_only: true, emergency_user_id: account || null }); onSaved(); };
  return (
    <FormDialog title={t('sso.only_title')} submit={t('sso.only_do')} send={send} onClose={onClose}>
      {(error) => (
        <>
          <p className="prose">{t('hub.sso_rules_body')}</p>
          {accounts.length === 0 && <Notice tone="warning">{t('hub.sso_rules_nobody')}</Notice>}
          <Field label={t('hub.sso_rules_account')} help={t('hub.sso_rules_account_help')} error={problemOf(error, 'emergency_user_id')} required>
            {(p) => <select {...p} className="in" name="emergency_user_id" required value={account} onChange={(e) => setAccount(e.target.value)}><option value="" />{accounts.map((a) => <option key={a.id} value={a.id}>{a.username}</option>)}</select>}
          </Field>
        </>
      )}
    </FormDialog>
  );
}
