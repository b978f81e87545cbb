// How well the chances of failure held: what would have been stated in the past beside what came, as a plot and as a table.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Asset, ModelHindsight } from '@/api/types';
import { Segment, Select } from '@/components/fields';
import { When } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { scaleOf } from '@/lib/hindsight';

const HORIZONS = [7, 30, 90, 180, 365];

type Group = ModelHindsight['groups'][number];

/** A share to the decimals that tell small ones apart. */
function useShare(): (share: number) => string {
  const { n } = useText();
  return (share) => `${n(share * 100, share < 0.01 ? 2 : 1)} %`;
}

function Plot({ found }: { found: ModelHindsight }) {
  const { t, n } = useText();
  const share = useShare();
  const scale = scaleOf(found.groups);
  const x = (chance: number) => (chance / scale.x) * 100;
  const y = (part: number) => 100 - (part / scale.y) * 100;
  return (
    <div className="curve" role="img" aria-label={t('model.hindsight_label', { groups: n(found.groups.length, 0), forecasts: n(found.forecasts, 0) })} data-groups={found.groups.length}>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {[0, 25, 50, 75, 100].map((v) => <path key={v} d={`M0 ${v}H100`} stroke="var(--line)" vectorEffect="non-scaling-stroke" />)}
        <path d={`M0 100L${x(scale.line)} ${y(scale.line)}`} stroke="var(--ink-3)" strokeDasharray="4 3" vectorEffect="non-scaling-stroke" />
        {found.groups.map((g) => (
          <g key={g.predicted}>
            <path d={`M${x(g.predicted)} ${y(g.observed_low)}V${y(g.observed_high)}`} stroke="var(--ink-2)" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
            <path d={`M${x(g.predicted)} ${y(g.observed)}h0`} stroke="var(--ink)" strokeWidth="9" strokeLinecap="round" vectorEffect="non-scaling-stroke" />
          </g>
        ))}
      </svg>
      {[0, 50, 100].map((v) => <span key={v} className="y" style={{ insetInlineEnd: 'calc(100% + 6px)', top: `calc(${v}% - 9px)` }}><bdi dir="ltr">{share(scale.y * (1 - v / 100))}</bdi></span>)}
      {[0, 50, 100].map((v) => <span key={v} className="x" style={{ insetInlineStart: `calc(${v}% - ${v === 0 ? 0 : v === 100 ? 44 : 22}px)`, top: 'calc(100% + 6px)' }}><bdi dir="ltr">{share(scale.x * (v / 100))}</bdi></span>)}
    </div>
  );
}

function useColumns(): Column<Group>[] {
  const { t, n } = useText();
  const share = useShare();
  const pair = (low: number, high: number) => <bdi dir="ltr">{`${share(low)} – ${share(high)}`}</bdi>;
  return [
    { key: 'range', title: t('model.hindsight_range'), cell: (g) => pair(g.from, g.to), csv: (g) => `${g.from}–${g.to}` },
    { key: 'count', title: t('model.hindsight_count'), end: true, cell: (g) => n(g.count, 0), csv: (g) => g.count },
    { key: 'stated', title: t('model.hindsight_stated'), end: true, cell: (g) => <bdi dir="ltr">{share(g.predicted)}</bdi>, csv: (g) => g.predicted },
    { key: 'came', title: t('model.hindsight_came'), end: true, cell: (g) => <bdi dir="ltr">{share(g.observed)}</bdi>, csv: (g) => g.observed },
    { key: 'interval', title: t('model.interval'), end: true, cell: (g) => pair(g.observed_low, g.observed_high), csv: (g) => `${g.observed_low}–${g.observed_high}` },
  ];
}

function Figures({ found }: { found: ModelHindsight }) {
  const { t, n } = useText();
  const share = useShare();
  const { brier, brier_base: base } = found;
  return (
    <div className="stack">
      {found.is_demo && <Notice tone="warning">{t('model.hindsight_demo')}</Notice>}
      <dl className="kv" data-forecasts={found.forecasts}>
        <dt>{t('model.hindsight_assets')}</dt><dd>{n(found.assets, 0)}</dd>
        <dt>{t('model.hindsight_count')}</dt><dd>{n(found.forecasts, 0)}</dd>
        <dt>{t('model.hindsight_failures')}</dt><dd>{n(found.failures, 0)}</dd>
        {found.from !== null && found.to !== null && <><dt>{t('model.hindsight_span')}</dt><dd><When at={found.from} /> – <When at={found.to} /></dd></>}
        {found.forecasts > 0 && <><dt>{t('model.hindsight_health')}</dt><dd>{t('model.hindsight_health_help', { n: n(found.with_health, 0), all: n(found.forecasts, 0) })}</dd></>}
        {found.predicted !== null && found.observed !== null && <><dt>{t('model.hindsight_mean')}</dt><dd><bdi dir="ltr">{`${share(found.predicted)} · ${share(found.observed)}`}</bdi></dd></>}
        {brier !== null && base !== null && <><dt>{t('model.hindsight_brier')}</dt><dd>{t('model.hindsight_brier_help', { score: n(brier, 4), base: n(base, 4) })}</dd></>}
      </dl>
      {brier !== null && base !== null && <p className="help" data-better={brier < base}>{t(brier < base ? 'model.hindsight_better' : 'model.hindsight_worse')}</p>}
    </div>
  );
}

export function ModelHindsightPane({ asset }: { asset: Asset }) {
  const { t, p } = useText();
  const [days, setDays] = useState(30);
  const [as, setAs] = useState<'chart' | 'table'>('chart');
  const columns = useColumns();
  const query = useQuery({ queryKey: ['model', asset.id, 'hindsight', days, p.language], queryFn: () => api.modelHindsight(asset.id, { horizon_days: days }), placeholderData: (old) => old, staleTime: 60_000 });
  const isDrawn = (query.data?.groups.length ?? 0) > 0;
  const choices = (
    <>
      <Select label={t('model.hindsight_horizon')} value={String(days)} onChange={(v) => setDays(Number(v))} options={HORIZONS.map((d) => ({ value: String(d), label: t('optimization.days', { n: d }) }))} />
      {isDrawn && <Segment small label={t('optimization.view')} value={as} onChange={setAs} options={[{ value: 'chart', label: t('optimization.as_chart') }, { value: 'table', label: t('optimization.as_table') }]} />}
    </>
  );
  return (
    <Pane title={t('model.hindsight')} caption={t('model.hindsight_caption')} flush={false} end={choices}>
      <Loaded query={query} what={t('model.loading')} rows={4}>
        {(found) => (
          <div className="grid" data-hindsight={found.withheld?.code ?? 'drawn'}>
            <div className="c8">
              {found.withheld
                ? <EmptyState icon="pulse" title={t('model.hindsight_empty')}>{found.withheld.message}</EmptyState>
                : as === 'table'
                  ? <DataTable id="hindsight" label={t('model.hindsight')} columns={columns} rows={found.groups} rowKey={(g) => String(g.from)} pageSize={20} csvName={`hindsight-${found.family}-${days}`} empty={null} />
                  : <div className="stack"><p className="cap dim">{t('model.hindsight_came')}</p><Plot found={found} /><p className="cap dim">{t('model.hindsight_stated')}</p></div>}
              {!found.withheld && <p className="help">{t('model.hindsight_help')}</p>}
            </div>
            <div className="c4"><Figures found={found} /></div>
          </div>
        )}
      </Loaded>
    </Pane>
  );
}
