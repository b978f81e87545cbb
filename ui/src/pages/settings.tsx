// How a person wants to see the program; own password; own sessions.
import { type MantineColorScheme, useMantineColorScheme } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { preferencesOf, useSession, useSignedIn } from '@/api/session';
import type { SessionInfo, SessionRow, UserSettings } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf, Segment } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Loaded, PageHead, Pane } from '@/components/page';
import { changePreferences } from '@/i18n';
import { useText } from '@/i18n/text';
import { longDay, number } from '@/lib/format';
import { ChangePassword } from './login';
import { FormDialog } from './parts/asset-forms';
import { OwnTokens } from './parts/api-tokens';
import { EvidenceKeysPane } from './parts/evidence-keys';
import { MailPane } from './parts/mail-settings';
import { NotificationChoicesPane } from './parts/notification-choices';
import { SchedulesPane } from './parts/schedules';
import { WebhooksPane } from './parts/webhooks';

/** The zones this browser knows, and the stored one whatever the browser calls it. */
function zonesWith(stored: string): string[] {
  const known = Intl.supportedValuesOf('timeZone');
  const wanted = ['UTC', ...(stored === 'site' ? [] : [stored])].filter((zone) => !known.includes(zone));
  return [...wanted, ...known];
}

function Appearance() {
  const { t, p } = useText();
  const session = useSignedIn();
  const client = useQueryClient();
  const toasts = useToasts();
  const { setColorScheme } = useMantineColorScheme();
  const s = session.settings;
  const save = async (changes: Partial<UserSettings>) => {
    const next: UserSettings = { ...s, language: p.language, ...changes };
    try {
      const saved = await api.saveSettings(next);
      client.setQueryData<SessionInfo | null>(['session'], (old) => (old ? { ...old, settings: saved } : old));
      await changePreferences(preferencesOf(saved));
      if (changes.theme) setColorScheme(changes.theme as MantineColorScheme);
      toasts.done(t('toast.saved'));
    } catch (e) {
      toasts.failed(e);
    }
  };
  return (
    <Pane title={t('settings.appearance')} flush={false} foot={t('settings.example', { date: longDay(p, Date.now()), number: number(p, -12345.6, 1) })}>
      <div className="stack">
        <div className="set-row"><span className="lbl">{t('settings.language')}</span><Segment label={t('settings.language')} value={p.language} onChange={(v) => void save({ language: v })} options={[{ value: 'ar', label: <span lang="ar">{t('settings.language.ar')}</span> }, { value: 'en', label: <span lang="en">{t('settings.language.en')}</span> }]} /></div>
        <div className="set-row"><span className="lbl">{t('settings.theme')}</span><Segment label={t('settings.theme')} value={s.theme} onChange={(v) => void save({ theme: v })} options={['light', 'dark', 'auto'].map((v) => ({ value: v, label: t(`settings.theme.${v}`) }))} /></div>
        <div className="set-row"><span className="lbl">{t('settings.digits')}</span><Segment label={t('settings.digits')} value={s.digits} onChange={(v) => void save({ digits: v })} options={['latn', 'arab'].map((v) => ({ value: v, label: <bdi>{t(`settings.digits.${v}`)}</bdi> }))} /></div>
        <div className="set-row"><span className="lbl">{t('settings.calendar')}</span><Segment label={t('settings.calendar')} value={s.calendar} onChange={(v) => void save({ calendar: v })} options={['gregory', 'islamic-umalqura'].map((v) => ({ value: v, label: t(`settings.calendar.${v}`) }))} /></div>
        <div className="set-row"><label className="lbl" htmlFor="zone">{t('settings.time_zone')}</label>
          <div>
            <select id="zone" className="in" value={s.time_zone} onChange={(e) => void save({ time_zone: e.target.value })}>
              <option value="site">{t('settings.time_zone.site')}</option>
              {zonesWith(s.time_zone).map((zone) => <option key={zone} value={zone}>{zone}</option>)}
            </select>
            <div className="help">{t('settings.time_zone.help')}</div>
          </div>
        </div>
      </div>
    </Pane>
  );
}

