// Signal mapping: the source's tree, what is mapped with its live value, many tags at once, files, coverage, drift and
// what was changed.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useAllAssets } from '@/api/all-assets';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { BrowseItem, Mapping } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { SearchInput, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Quantity, SourceTag, Tag, When } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { unitLabel } from '@/lib/format';
import { useParameters } from '@/lib/url';
import { BrowseTree } from './parts/browse-tree';
import { MappingBulk } from './parts/mapping-bulk';
import { CoverageTab } from './parts/mapping-coverage';
import { DriftTab } from './parts/mapping-drift';
import { type MappingDraft, MappingForm } from './parts/mapping-form';
import { MappingHistory } from './parts/mapping-history';
import { MappingImport } from './parts/mapping-import';
import { MappingReview } from './parts/mapping-review';

const LIMIT = 100;
const TABS = ['mapped', 'bulk', 'coverage', 'drift', 'history'] as const;
type Tab = (typeof TABS)[number];

export default function MappingPage() {
  const { t, n, p } = useText();
  const metric = useMetricName();
  const { may } = useSession();
  const write = may('mappings.write');
  const client = useQueryClient();
  const toasts = useToasts();
  const refetchInterval = useRefresh(null);
  const [parameters, change] = useParameters();
  const [draft, setDraft] = useState<MappingDraft | null>(null);
  const [picked, setPicked] = useState<Map<string, BrowseItem>>(new Map());
  const [confirm, dialog] = useConfirm();
  const [importing, setImporting] = useState(false);
  const [q, asset] = [parameters.get('q') ?? '', parameters.get('asset') ?? ''];
  const wanted = parameters.get('tab') as Tab;
  const tab: Tab = TABS.includes(wanted) && (write || wanted !== 'bulk') ? wanted : 'mapped';
  const integrations = useQuery({ queryKey: ['integrations'], queryFn: api.integrations });
  const chosen = parameters.get('integration') ?? '';
  const types = useQuery({ queryKey: ['connector-types'], queryFn: api.connectorTypes, staleTime: Infinity });
  // A maintenance system has equipment in place of tags.
  const sources = (integrations.data ?? []).filter((i) => !types.data?.find((type) => type.kind === i.kind)?.has_maintenance);
  // What has a tree to browse comes before uploaded files.
  const source = sources.find((i) => i.id === chosen) ?? sources.find((i) => i.kind !== 'file') ?? sources[0];
  const offset = useOffset('mappings', LIMIT);
  const mappings = useQuery({
    queryKey: ['mappings', chosen, asset, q, offset], refetchInterval, placeholderData: (old) => old,
    queryFn: () => api.mappings({ integration_id: chosen, asset_id: asset, q, limit: LIMIT, offset }), enabled: tab === 'mapped',
  });
  const drift = useQuery({ queryKey: ['mapping-drift', 'open', p.language], queryFn: () => api.drift({ state: 'open' }) });
  const assets = useAllAssets();
  const changed = () => { for (const key of ['mappings', 'mapping-changes', 'mapping-coverage', 'mapping-drift', 'suggest', 'browse', 'signals', 'twin', 'assets', 'integrations']) void client.invalidateQueries({ queryKey: [key] }); };
  const remove = (m: Mapping) => confirm({
    title: t('mapping.delete_title', { tag: m.external_tag }), body: t('mapping.delete_body'), action: t('mapping.delete'), danger: true,
    run: async () => { await api.deleteMapping(m.id); toasts.done(t('mapping.deleted')); changed(); },
  });
  const columns: Column<Mapping>[] = [
    { key: 'external_tag', title: t('mapping.tag'), cell: (m) => <span className="two"><SourceTag tag={m.external_tag} /><small><bdi>{m.integration_name}</bdi></small></span>, csv: (m) => m.external_tag },
    { key: 'asset_code', title: t('field.asset'), cell: (m) => <AppLink to={`/assets/${m.asset_id}`}><Tag>{m.asset_code}</Tag></AppLink>, csv: (m) => m.asset_code },
    { key: 'metric_name', title: t('mapping.metric'), cell: (m) => metric(m.metric_name), csv: (m) => m.metric_name },
    { key: 'unit', title: t('mapping.unit'), cell: (m) => <Tag>{m.unit === m.signal_unit ? unitLabel(m.unit) || '—' : `${unitLabel(m.unit) || '—'} → ${unitLabel(m.signal_unit) || '—'}`}</Tag>, csv: (m) => m.unit, wideOnly: true },
    { key: 'scale', title: t('mapping.scale'), cell: (m) => (m.scaling_factor === 1 && m.offset_value === 0 ? <span className="dim">{'—'}</span> : <Tag>{`× ${n(m.scaling_factor)} + ${n(m.offset_value)}`}</Tag>), csv: (m) => m.scaling_factor, wideOnly: true },
    { key: 'value', title: t('mapping.value_now'), cell: (m) => <span className="two"><Quantity value={m.value} text={m.text} unit={m.signal_unit} metric={m.metric_name} className={m.quality === 'good' ? 'b' : 'warn-t'} /><small>{m.is_active ? <When at={m.observed_at} /> : t('common.disabled')}</small></span>, csv: (m) => m.value },
    ...(write ? [{ key: 'actions', title: '', end: true, cell: (m: Mapping) => (
      <span className="nw">
        <button type="button" className="btn quiet sm icon" aria-label={t('mapping.edit_of', { tag: m.external_tag })} onClick={() => setDraft({ mapping: m, integration_id: m.integration_id, tag: m.external_tag })}><Icon name="edit" /></button>
        <button type="button" className="btn quiet sm icon" aria-label={t('mapping.delete_of', { tag: m.external_tag })} onClick={() => remove(m)}><Icon name="trash" /></button>
      </span>
    ) }] : []),
  ];
  const toggle = (item: BrowseItem) => setPicked((old) => {
    const next = new Map(old);
    if (!next.delete(item.id)) next.set(item.id, item);
    return next;
  });
  const exported = (format: string) => `/api/integrations/mappings/export?format=${format}${chosen ? `&integration_id=${chosen}` : ''}&lang=${p.language}`;
  const count = drift.data?.length ?? 0;
  const mapped = (
    <div className="mapping">
      {may('integrations.test') && source && <BrowseTree key={source.id} integration={source} picked={picked} onToggle={write ? toggle : undefined} onMap={write ? (item) => setDraft({ integration_id: source.id, tag: item.id, item }) : undefined} />}
      <div className="stack">
        {write && source && picked.size > 0 && <MappingReview integration={source} tags={[...picked.values()].map((i) => ({ tag: i.id, name: i.path || i.display, unit: i.unit, description: i.description, mapped: Boolean(i.mapped_to) }))} assets={assets.data ?? []} onClear={() => setPicked(new Map())} onDone={() => { setPicked(new Map()); changed(); }} />}
        <Pane title={t('mapping.mapped')} caption={mappings.data && t('mapping.count', { n: mappings.data.total })}>
          <Loaded query={mappings} what={t('mapping.loading')} rows={8}>
            {(page) => <DataTable id="mappings" label={t('mapping.mapped')} columns={columns} rows={page.items} rowKey={(m) => m.id} server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="map" title={t('empty.mappings')}>{t('mapping.empty_how')}</EmptyState>} />}
          </Loaded>
        </Pane>
      </div>
    </div>
  );
  return (
    <>
      <PageHead title={t('page.mapping')} sub={t('mapping.sub')}>
        <a className="btn" href={exported('csv')} download><Icon name="download" />{t('mapping.export_csv')}</a>
        <a className="btn" href={exported('xlsx')} download><Icon name="download" />{t('mapping.export_xlsx')}</a>
        {write && <button type="button" className="btn" data-action="import-mapping" onClick={() => setImporting(true)}><Icon name="upload" />{t('mapping.import')}</button>}
        {write && source && <button type="button" className="btn pri" onClick={() => setDraft({ integration_id: source.id, tag: '' })}><Icon name="plus" />{t('mapping.add')}</button>}
      </PageHead>
      <div className="tabs" role="navigation" aria-label={t('mapping.tabs')}>
        {TABS.filter((x) => write || x !== 'bulk').map((x) => (
          <button key={x} type="button" data-tab={x} aria-current={tab === x ? 'page' : undefined} onClick={() => change({ tab: x === 'mapped' ? null : x, 'mappings.page': null }, true)}>
            {t(`mapping.tab_${x}`)}{x === 'drift' && count > 0 && <> <span className="chip warning">{n(count, 0)}</span></>}
          </button>
        ))}
      </div>
      {tab !== 'history' && tab !== 'drift' && (
        <div className="row wrap filters">
          {tab !== 'coverage' && <Select label={t('mapping.source')} value={chosen} onChange={(v) => { change({ integration: v, 'mappings.page': null }); setPicked(new Map()); }} options={[...(tab === 'mapped' ? [{ value: '', label: t('mapping.all_sources') }] : []), ...sources.map((i) => ({ value: i.id, label: i.name }))]} />}
          {tab !== 'bulk' && <Select label={t('field.asset')} value={asset} onChange={(v) => change({ asset: v, 'mappings.page': null })} options={[{ value: '', label: t('mapping.all_assets') }, ...(assets.data ?? []).map((a) => ({ value: a.id, label: a.code }))]} />}
          {tab === 'mapped' && <SearchInput label={t('mapping.search')} value={q} onChange={(v) => change({ q: v, 'mappings.page': null })} />}
        </div>
      )}
      <Loaded query={integrations} what={t('integrations.loading')}>
        {() => sources.length === 0 ? (
          <section className="pane"><EmptyState icon="plug" title={t('empty.integrations')} action={may('integrations.write') && <AppLink className="btn pri" to="/integrations/new">{t('integrations.add')}</AppLink>} /></section>
        ) : (
          <>
            {tab === 'mapped' && mapped}
            {tab === 'bulk' && source && <MappingBulk key={source.id} integration={source} assets={assets.data ?? []} asset={asset} onAsset={(v) => change({ asset: v })} onDone={changed} />}
            {tab === 'coverage' && <CoverageTab asset={asset} />}
            {tab === 'drift' && <DriftTab onDone={changed} />}
            {tab === 'history' && <MappingHistory onDone={changed} />}
          </>
        )}
      </Loaded>
      {draft && <MappingForm draft={draft} assets={assets.data ?? []} integrations={sources} onClose={() => setDraft(null)} onSaved={() => { setDraft(null); changed(); }} />}
      {importing && <MappingImport integrations={sources} onClose={() => setImporting(false)} onDone={changed} />}
      {dialog}
    </>
  );
}
