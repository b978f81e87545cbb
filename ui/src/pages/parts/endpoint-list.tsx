// The endpoints the server itself offers, so that mode and policy need not be guessed.
import { useState } from 'react';
import { api } from '@/api/calls';
import type { EndpointOffer } from '@/api/types';
import { Icon } from '@/components/icons';
import { Tag } from '@/components/marks';
import { InlineError } from '@/components/notices';
import { useText } from '@/i18n/text';

export function EndpointList({ kind, url, onChoose }: { kind: string; url: string; onChoose: (offer: EndpointOffer) => void }) {
  const { t } = useText();
  const [offers, setOffers] = useState<EndpointOffer[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    setError(null);
    try {
      setOffers(await api.endpoints({ kind, endpoint_url: url }));
    } catch (e) {
      setOffers(null);
      setError(e);
    }
    setBusy(false);
  };
  return (
    <div className="pb col">
      <div className="row wrap"><button type="button" className="btn" disabled={busy || url === ''} onClick={() => void ask()}><Icon name="search" />{t('endpoints.ask')}</button><span className="help">{t('endpoints.help')}</span></div>
      <InlineError error={error} />
      {offers && offers.length === 0 && <p className="help">{t('endpoints.none')}</p>}
      {offers && offers.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={t('endpoints.title')}>
          <table className="tb">
            <thead><tr><th scope="col">{t('endpoints.mode')}</th><th scope="col">{t('endpoints.policy')}</th><th scope="col">{t('endpoints.tokens')}</th><th scope="col">{t('endpoints.certificate')}</th><th scope="col"><span className="sr">{t('table.actions')}</span></th></tr></thead>
            <tbody>
              {offers.map((o) => (
                <tr key={`${o.url}${o.security_mode}${o.security_policy}`}>
                  <td><Tag>{o.security_mode}</Tag></td><td><Tag>{o.security_policy}</Tag></td><td><Tag wrap>{o.user_tokens.join(', ')}</Tag></td>
                  <td>{o.certificate_sha256 ? <Tag>{`…${o.certificate_sha256.slice(-8)}`}</Tag> : <span className="dim">{'—'}</span>}</td>
                  <td className="r"><button type="button" className="btn sm" onClick={() => onChoose(o)}>{t('endpoints.choose')}</button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
