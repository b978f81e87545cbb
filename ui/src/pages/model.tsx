// The model lab of one asset: what its model learned, what it would have said of the past, and which version is in force.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'wouter';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Asset, AssetModelPage, Job } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { BackTest } from './parts/model-backtest';
import { Facts, Inputs, Life, Regimes } from './parts/model-facts';
import { ModelHindsightPane } from './parts/model-hindsight';
import { Versions } from './parts/model-versions';
import '@/styles/plan.css';

/** Training at work: how far, and a way to stop it. */
function Training({ job }: { job: Job }) {
  const { t, n } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const step = job.steps[0];
  const percent = Math.round(job.progress * 100);
  const stop = async () => { await api.cancelTraining(); await client.invalidateQueries({ queryKey: ['model'] }); };
  return (
    <Pane title={t('model.training')} flush={false} end={may('models.write') && !job.is_cancelling && <button type="button" className="btn sm" data-action="stop-training" onClick={() => void stop().catch(toasts.failed)}>{t('model.stop')}</button>}>
      <div className="stack" data-training={percent}>
        <div className="bar" role="progressbar" aria-label={t('model.training')} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ inlineSize: `${percent}%` }} /></div>
        {step && <span className="s mid">{t('model.training_of', { done: n(step.done, 0), total: n(step.total, 0) })}</span>}
      </div>
    </Pane>
  );
}

function Lab({ asset, page }: { asset: Asset; page: AssetModelPage }) {
  const { t } = useText();
  const [chosen, choose] = useParameter('version', '');
  const version = page.versions.find((v) => String(v.version) === chosen) ?? page.versions.find((v) => v.version === page.in_force) ?? page.versions[0];
  // Until somebody moves the slider the version's own budget holds; it is forgotten with the version.
  const [moved, setMoved] = useState<{ of: number; budget: number } | null>(null);
  if (!version) return null;
  const budget = moved?.of === version.version ? moved.budget : version.alarms_per_week;
  return (
    <div className="grid" data-model={version.version} data-in-force={page.in_force ?? ''}>
      <div className="c8 stack">
        <BackTest asset={asset} version={version} budget={budget} isInForce={version.version === page.in_force} onBudget={(b) => setMoved({ of: version.version, budget: b })} />
        <Versions assetId={asset.id} page={page} chosen={version} choose={(n) => choose(String(n))} />
      </div>
      <div className="c4 stack">
        {version.is_demo && <Notice tone="warning">{t('model.demo')}</Notice>}
        <Pane title={t('model.version', { n: version.version })} caption={version.version === page.in_force ? t('model.in_force') : undefined} flush={false}><Facts version={version} next={page.next_training_at} /></Pane>
        <Pane title={t('model.coverage')}><Inputs version={version} family={asset.family} /></Pane>
        <Pane title={t('model.regimes')} flush={false}><Regimes version={version} family={asset.family} /></Pane>
        <Pane title={t('model.life')} flush={false}><Life life={page.life} family={asset.family} /></Pane>
      </div>
    </div>
  );
}

export default function ModelPage() {
  const { t, p, name } = useText();
  const { id = '' } = useParams<{ id: string }>();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const refetchInterval = useRefresh(null);
  const [confirm, dialog] = useConfirm();
  const asset = useQuery({ queryKey: ['asset', id], queryFn: () => api.asset(id) });
  const model = useQuery({ queryKey: ['model', id, p.language], queryFn: () => api.assetModel(id), enabled: asset.isSuccess, refetchInterval: (q) => (q.state.data?.training ? 700 : refetchInterval || 10_000) });
  useTitle(asset.data ? `${t('model.title')} ${asset.data.code}` : t('page.model'));
  const data = model.data;
  const again = () => client.invalidateQueries({ queryKey: ['model', id] });
  const train = async () => { await api.trainAssetModel(id); await again(); };
  const back = () => confirm({ title: t('model.rollback'), body: t('model.rollback_body'), action: t('model.rollback'), run: async () => { await api.rollBackModel(id); await again(); } });
  const hasBefore = data?.versions.some((v) => v.state === 'retired') ?? false;
  const button = may('models.write') && <button type="button" className="btn pri" data-action="train-model" disabled={data === undefined || data.training !== null} onClick={() => void train().catch(toasts.failed)}><Icon name="play" />{t('model.train')}</button>;
  return (
    <Loaded query={asset} what={t('model.loading')} rows={8}>
      {(a) => (
        <>
          <PageHead crumb={{ to: `/assets/${a.id}`, text: a.code, here: t('model.title') }} title={<>{t('model.title')} <Tag>{a.code}</Tag></>} sub={name(a.names)}>
            {may('models.write') && hasBefore && <button type="button" className="btn" onClick={back}>{t('model.rollback')}</button>}
            {button}
            <AppLink className="btn" to={`/assets/${a.id}`}><Icon name="assets" />{t('page.asset')}</AppLink>
          </PageHead>
          <Loaded query={model} what={t('model.loading')} rows={8}>
            {(page) => (
              <div className="stack">
                {page.training && <Training job={page.training} />}
                {page.withheld && <Notice tone="warning"><b>{t('model.withheld_last')}</b> {page.withheld_at !== null && <When at={page.withheld_at} />}<div data-withheld={page.withheld.code}>{page.withheld.message}</div></Notice>}
                {page.versions.length > 0
                  ? <Lab asset={a} page={page} />
                  : (
                    <div className="grid">
                      <section className="pane c8"><EmptyState icon="pulse" title={t('model.empty')} action={button || undefined}>{t('model.empty_why')}</EmptyState></section>
                      <div className="c4"><Pane title={t('model.life')} flush={false}><Life life={page.life} family={a.family} /></Pane></div>
                    </div>
                  )}
                <ModelHindsightPane asset={a} />
              </div>
            )}
          </Loaded>
          {dialog}
        </>
      )}
    </Loaded>
  );
}
