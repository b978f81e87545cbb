// One asset at headquarters: its state as the plant told it, how often it failed, and the trends that were sent.
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { Select } from '@/components/fields';
import { Tag, When } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead, Pane, useTitle } from '@/components/page';
import { ProvenanceNote, Trend } from '@/components/trend';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { withUnit } from '@/lib/format';
import { useParameters } from '@/lib/url';
import { hub, type HubAsset, type HubSignal } from './api';
import { StatusWord } from './figures';
import { DemoChip, Word } from './words';

const DAY = 86_400_000;
const RANGES: Record<string, number | null> = { day: DAY, week: 7 * DAY, month: 30 * DAY, all: null };

function Facts({ asset }: { asset: HubAsset }) {
  const { t, n } = useText();
  const none = <span className="dim">{t('hub.no_data')}</span>;
  const year = asset.reliability;
  return (
    <dl className="kv">
      <dt>{t('hub.plant')}</dt><dd><bdi>{asset.appliance}</bdi> <Tag>{asset.site}</Tag> · <Tag>{asset.unit}</Tag></dd>
      <dt>{t('field.family')}</dt><dd>{sentence('family', asset.family) ?? <Tag>{asset.family}</Tag>}</dd>
      <dt>{t('field.criticality')}</dt><dd><Word list="criticality" value={asset.criticality} /></dd>
      <dt>{t('field.status')}</dt><dd><StatusWord value={asset.status} /></dd>
      <dt>{t('field.health')}</dt><dd>{asset.health === null ? none : <bdi dir="ltr">{n(asset.health, 0)}</bdi>}</dd>
      <dt>{t('hub.data_at')}</dt><dd><When at={asset.data_at} full /></dd>
      <dt>{t('hub.told_at')}</dt><dd><When at={asset.at} full /></dd>
      <dt>{t('hub.reliability_year')}</dt><dd>{year ? <bdi dir="ltr">{n(year.failures, 0)}</bdi> : none}</dd>
      {year && <><dt>{t('hub.mtbf')}</dt><dd>{year.mtbf_h === null ? (year.mtbf_low_h === null ? none : t('reliability.at_least', { hours: n(year.mtbf_low_h, 0) })) : <span className="two"><bdi dir="ltr">{n(year.mtbf_h, 0)}</bdi>{year.mtbf_low_h !== null && year.mtbf_high_h !== null && <small>{t('reliability.interval', { low: n(year.mtbf_low_h, 0), high: n(year.mtbf_high_h, 0) })}</small>}</span>}</dd></>}
      {year && <><dt>{t('hub.mttr')}</dt><dd>{year.mttr_h === null ? none : <bdi dir="ltr">{n(year.mttr_h, 1)}</bdi>}</dd></>}
      {year && <><dt>{t('hub.availability')}</dt><dd>{year.operational === null ? none : <bdi dir="ltr">{`${n(year.operational * 100, 1)}%`}</bdi>}</dd></>}
    </dl>
  );
}

function Chart({ appliance, asset, signal, called, range }: { appliance: string; asset: string; signal: HubSignal; called: string; range: string }) {
  const { t } = useText();
  const length = RANGES[range] ?? null;
  const to = signal.to + 1;
  const from = length === null ? signal.from : Math.max(signal.from, to - length);
  const wanted = { unit: signal.unit, from, to, width: 800 };
  const query = useQuery({ queryKey: ['hub-trend', appliance, asset, signal.id, wanted], queryFn: () => hub.trend(appliance, asset, signal.id, wanted), placeholderData: (old) => old });
  return (
    <Loaded query={query} what={t('state.loading')}>
      {(trend) => (
        <div className="stack">
          {trend.damaged > 0 && <Notice tone="warning">{t('hub.series_damaged', { n: trend.damaged })}</Notice>}
          <Trend series={trend.series} label={t('trend.label', { name: called })} height={280} axes readout metric={trend.metric} />
          <p className="cap dim"><ProvenanceNote series={trend.series} /> · {t('hub.series_newest')} <When at={signal.to} full /> · {t('hub.series_samples', { n: trend.samples })}{typeof trend.kept_days === 'number' && <> · {t('hub.series_kept', { days: trend.kept_days })}</>} <DemoChip is={trend.is_demo} /></p>
        </div>
      )}
    </Loaded>
  );
}

function Series({ appliance, asset }: { appliance: string; asset: string }) {
  const { t, name } = useText();
  const [parameters, change] = useParameters();
  const query = useQuery({ queryKey: ['hub-signals', appliance, asset], queryFn: () => hub.signals(appliance, asset), refetchInterval: 30_000 });
  const range = parameters.get('range') ?? 'week';
  const called = (s: HubSignal) => withUnit(name(s.names) || s.metric, s.unit);
  // A signal that came in several units stands once for each.
  const key = (s: HubSignal) => `${s.id} ${s.unit}`;
  const choose = (chosen: HubSignal | undefined) => change({ signal: chosen?.id ?? null, unit: chosen?.unit ?? null });
  return (
    <Pane title={t('hub.series')} flush={false}>
      <Loaded query={query} what={t('state.loading')}>
        {(signals) => {
          const named = signals.filter((s) => s.id === parameters.get('signal'));
          const shown = named.find((s) => s.unit === parameters.get('unit')) ?? named[0] ?? signals[0];
          if (!shown) return <EmptyState icon="pulse" title={t('hub.series_none')}>{t('hub.series_none_what')}</EmptyState>;
          return (
            <div className="stack">
              <div className="row wrap filters">
                <Select label={t('hub.signal')} value={key(shown)} onChange={(v) => choose(signals.find((s) => key(s) === v))} options={signals.map((s) => ({ value: key(s), label: called(s) }))} />
                <Select label={t('hub.series_range')} value={range in RANGES ? range : 'week'} onChange={(v) => change({ range: v === 'week' ? null : v })} options={Object.keys(RANGES).map((r) => ({ value: r, label: t(`hub.series_${r}`) }))} />
              </div>
              <Chart appliance={appliance} asset={asset} signal={shown} called={called(shown)} range={range in RANGES ? range : 'week'} />
            </div>
          );
        }}
      </Loaded>
    </Pane>
  );
}

export function HubAssetPage() {
  const { t, name } = useText();
  const { appliance = '', id = '' } = useParams<{ appliance: string; id: string }>();
  const query = useQuery({ queryKey: ['hub-asset', appliance, id], queryFn: () => hub.assets({ appliance, id, limit: 1 }), refetchInterval: 10_000, placeholderData: (old) => old });
  const asset = query.data?.items[0];
  useTitle(asset ? `${asset.code} ${name(asset.names)}` : t('page.assets'));
  return (
    <Loaded query={query} what={t('state.loading')}>
      {() => (!asset
        ? <EmptyState icon="assets" title={t('hub.asset_gone')}>{t('hub.figures_none_what')}</EmptyState>
        : (
          <>
            <PageHead crumb={{ to: '/assets', text: t('page.assets'), here: <Tag>{asset.code}</Tag> }} title={<><Tag>{asset.code}</Tag> {name(asset.names)}</>} mark={<><StatusWord value={asset.status} /> <DemoChip is={asset.is_demo} /></>} />
            <div className="grid">
              <div className="c8"><Series appliance={appliance} asset={id} /></div>
              <div className="c4"><Pane title={t('asset.details')} flush={false}><Facts asset={asset} /></Pane></div>
            </div>
          </>
        ))}
    </Loaded>
  );
}