function Sessions() {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const query = useQuery({ queryKey: ['sessions'], queryFn: api.sessions });
  const leave = () => confirm({ title: t('settings.sign_out_elsewhere'), body: t('settings.sign_out_elsewhere_body'), action: t('settings.sign_out_elsewhere'), run: async () => { await api.signOutElsewhere(); await client.invalidateQueries({ queryKey: ['sessions'] }); } });
  return (
    <Pane title={t('settings.sessions')} end={<button type="button" className="btn sm" disabled={(query.data?.length ?? 0) < 2} onClick={leave}>{t('settings.sign_out_elsewhere')}</button>}>
      <Loaded query={query} what={t('state.loading')} rows={2}>
        {(rows: SessionRow[]) => (
          <ul className="list">
            {rows.map((row) => (
              <li key={`${row.created_at}${row.address ?? ''}${row.user_agent ?? ''}`}>
                <div className="grow"><div className="s">{row.is_current ? <b>{t('settings.this_session')}</b> : <Tag>{row.address ?? '—'}</Tag>}</div><Tag className="cap dim tail" >{row.user_agent ?? '—'}</Tag></div>
                <span className="cap dim">{t('settings.last_seen')} <When at={row.last_seen_at} /></span>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      {dialog}
    </Pane>
  );
}

function ProfileForm({ onClose }: { onClose: () => void }) {
  const { t } = useText();
  const session = useSignedIn();
  const { accept } = useSession();
  const [form, setForm] = useState({ name: session.name, email: session.email ?? '' });
  const save = async () => accept(await api.saveProfile({ name: form.name.trim(), email: form.email.trim() || null }));
  return (
    <FormDialog title={t('settings.profile_edit')} onClose={onClose} onSaved={onClose} save={save}>
      {(error) => (
        <>
          <Field label={t('field.name')} required error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" required value={form.name} onChange={(e) => setForm({ ...form, name: e.target.value })} />}</Field>
          <Field label={t('field.email')} help={t('field.optional')} error={problemOf(error, 'email')}>{(p) => <input {...p} className="in mono" type="email" name="email" value={form.email} onChange={(e) => setForm({ ...form, email: e.target.value })} />}</Field>
        </>
      )}
    </FormDialog>
  );
}

function Profile() {
  const { t, word, name } = useText();
  const session = useSignedIn();
  const [editing, setEditing] = useState(false);
  const own = session.auth_source === 'local';
  return (
    <Pane title={t('settings.profile')} flush={false} end={own && <button type="button" className="btn sm" data-action="edit-profile" onClick={() => setEditing(true)}><Icon name="edit" />{t('settings.profile_edit')}</button>}>
      {editing && <ProfileForm onClose={() => setEditing(false)} />}
      {!own && <p className="help">{t('settings.profile_sso')}</p>}
      <dl className="kv"><dt>{t('field.name')}</dt><dd><bdi>{session.name}</bdi></dd><dt>{t('field.username')}</dt><dd><Tag>{session.username}</Tag></dd>{session.email && <><dt>{t('field.email')}</dt><dd><Tag wrap>{session.email}</Tag></dd></>}<dt>{t('field.role')}</dt><dd>{word('role', session.role)}</dd><dt>{t('field.tenant')}</dt><dd>{name(session.tenant)}</dd><dt>{t('door.version')}</dt><dd><Tag>{session.version}</Tag></dd></dl>
    </Pane>
  );
}

export default function SettingsPage() {
  const { t } = useText();
  const { may } = useSession();
  const toasts = useToasts();
  const session = useSignedIn();
  const [key, setKey] = useState(0);
  return (
    <>
      <PageHead title={t('page.settings')} />
      <div className="grid">
        <div className="c7 stack"><Appearance /><NotificationChoicesPane />{may('integrations.read') && <SchedulesPane />}<Sessions /><OwnTokens /></div>
        <div className="c5 stack">
          <Profile />
          {may('mail.manage') && <MailPane />}
          {may('webhooks.manage') && <WebhooksPane />}
          {may('evidence.manage') && <EvidenceKeysPane />}
          {session.auth_source === 'local' && <Pane title={t('settings.password')} flush={false}><ChangePassword key={key} onDone={() => { toasts.done(t('settings.password_changed')); setKey(key + 1); }} /></Pane>}
        </div>
      </div>
    </>
  );
}

