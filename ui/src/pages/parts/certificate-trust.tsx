// Trust: what was trusted beside what is presented now, changed fields marked. Nothing is accepted by itself: the last
// four pairs of the fingerprint are typed by hand.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api } from '@/api/calls';
import { RequestFailed } from '@/api/http';
import { useSession } from '@/api/session';
import type { Integration, ServerCertificate, TrustState } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { pairs, TAIL_DIGITS, typedHex } from '@/lib/fingerprint';
import { CertificateAuthorities } from './certificate-authorities';

function TrustMark({ state }: { state: TrustState }) {
  const { word } = useText();
  const mark = state === 'pending' ? <StatusShape shape="warning" /> : state === 'trusted' ? <StatusShape shape="normal" /> : <Icon name="close" />;
  return <span className={`st ${state === 'pending' ? 'warning' : 'mid'}`}>{mark}{word('trust', state)}</span>;
}

/** A certificate an authority vouches for is accepted, though nobody decided about it. */
const shown = (certificate: ServerCertificate): TrustState => certificate.state === 'pending' && certificate.authority !== null ? 'trusted' : certificate.state;

function Fingerprint({ sha256, changed }: { sha256: string; changed: boolean }) {
  return <span className="ltr fp">{pairs(sha256).map((pair, i) => <Tag key={i} className={changed ? 'changed' : ''}>{pair}</Tag>)}</span>;
}

function Facts({ certificate, against }: { certificate: ServerCertificate; against?: ServerCertificate }) {
  const { t } = useText();
  const differs = (pick: (c: ServerCertificate) => unknown) => against !== undefined && pick(against) !== pick(certificate);
  const marked = (pick: (c: ServerCertificate) => unknown, content: ReactNode) => <span className={differs(pick) ? 'changed' : undefined}>{content}{differs(pick) && <span className="sr">{t('trust.changed')}</span>}</span>;
  return (
    <dl className="kv pb">
      <dt>{t('trust.subject')}</dt><dd>{marked((c) => c.subject, <Tag wrap>{certificate.subject}</Tag>)}</dd>
      <dt>{t('trust.issuer')}</dt><dd>{marked((c) => c.issuer, certificate.issuer === certificate.subject ? t('trust.self_signed') : <Tag wrap>{certificate.issuer}</Tag>)}</dd>
      <dt>{t('trust.valid')}</dt><dd>{marked((c) => c.not_after, <><When at={certificate.not_before} full /> {'–'} <When at={certificate.not_after} full /></>)}</dd>
      <dt>{t('trust.uri')}</dt><dd>{marked((c) => c.application_uri, <Tag wrap>{certificate.application_uri ?? '—'}</Tag>)}</dd>
      <dt>{t('trust.hosts')}</dt><dd>{marked((c) => c.hosts.join(), <Tag wrap>{certificate.hosts.join(', ') || '—'}</Tag>)}</dd>
      <dt>{'SHA-256'}</dt><dd><Fingerprint sha256={certificate.sha256} changed={differs((c) => c.sha256)} /></dd>
      <dt>{'SHA-1'}</dt><dd><Tag wrap>{pairs(certificate.sha1).join(' ')}</Tag></dd>
      <dt>{t('trust.first_seen')}</dt><dd><When at={certificate.first_seen_at} full /></dd>
    </dl>
  );
}

function Decide({ integration, certificate, onDone }: { integration: Integration; certificate: ServerCertificate; onDone: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [confirm, dialog] = useConfirm();
  const accept = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      await api.trust(integration.id, certificate.id, { fingerprint_tail: typedHex(typed) });
      toasts.done(t('trust.accepted'));
      onDone();
    } catch (e) {
      setError(e);
    }
  };
  // The one field of the form says itself what is wrong with it.
  const differs = error instanceof RequestFailed ? error.fields.find((f) => f.field === 'fingerprint_tail')?.message : undefined;
  const reject = () => confirm({ title: t('trust.reject'), body: t('trust.reject_body'), action: t('trust.reject'), danger: true, run: async () => { await api.reject(integration.id, certificate.id); onDone(); } });
  return (
    <form className="pane decide" onSubmit={(event) => void accept(event)}>
      <label className="row wrap grow"><span className="m5">{t('trust.type_pairs')}</span><input className="in mono pairs" name="fingerprint_tail" autoComplete="off" spellCheck={false} placeholder="__ __ __ __" maxLength={16} value={typed} onChange={(e) => setTyped(e.target.value)} /></label>
      <button type="button" className="btn danger" onClick={reject}>{t('trust.reject')}</button>
      <button type="submit" className="btn pri" disabled={typedHex(typed).length !== TAIL_DIGITS}>{t('trust.accept')}</button>
      {error !== null && <div className="wide-err">{differs ? <Notice tone="critical">{differs}</Notice> : <InlineError error={error} />}</div>}
      {dialog}
    </form>
  );
}

