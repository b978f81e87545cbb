// What the twin's side panel adds to the state of an asset: its chance to fail, its open alerts, its work orders.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import { AppLink } from '@/components/link';
import { SeverityMark, When } from '@/components/marks';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { RemainingSpan, useChance } from './model-facts';
import { WorkOrdersPane } from './work-order-parts';

const ALERTS = 5;

function Chance({ id }: { id: string }) {
  const { t, n } = useText();
  const chance = useChance();
  const query = useQuery({ queryKey: ['asset-model', id], queryFn: () => api.assetModel(id) });
  return (
    <section className="pb" data-part="chance">
      <h3>{t('model.life')}</h3>
      <Loaded query={query} what={t('model.loading')} rows={1}>
        {({ life }) => <>{life.chance
          ? <p className="s">{t('model.chance', { days: n(life.horizon_h / 24, 0) })}: <AppLink className="link" to={`/assets/${id}/model`}><b><bdi dir="ltr">{chance(life.chance.p)}</bdi></b> <bdi dir="ltr">{`(${chance(life.chance.low)} – ${chance(life.chance.high)})`}</bdi></AppLink></p>
          : <p className="help">{life.chance_withheld?.message}</p>}{life.remaining && <p className="s">{t('model.remaining')}: <AppLink className="link" to={`/assets/${id}/model`}><RemainingSpan life={life.remaining} /></AppLink></p>}</>}
      </Loaded>
    </section>
  );
}

function OpenAlerts({ id }: { id: string }) {
  const { t, p } = useText();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const query = useQuery({
    queryKey: ['alerts', 'of-asset', id, cursor.asOf, p.language], refetchInterval, placeholderData: (old) => old,
    queryFn: () => api.alerts({ ...cursor.asOf, asset_id: id, state: 'active_unacknowledged,active_acknowledged', limit: ALERTS }),
  });
  return (
    <section className="pb" data-part="alerts">
      <h3>{t('twin.open_alerts')}</h3>
      <Loaded query={query} what={t('alerts.loading')} rows={1}>
        {(page) => (page.items.length === 0
          ? <p className="help">{t('twin.no_open_alerts')}</p>
          : (
            <>
              <ul className="list">{page.items.map((alert) => <li key={alert.id}><SeverityMark severity={alert.severity} /><div className="grow"><div className="s">{alert.message}</div><div className="cap dim"><When at={alert.activated_at} /></div></div></li>)}</ul>
              {page.total > ALERTS && <AppLink className="link s" to={`/alerts?asset=${id}`}>{t('work_orders.show_all')}</AppLink>}
            </>
          ))}
      </Loaded>
    </section>
  );
}

export function TwinMore({ id }: { id: string }) {
  const { may } = useSession();
  const cursor = useCursor();
  return (
    <>
      {may('alerts.read') && <OpenAlerts id={id} />}
      {may('models.read') && cursor.t === null && <Chance id={id} />}
      {may('work_orders.read') && <WorkOrdersPane query={{ asset_id: id }} all={`/work-orders?asset=${id}`} />}
    </>
  );
}
