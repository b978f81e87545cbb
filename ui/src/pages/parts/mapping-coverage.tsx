// How much of what each asset's family expects is mapped, and what is missing.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { MappingCoverage } from '@/api/types';
import { Bar } from '@/components/instruments';
import { AppLink } from '@/components/link';
import { Tag } from '@/components/marks';
import { useFamilies, useMetricName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';

/** Missing metrics that are named; the count says the rest. */
const NAMED = 4;

export function CoverageTab({ asset }: { asset: string }) {
  const { t, n, name, p } = useText();
  const metric = useMetricName();
  const families = useFamilies();
  const query = useQuery({ queryKey: ['mapping-coverage', asset], queryFn: () => api.mappingCoverage({ asset_id: asset }) });
  const family = (key: string) => { const found = families.data?.find((f) => f.family === key); return found ? name(found.names) : key; };
  const columns: Column<MappingCoverage>[] = [
    { key: 'asset', title: t('field.asset'), cell: (r) => <AppLink className="two" to={`/assets/${r.asset_id}`}><Tag>{r.asset_code}</Tag><small>{name(r.asset_names)}</small></AppLink>, sort: (r) => r.asset_code, csv: (r) => r.asset_code },
    { key: 'family', title: t('field.family'), cell: (r) => family(r.family), sort: (r) => family(r.family), csv: (r) => r.family, wideOnly: true },
    { key: 'mapped', title: t('mapping.coverage_mapped'), cell: (r) => <span className="row"><bdi>{`${n(r.mapped, 0)}/${n(r.expected, 0)}`}</bdi><Bar share={r.expected === 0 ? 100 : (r.mapped / r.expected) * 100} /></span>, sort: (r) => (r.expected === 0 ? 1 : r.mapped / r.expected), csv: (r) => `${r.mapped}/${r.expected}` },
    { key: 'health', title: t('mapping.coverage_health'), cell: (r) => <span className="row"><bdi>{`${n(r.health_share * 100, 0)}%`}</bdi><Bar share={r.health_share * 100} /></span>, sort: (r) => r.health_share, csv: (r) => r.health_share, wideOnly: true },
    { key: 'missing', title: t('mapping.coverage_missing'), cell: (r) => <span className="chips">{r.missing.slice(0, NAMED).map((m) => <span key={m.metric} className={m.health_weight >= 0.8 ? 'chip warning' : 'chip'}>{name(m.names)}</span>)}{r.missing.length > NAMED && <span className="cap dim">{t('mapping.coverage_more', { n: r.missing.length - NAMED })}</span>}</span>, sort: (r) => r.missing.length, csv: (r) => r.missing.map((m) => m.metric).join(' ') },
    { key: 'silent', title: t('mapping.coverage_silent'), cell: (r) => (r.silent.length === 0 ? <span className="dim">{'—'}</span> : <span className="warn-t">{new Intl.ListFormat(p.language, { type: 'unit', style: 'short' }).format(r.silent.slice(0, 3).map((x) => metric(x, r.family)))}{r.silent.length > 3 && <bdi dir="ltr">{` +${n(r.silent.length - 3, 0)}`}</bdi>}</span>), sort: (r) => r.silent.length, csv: (r) => r.silent.join(' '), wideOnly: true },
  ];
  return (
    <Pane title={t('mapping.coverage')} caption={t('mapping.coverage_sub')}>
      <Loaded query={query} what={t('mapping.loading')} rows={8}>
        {(rows) => <DataTable id="coverage" label={t('mapping.coverage')} columns={columns} rows={rows} rowKey={(r) => r.asset_id} csvName="mapping-coverage" empty={<EmptyState icon="assets" title={t('mapping.coverage_empty')} />} />}
      </Loaded>
    </Pane>
  );
}
