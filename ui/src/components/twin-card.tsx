// One asset on the twin: status, connectivity, health and its worst value in context.
import { memo } from 'react';
import type { TwinAsset } from '@/api/types';
import { useText } from '@/i18n/text';
import { EquipmentIcon } from './icons';
import { AnalogIndicator } from './instruments';
import { Connectivity, StatusMark, Tag } from './marks';
import { useSignalName } from './metrics';
import { ReadingValue, useReading } from './signals';

export const TwinCard = memo(function TwinCard({ asset, t: at, selected, onPick }: { asset: TwinAsset; t: number | null; selected: boolean; onPick: (id: string) => void }) {
  const { t, n, name } = useText();
  const signalName = useSignalName();
  const key = asset.key_signal;
  const reading = useReading(key, at);
  const fresh = asset.connectivity === 'live' || asset.connectivity === 'demo';
  return (
    <button type="button" className={`card ${asset.status}`} aria-pressed={selected} data-asset={asset.code} data-status={asset.status} onClick={() => onPick(asset.id)}>
      <span className="row top">
        <EquipmentIcon family={asset.family} />
        <span className="grow col g1"><Tag className="m5">{asset.code}</Tag><span className="ell s mid">{name(asset.names)}</span></span>
      </span>
      <span className="row wrap s">
        <StatusMark status={asset.status} />
        <span className="end"><Connectivity link={asset.connectivity} ageMs={fresh ? null : asset.data_age_ms} /></span>
      </span>
      <span className="row s base">
        <span className="dim">{t('field.health')}</span>
        {asset.health === null ? <span className="dim" title={t('score.not_enough')}><span aria-hidden="true">{'—'}</span><span className="sr">{t('score.not_enough')}</span></span> : <b>{n(asset.health, 0)}</b>}
        <span className="end row g1 base ell">
          {key && <span className="cap dim ell" title={signalName(key)}>{signalName(key)}</span>}
          {key && <ReadingValue reading={reading} unit={key.unit} metric={key.metric} />}
        </span>
      </span>
      <AnalogIndicator value={reading.value} status={reading.status} limits={key?.limits} band={key?.baseline} scaleLow={key?.scale_low} scaleHigh={key?.scale_high} />
    </button>
  );
});
