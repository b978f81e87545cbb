// Side panel of the twin: connectivity, scores with what they are made of, sensors, actions.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { TwinAsset } from '@/api/types';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { EquipmentIcon, Icon } from './icons';
import { AppLink } from './link';
import { Connectivity, StatusMark, Tag } from './marks';
import { Loaded } from './page';
import { Contributors, HealthScore } from './score';
import { lastSampleAt, SignalRow } from './signals';
import { useFamilyName } from './metrics';

function Facts({ asset }: { asset: TwinAsset }) {
  const { t, n, word } = useText();
  const familyName = useFamilyName();
  const a = asset.assessment;
  return (
    <div className="stack pb">
      <div className="row wrap s">
        <Connectivity link={asset.connectivity} ageMs={asset.data_age_ms} lastAt={lastSampleAt(asset.signals)} />
        <span className="chip">{t('twin.criticality', { level: word('criticality', asset.criticality) })}</span>
        <span className="chip">{familyName(asset.family)}</span>
        {asset.is_running !== null && <span className="chip">{t(asset.is_running ? 'twin.running' : 'twin.stopped')}</span>}
      </div>
      {asset.status_reason && <p className="s mid">{asset.status_reason}</p>}
      <div className="two-scores">
        <div><div className="k cap">{t('field.health')}</div><HealthScore big health={asset.health} assessment={a} family={asset.family} /></div>
        <div><div className="k cap">{t('field.anomaly')}</div>{asset.anomaly === null ? <span className="dim s">{t('score.not_enough')}</span> : <span className="num">{n(asset.anomaly, 0)}</span>}</div>
      </div>
      {a && a.health !== null && (
        <section className="col">
          <div className="row base"><h3>{t('score.made_of')}</h3><span className="cap dim end">{t('score.coverage_short', { share: n(a.coverage * 100, 0) })}</span></div>
          <Contributors assessment={a} family={asset.family} />
        </section>
      )}
    </div>
  );
}

export function TwinPanel({ id, onClose, children }: { id: string; onClose: () => void; children: ReactNode }) {
  const { t, name } = useText();
  const cursor = useCursor();
  const refresh = useRefresh(cursor.t);
  const query = useQuery({ queryKey: ['twin-asset', id, cursor.asOf], queryFn: () => api.twinAsset(id, cursor.asOf), refetchInterval: refresh, placeholderData: (old) => (old?.id === id ? old : undefined) });
  const panel = useRef<HTMLElement>(null);
  useEffect(() => { panel.current?.focus({ preventScroll: true }); }, [id]);
  const from = Math.min(cursor.from, cursor.at - 60_000);
  return (
    <aside ref={panel} className="pane side" tabIndex={-1} aria-label={t('twin.panel')} onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <button type="button" className="btn quiet sm icon shut" aria-label={t('action.close')} onClick={onClose}><Icon name="close" /></button>
      <Loaded query={query} what={t('twin.loading')}>
        {(asset) => (
          <>
            <div className="pt">
              <EquipmentIcon family={asset.family} />
              <div className="grow"><div className="row"><h2><Tag>{asset.code}</Tag></h2><StatusMark status={asset.status} /></div><div className="s mid">{name(asset.names)}</div></div>
            </div>
            <div className="inner" tabIndex={0} role="region" aria-label={t('twin.details')}>
              <Facts asset={asset} />
              <section className="pb">
                <h3>{t('twin.sensors')}</h3>
                {asset.signals.length === 0
                  ? <p className="help">{t('twin.no_signals')}</p>
                  : <ul>{asset.signals.filter((s) => !s.is_derived).map((s) => <SignalRow key={s.id} signal={s} t={cursor.t} from={from} to={cursor.at} refresh={refresh} />)}</ul>}
              </section>
              {children}
            </div>
            <div className="pf actions">
              {asset.open_incident_id && <AppLink className="btn pri" to={`/blackbox/incidents/${asset.open_incident_id}`}><Icon name="blackbox" />{t('action.incident')}</AppLink>}
              <AppLink className={asset.open_incident_id ? 'btn' : 'btn pri'} to={`/assets/${asset.id}`}><Icon name="assets" />{t('page.asset')}</AppLink>
              {!asset.open_incident_id && <AppLink className="btn" to={`/blackbox?asset=${asset.id}`}><Icon name="blackbox" />{t('blackbox.incidents')}</AppLink>}
              <AppLink className="btn" to={`/alerts?asset=${asset.id}`}><Icon name="alerts" />{t('twin.alerts', { n: asset.active_alerts })}</AppLink>
            </div>
          </>
        )}
      </Loaded>
    </aside>
  );
}
