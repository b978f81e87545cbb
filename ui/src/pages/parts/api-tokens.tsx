// Tokens for programs, and where a user is signed in. A token is shown once and never again.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { ApiTokenRow, CreatedApiToken, TenantUser } from '@/api/types';
import { CopyButton } from '@/components/copy';
import { Dialog, useConfirm } from '@/components/dialog';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { FormDialog } from './asset-forms';

const LIVES = [7, 30, 90, 365];

function Tokens({ rows, end }: { rows: ApiTokenRow[]; end?: (row: ApiTokenRow) => void }) {
  const { t } = useText();
  return (
    <ul className="list">
      {rows.map((row) => (
        <li key={row.id} data-token={row.name}>
          <div className="grow">
            <div className="s"><b><bdi>{row.name}</bdi></b>{row.is_expired && <> · <span className="warning">{t('tokens.expired')}</span></>}</div>
            <div className="cap dim row wrap">{row.permissions.map((p) => <Tag key={p}>{p}</Tag>)}</div>
            <div className="cap dim">{t('tokens.ends')} <When at={row.expires_at} /> · {t('tokens.used')} {row.last_used_at ? <><When at={row.last_used_at} />{row.last_used_by && <> <Tag>{row.last_used_by}</Tag></>}</> : t('tokens.never')}</div>
          </div>
          {end && <button type="button" className="btn sm danger" onClick={() => end(row)}>{t('tokens.end')}</button>}
        </li>
      ))}
    </ul>
  );
}

function TokenForm({ permissions, onClose, onCreated }: { permissions: string[]; onClose: () => void; onCreated: (created: CreatedApiToken) => void }) {
  const { t } = useText();
  const [name, setName] = useState('');
  const [days, setDays] = useState(90);
  const [chosen, setChosen] = useState<string[]>([]);
  const toggle = (p: string) => setChosen(chosen.includes(p) ? chosen.filter((x) => x !== p) : [...chosen, p]);
  const wrong = (error: unknown) => problemOf(error, 'permissions');
  return (
    <FormDialog title={t('tokens.add')} onClose={onClose} onSaved={() => undefined} save={async () => onCreated(await api.createToken({ name: name.trim(), permissions: chosen, days }))}>
      {(error) => (
        <>
          <Field label={t('tokens.name')} help={t('tokens.name_help')} required error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" required value={name} onChange={(e) => setName(e.target.value)} />}</Field>
          <Field label={t('tokens.life')} error={problemOf(error, 'days')}>{(p) => <select {...p} className="in" name="days" value={days} onChange={(e) => setDays(Number(e.target.value))}>{LIVES.map((d) => <option key={d} value={d}>{t('tokens.days', { n: d })}</option>)}</select>}</Field>
          <fieldset className="field wide" aria-label={t('tokens.permissions')}>
            <legend>{t('tokens.permissions')}</legend>
            <div className="row wrap">{permissions.map((p) => <label key={p} className="chip"><input type="checkbox" name={p} checked={chosen.includes(p)} onChange={() => toggle(p)} /> <Tag>{p}</Tag></label>)}</div>
            {wrong(error) && <div className="err"><span>{wrong(error)}</span></div>}
          </fieldset>
        </>
      )}
    </FormDialog>
  );
}

function ShownOnce({ created, onClose }: { created: CreatedApiToken; onClose: () => void }) {
  const { t } = useText();
  return (
    <Dialog title={t('tokens.made', { name: created.row.name })} onClose={onClose}>
      <div className="stack">
        <Notice tone="warning">{t('tokens.once')}</Notice>
        <Tag className="b password" wrap>{created.token}</Tag>
        <p className="help">{t('tokens.how')} <Tag wrap>{'Authorization: Bearer oiq_…'}</Tag></p>
        <div className="actions"><CopyButton text={created.token} /><button type="button" className="btn pri" onClick={onClose}>{t('tokens.noted')}</button></div>
      </div>
    </Dialog>
  );
}

/** The own tokens, in the settings. */
export function OwnTokens() {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const [adding, setAdding] = useState(false);
  const [created, setCreated] = useState<CreatedApiToken | null>(null);
  const query = useQuery({ queryKey: ['tokens'], queryFn: api.tokens });
  const changed = () => client.invalidateQueries({ queryKey: ['tokens'] });
  const end = (row: ApiTokenRow) => confirm({ title: t('tokens.end_title', { name: row.name }), body: t('tokens.end_body'), action: t('tokens.end'), danger: true, run: async () => { await api.endToken(row.id); await changed(); } });
  return (
    <Pane title={t('tokens.title')} caption={t('tokens.why')} end={<button type="button" className="btn sm" data-action="add-token" disabled={!query.data} onClick={() => setAdding(true)}><Icon name="plus" />{t('tokens.add')}</button>}>
      <Loaded query={query} what={t('state.loading')} rows={2}>{(all) => (all.tokens.length ? <Tokens rows={all.tokens} end={end} /> : <p className="pb help">{t('tokens.none')}</p>)}</Loaded>
      {adding && query.data && <TokenForm permissions={query.data.permissions} onClose={() => setAdding(false)} onCreated={(made) => { setAdding(false); setCreated(made); void changed(); }} />}
      {created && <ShownOnce created={created} onClose={() => setCreated(null)} />}
      {dialog}
    </Pane>
  );
}

/** Tokens of a user, for an administrator. */
export function UserTokens({ user, mayEnd }: { user: TenantUser; mayEnd: boolean }) {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const key = ['users', user.id, 'tokens'];
  const query = useQuery({ queryKey: key, queryFn: () => api.userTokens(user.id) });
  const end = (row: ApiTokenRow) => confirm({ title: t('tokens.end_title', { name: row.name }), body: t('tokens.end_body'), action: t('tokens.end'), danger: true, run: async () => { await api.endUserToken(user.id, row.id); await client.invalidateQueries({ queryKey: key }); } });
  if (!query.data?.length) return null;
  return <section><h3>{t('tokens.title')}</h3><Tokens rows={query.data} end={mayEnd ? end : undefined} />{dialog}</section>;
}

/** Where a user is signed in. */
export function UserSessions({ user, mayEnd }: { user: TenantUser; mayEnd: boolean }) {
  const { t } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const key = ['users', user.id, 'sessions'];
  const query = useQuery({ queryKey: key, queryFn: () => api.userSessions(user.id) });
  const end = () => confirm({ title: t('users.end_sessions_title', { name: user.name }), body: t('users.end_sessions_body'), action: t('users.end_sessions'), danger: true, run: async () => { await api.endUserSessions(user.id); await client.invalidateQueries({ queryKey: key }); } });
  const rows = query.data ?? [];
  return (
    <section>
      <h3>{t('users.sessions', { n: rows.length })}</h3>
      <ul className="list">{rows.slice(0, 5).map((row) => <li key={`${row.created_at} ${row.user_agent ?? ''}`}><div className="grow"><Tag>{row.address ?? '—'}</Tag> <Tag className="cap dim tail">{row.user_agent ?? '—'}</Tag></div><span className="cap dim"><When at={row.last_seen_at} /></span></li>)}</ul>
      {mayEnd && rows.length > 0 && <button type="button" className="btn sm" data-action="end-sessions" onClick={end}>{t('users.end_sessions')}</button>}
      {dialog}
    </section>
  );
}
