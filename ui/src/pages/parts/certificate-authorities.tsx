// Authorities of the plant: whose certificates are accepted without comparing each one, and what they revoked.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ChangeEvent, type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { CertificateAuthority } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { useNow } from '@/lib/cursor';
import { fileText, pairs, TAIL_DIGITS, typedHex } from '@/lib/fingerprint';

const FILES = '.der,.cer,.crt,.pem,.crl';

function Pick({ label, send }: { label: string; send: (file: string) => Promise<unknown> }) {
  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const input = event.currentTarget;
    const file = input.files?.[0];
    if (!file) return;
    await send(fileText(new Uint8Array(await file.arrayBuffer())));
    // The same file may be chosen again once it was corrected.
    input.value = '';
  };
  return <label className="btn sm file-pick"><Icon name="upload" />{label}<input className="sr" type="file" accept={FILES} onChange={(event) => void choose(event)} /></label>;
}

function Compare({ authority, onDone }: { authority: CertificateAuthority; onDone: (said: string) => void }) {
  const { t } = useText();
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<unknown>(null);
  const accept = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      await api.trustAuthority(authority.id, { fingerprint_tail: typedHex(typed) });
      onDone(t('authorities.trusted'));
    } catch (e) {
      setError(e);
    }
  };
  return (
    <form className="decide" onSubmit={(event) => void accept(event)}>
      <label className="row wrap grow"><span className="m5">{t('authorities.type_pairs')}</span><input className="in mono pairs" name="authority_tail" autoComplete="off" spellCheck={false} placeholder="__ __ __ __" maxLength={16} value={typed} onChange={(e) => setTyped(e.target.value)} /></label>
      <button type="submit" className="btn pri" disabled={typedHex(typed).length !== TAIL_DIGITS}>{t('authorities.trust')}</button>
      {error !== null && <div className="wide-err"><InlineError error={error} /></div>}
    </form>
  );
}

function Revoked({ authority }: { authority: CertificateAuthority }) {
  const { t } = useText();
  const list = authority.revocations;
  const now = useNow(60_000);
  if (!list) return <span className="st warning"><StatusShape shape="warning" />{t('authorities.no_list')}</span>;
  const isOverdue = list.next_at !== null && list.next_at < now;
  return (
    <>
      {t('authorities.list', { n: list.revoked })}{' · '}{t('authorities.issued')} <When at={list.issued_at} full />
      {list.next_at !== null && <>{' · '}{t('authorities.next')} <When at={list.next_at} full /></>}
      {isOverdue && <> <span className="st warning"><StatusShape shape="warning" />{t('authorities.overdue')}</span></>}
    </>
  );
}

function Authority({ authority, mayTrust, onDone, onError }: { authority: CertificateAuthority; mayTrust: boolean; onDone: (said: string) => void; onError: (error: unknown) => void }) {
  const { t, word } = useText();
  const [confirm, dialog] = useConfirm();
  const remove = () => confirm({ title: t('authorities.remove'), body: t('authorities.remove_body'), action: t('authorities.remove'), danger: true, run: async () => { await api.removeAuthority(authority.id); onDone(''); } });
  const take = async (file: string) => {
    try {
      await api.putRevocations(authority.id, { file });
      onDone(t('authorities.list_taken'));
    } catch (e) {
      onError(e);
    }
  };
  return (
    <li className="authority">
      <div className="row wrap">
        <span className={`st ${authority.is_trusted ? 'mid' : 'warning'}`}><StatusShape shape={authority.is_trusted ? 'normal' : 'warning'} />{authority.is_trusted ? word('trust', 'trusted') : t('authorities.waiting')}</span>
        <b className="grow"><Tag wrap>{authority.subject}</Tag></b>
        {mayTrust && <Pick label={t('authorities.put_list')} send={take} />}
        {mayTrust && <button type="button" className="btn danger sm" onClick={remove}>{t('authorities.remove')}</button>}
      </div>
      <dl className="kv">
        <dt>{t('trust.issuer')}</dt><dd>{authority.issuer === authority.subject ? t('trust.self_signed') : <Tag wrap>{authority.issuer}</Tag>}</dd>
        <dt>{t('trust.valid')}</dt><dd><When at={authority.not_before} full /> {'–'} <When at={authority.not_after} full /></dd>
        <dt>{'SHA-256'}</dt><dd><span className="ltr fp">{pairs(authority.sha256).map((pair, i) => <Tag key={i}>{pair}</Tag>)}</span></dd>
        <dt>{t('authorities.revocations')}</dt><dd><Revoked authority={authority} /></dd>
        <dt>{t('trust.decided_by')}</dt><dd>{authority.decided_by ? <bdi>{authority.decided_by}</bdi> : '—'}</dd>
      </dl>
      {!authority.is_trusted && mayTrust && <Compare authority={authority} onDone={onDone} />}
      {dialog}
    </li>
  );
}

export function CertificateAuthorities() {
  const { t } = useText();
  const { may } = useSession();
  const toasts = useToasts();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const query = useQuery({ queryKey: ['authorities'], queryFn: api.authorities });
  const done = (said: string) => {
    setError(null);
    if (said !== '') toasts.done(said);
    for (const key of ['authorities', 'certificates', 'integration', 'integrations', 'activity']) void client.invalidateQueries({ queryKey: [key] });
  };
  const add = async (file: string) => {
    try {
      await api.addAuthority({ file });
      done(t('authorities.added'));
    } catch (e) {
      setError(e);
    }
  };
  const mayTrust = may('integrations.trust');
  return (
    <Pane title={t('authorities.title')} end={mayTrust && <Pick label={t('authorities.add')} send={add} />}>
      <p className="m5 pb">{t('authorities.why')}</p>
      {error !== null && <div className="pb"><InlineError error={error} /></div>}
      <Loaded query={query} what={t('authorities.loading')} rows={2}>
        {(list) => list.length === 0
          ? <EmptyState icon="lock" title={t('authorities.empty')}>{t('authorities.empty_why')}</EmptyState>
          : <ul className="authorities">{list.map((authority) => <Authority key={authority.id} authority={authority} mayTrust={mayTrust} onDone={done} onError={setError} />)}</ul>}
      </Loaded>
    </Pane>
  );
}
