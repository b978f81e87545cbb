// One asset: what it is, its scores, its trends, its alert rules.
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Asset, TwinAsset } from '@/api/types';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Connectivity, StatusMark, Tag } from '@/components/marks';
import { useFamilyName } from '@/components/metrics';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { Contributors, HealthScore, ScoreModelLine } from '@/components/score';
import { lastSampleAt } from '@/components/signals';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { iso } from '@/lib/format';
import { useParameter } from '@/lib/url';
import { AlertRules } from './parts/alert-rules';
import { AssetTrends } from './parts/asset-trends';
import { AssetReliability } from './parts/reliability';
import { ScoreHistory } from './parts/score-history';
import { WorkOrdersPane } from './parts/work-order-parts';

function Details({ asset }: { asset: Asset }) {
  const { t, word, comma } = useText();
  const familyName = useFamilyName();
  const codes = (list: string[]) => (list.length === 0 ? <span className="dim">{t('common.none')}</span> : list.map((c, i) => <span key={c}>{i > 0 && comma}<Tag>{c}</Tag></span>));
  return (
    <dl className="kv">
      <dt>{t('field.site')}</dt><dd><Tag>{asset.site_code}</Tag></dd>
      <dt>{t('field.unit')}</dt><dd><Tag>{asset.unit_code}</Tag></dd>
      <dt>{t('field.family')}</dt><dd>{familyName(asset.family)}</dd>
      <dt>{t('field.criticality')}</dt><dd>{word('criticality', asset.criticality)}</dd>
      {asset.equipment_number && <><dt>{t('field.equipment_number')}</dt><dd><Tag>{asset.equipment_number}</Tag></dd></>}
      {asset.functional_location && <><dt>{t('field.functional_location')}</dt><dd><Tag wrap>{asset.functional_location}</Tag></dd></>}
      <dt>{t('field.upstream')}</dt><dd>{codes(asset.upstream)}</dd>
      <dt>{t('field.downstream')}</dt><dd>{codes(asset.downstream)}</dd>
      {asset.in_service_since !== null && <><dt>{t('field.in_service_since')}</dt><dd><bdi dir="ltr">{iso(asset.in_service_since).slice(0, 10)}</bdi></dd></>}
      {asset.note && <><dt>{t('field.note')}</dt><dd dir="auto">{asset.note}</dd></>}
    </dl>
  );
}

function Scores({ state, id }: { state: TwinAsset; id: string }) {
  const { t, n, span } = useText();
  const a = state.assessment;
  return (
    <div className="stack">
      <div className="two-scores">
        <div><div className="cap mid">{t('field.health')}</div><HealthScore big health={state.health} assessment={a} family={state.family} /></div>
        <div><div className="cap mid">{t('field.anomaly')}</div>{state.anomaly === null ? <span className="dim s">{t('score.not_enough')}</span> : <span className="num">{n(state.anomaly, 0)}</span>}</div>
      </div>
      {a && a.health !== null && <><h3>{t('score.made_of')}</h3><Contributors assessment={a} family={state.family} /></>}
      {a && (
        <dl className="kv" data-score-model={a.model}>
          <dt>{t('score.model')}</dt><dd><ScoreModelLine model={a.model} /></dd>
          <dt>{t('score.coverage')}</dt><dd><bdi dir="ltr">{`${n(a.coverage * 100, 0)} %`}</bdi></dd>
          {a.input_age_ms !== null && <><dt>{t('score.input_age')}</dt><dd>{span(a.input_age_ms)}</dd></>}
        </dl>
      )}
      <ScoreHistory id={id} />
    </div>
  );
}

export default function AssetPage() {
  const { t, name } = useText();
  const { id = '' } = useParams<{ id: string }>();
  const { may } = useSession();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const [tab, setTab] = useParameter('tab', 'trends');
  const asset = useQuery({ queryKey: ['asset', id], queryFn: () => api.asset(id) });
  const state = useQuery({ queryKey: ['twin-asset', id, cursor.asOf], queryFn: () => api.twinAsset(id, cursor.asOf), refetchInterval, placeholderData: (old) => (old?.id === id ? old : undefined), enabled: asset.isSuccess && may('twin.read') });
  useTitle(asset.data ? `${asset.data.code} ${name(asset.data.names)}` : t('page.asset'));
  return (
    <Loaded query={asset} what={t('assets.loading')} rows={8}>
      {(a) => (
        <>
          <PageHead crumb={{ to: '/assets', text: t('page.assets'), here: <Tag>{a.code}</Tag> }} title={<><Tag>{a.code}</Tag> {name(a.names)}</>} mark={state.data && <><StatusMark status={state.data.status} /><span className="s"><Connectivity link={state.data.connectivity} ageMs={state.data.data_age_ms} lastAt={lastSampleAt(state.data.signals)} /></span></>}>
            {state.data?.open_incident_id && <AppLink className="btn pri" to={`/blackbox/incidents/${state.data.open_incident_id}`}><Icon name="blackbox" />{t('action.incident')}</AppLink>}
            <AppLink className="btn" to={`/digital-twin?asset=${a.id}`}><Icon name="twin" />{t('page.twin')}</AppLink>
            {may('models.read') && <AppLink className="btn" to={`/assets/${a.id}/model`}><Icon name="pulse" />{t('model.title')}</AppLink>}
            <AppLink className="btn" to={`/blackbox?asset=${a.id}`}>{t('asset.incidents')}</AppLink>
          </PageHead>
          <div className="tabs" role="navigation" aria-label={t('asset.tabs')}>
            <button type="button" aria-current={tab === 'trends' ? 'page' : undefined} onClick={() => setTab('trends')}>{t('asset.trends')}</button>
            {may('alerts.read') && <button type="button" aria-current={tab === 'rules' ? 'page' : undefined} onClick={() => setTab('rules')}>{t('asset.rules')}</button>}
          </div>
          <div className="grid">
            <div className="c8">{tab === 'rules' && may('alerts.read') ? <AlertRules assetId={id} family={a.family} /> : <AssetTrends id={id} />}</div>
            <div className="c4 stack">
              {may('twin.read') && <Pane title={t('asset.scores')} flush={false}><Loaded query={state} what={t('assets.loading')} rows={3}>{(s) => <Scores state={s} id={id} />}</Loaded></Pane>}
              <Pane title={t('asset.details')} flush={false}><Details asset={a} /></Pane>
              {may('work_orders.read') && <AssetReliability id={id} t={cursor.t} />}
              {may('work_orders.read') && <WorkOrdersPane query={{ asset_id: id }} all={`/work-orders?asset=${id}`} create={{ asset_id: id, asset_code: a.code }} />}
            </div>
          </div>
        </>
      )}
    </Loaded>
  );
}
