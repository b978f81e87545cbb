// How the pages are served: encryption, the certificate people compare, who may connect; warnings first.
import type { Diagnostics } from '@/api/types';
import { Tag, When } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';

type Facts = Diagnostics['serving'];

/** A certificate that ends sooner than this wants a renewal. */
const SOON_DAYS = 30;
const DAY_MS = 86_400_000;

function Warnings({ facts, at }: { facts: Facts; at: number }) {
  const { t } = useText();
  const days = facts.not_after === null ? null : Math.floor((facts.not_after - at) / DAY_MS);
  return (
    <>
      {facts.open_without_tls && <Notice tone="critical">{t('diagnostics.serving.open_plain')}</Notice>}
      {facts.problem !== null && facts.problem !== 'tls.expired' && <Notice tone="warning">{t('diagnostics.serving.problem', { code: facts.problem })}</Notice>}
      {days !== null && days < 0 && <Notice tone="critical">{t('diagnostics.serving.expired')}</Notice>}
      {days !== null && days >= 0 && days < SOON_DAYS && <Notice tone="warning">{t('diagnostics.serving.soon', { days })}</Notice>}
    </>
  );
}

export function Serving({ facts, at }: { facts: Facts; at: number }) {
  const { t, n } = useText();
  const tls = facts.tls === 'off' && !facts.open_without_tls ? 'here' : facts.tls;
  return (
    <Pane title={t('diagnostics.serving')} flush={false}>
      <Warnings facts={facts} at={at} />
      <dl className="kv">
        <dt>{t('diagnostics.serving.address')}</dt><dd><Tag>{facts.address}</Tag></dd>
        <dt>{t('diagnostics.serving.tls')}</dt><dd>{t(`diagnostics.serving.tls_${tls}`)}</dd>
        {facts.fingerprint !== null && <><dt>{t('diagnostics.serving.fingerprint')}</dt><dd><Tag wrap>{facts.fingerprint}</Tag></dd></>}
        {facts.names.length > 0 && <><dt>{t('diagnostics.serving.names')}</dt><dd><Tag wrap>{facts.names.join(', ')}</Tag></dd></>}
        {facts.not_after !== null && <><dt>{t('diagnostics.serving.not_after')}</dt><dd><When at={facts.not_after} full /></dd></>}
        <dt>{t('diagnostics.serving.allowed')}</dt><dd>{t(facts.allow_from ? 'diagnostics.serving.allowed_some' : 'diagnostics.serving.allowed_all')}</dd>
        <dt>{t('diagnostics.serving.refused')}</dt><dd>{n(facts.refused + facts.crowded + facts.failed_handshakes, 0)}</dd>
      </dl>
    </Pane>
  );
}