function OwnCertificate() {
  const { t } = useText();
  const query = useQuery({ queryKey: ['own-certificate'], queryFn: api.ownCertificate, staleTime: 60_000 });
  return (
    <Pane title={t('trust.ours')} caption={t('trust.ours_why')} end={<a className="btn sm" href="/api/integrations/own-certificate.der" download="optria-iq.der"><Icon name="download" />{t('trust.export')}</a>}>
      <Loaded query={query} what={t('integrations.loading')} rows={2}>
        {(own) => <dl className="kv pb"><dt>{t('trust.subject')}</dt><dd><Tag wrap>{own.subject}</Tag></dd><dt>{t('trust.uri')}</dt><dd><Tag wrap>{own.application_uri}</Tag></dd><dt>{t('trust.valid')}</dt><dd><When at={own.not_before} full /> {'–'} <When at={own.not_after} full /></dd><dt>{'SHA-256'}</dt><dd><Fingerprint sha256={own.sha256} changed={false} /></dd></dl>}
      </Loaded>
    </Pane>
  );
}

export function CertificateTrust({ integration }: { integration: Integration }) {
  const { t } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const [chosen, setChosen] = useState<string | null>(null);
  const query = useQuery({ queryKey: ['certificates', integration.id], queryFn: () => api.certificates(integration.id) });
  const done = () => { for (const key of ['certificates', 'integration', 'integrations', 'activity']) void client.invalidateQueries({ queryKey: [key] }); };
  return (
    <div className="stack">
      <Notice tone={integration.pending_certificates > 0 ? 'critical' : 'plain'}>{t('trust.never_by_itself')}</Notice>
      <Loaded query={query} what={t('integrations.loading')}>
        {(list) => {
          const pending = list.find((c) => c.id === chosen) ?? list.find((c) => shown(c) === 'pending');
          const trusted = list.find((c) => shown(c) === 'trusted' && c.id !== pending?.id);
          if (list.length === 0) return <section className="pane"><EmptyState icon="lock" title={t('trust.empty')}>{t('trust.empty_why')}</EmptyState></section>;
          return (
            <>
              <div className="grid">
                {trusted && <Pane className={pending ? 'c6' : 'c12'} title={t('trust.until_now')} end={<TrustMark state="trusted" />}><Facts certificate={trusted} /></Pane>}
                {pending && <Pane className={`${trusted ? 'c6' : 'c12'} ${shown(pending) === 'pending' ? 'warning' : ''}`} title={t(shown(pending) === 'pending' ? 'trust.presented_now' : 'trust.chosen')} end={<TrustMark state={shown(pending)} />}><Facts certificate={pending} against={trusted} /></Pane>}
              </div>
              {pending && pending.state !== 'trusted' && may('integrations.trust') && <Decide key={pending.id} integration={integration} certificate={pending} onDone={done} />}
              <Pane title={t('trust.all')}>
                <div className="scroll" tabIndex={0} role="region" aria-label={t('trust.all')}>
                  <table className="tb">
                    <thead><tr><th scope="col">{t('field.state')}</th><th scope="col">{t('trust.subject')}</th><th scope="col">{t('trust.fingerprint')}</th><th scope="col">{t('trust.expires')}</th><th scope="col">{t('trust.decided_by')}</th><th scope="col"><span className="sr">{t('table.actions')}</span></th></tr></thead>
                    <tbody>
                      {list.map((c) => (
                        <tr key={c.id} className={c.id === pending?.id ? 'sel' : undefined}>
                          <td><TrustMark state={shown(c)} /></td><td><Tag wrap>{c.subject}</Tag></td><td><Tag>{`${pairs(c.sha256).slice(0, 3).join(':')}…${pairs(c.sha256).slice(-1).join('')}`}</Tag></td>
                          <td><When at={c.not_after} full /></td><td>{c.decided_by ? <bdi>{c.decided_by}</bdi> : c.authority !== null ? t('authorities.through', { authority: c.authority }) : <span className="dim">{'—'}</span>}</td>
                          <td className="r"><button type="button" className="btn quiet sm" onClick={() => setChosen(c.id)}>{t('trust.view')}</button></td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
              </Pane>
            </>
          );
        }}
      </Loaded>
      <CertificateAuthorities />
      <OwnCertificate />
    </div>
  );
}
