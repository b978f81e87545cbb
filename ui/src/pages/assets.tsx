// Sites, units and assets as one tree-table: find, create, edit, delete, import.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { Asset, Site, TwinAsset, Unit } from '@/api/types';
import { useConfirm } from '@/components/dialog';
import { SearchInput, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { StatusMark, Tag } from '@/components/marks';
import { useFamilyName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { type CsvCell, downloadText, toCsv } from '@/lib/csv';
import { iso } from '@/lib/format';
import { useCursor } from '@/lib/cursor';
import { useParameters } from '@/lib/url';
import { AssetForm, SiteForm, UnitForm } from './parts/asset-forms';
import { ImportDialog } from './parts/asset-import';

type Editing = { kind: 'site'; value?: Site } | { kind: 'unit'; value?: Unit } | { kind: 'asset'; value?: Asset; unit?: string } | { kind: 'import' } | null;

/** The columns the import reads. */
const COLUMNS = ['code', 'family', 'site', 'unit', 'criticality', 'name_en', 'name_ar', 'equipment_number', 'functional_location', 'in_service_since', 'upstream', 'downstream', 'note'];

function assetsCsv(assets: Asset[]): string {
  const rows: CsvCell[][] = assets.map((a) => [a.code, a.family, a.site_code, a.unit_code, a.criticality, a.names.en, a.names.ar, a.equipment_number, a.functional_location, a.in_service_since === null ? '' : iso(a.in_service_since).slice(0, 10), a.upstream.join(';'), a.downstream.join(';'), a.note]);
  return toCsv(COLUMNS, rows);
}

function AssetRow({ asset, state, onEdit, onDelete }: { asset: Asset; state: TwinAsset | undefined; onEdit?: () => void; onDelete?: () => void }) {
  const { t, n, name, word } = useText();
  const familyName = useFamilyName();
  return (
    <tr>
      <td className="two leaf"><AppLink to={`/assets/${asset.id}`}><Tag>{asset.code}</Tag></AppLink><small>{name(asset.names)}</small></td>
      <td>{state ? <StatusMark status={state.status} /> : null}</td>
      <td className="r">{state?.health === null || state?.health === undefined ? <span className="dim" title={t('score.not_enough')}>{'—'}</span> : n(state.health, 0)}</td>
      <td className="dsk-only">{familyName(asset.family)}</td>
      <td className="dsk-only">{word('criticality', asset.criticality)}</td>
      <td className="r dsk-only"><bdi dir="ltr">{`${n(asset.mapped_signals, 0)} / ${n(asset.expected_signals, 0)}`}</bdi></td>
      <td className="r nw">
        {onEdit && <button type="button" className="btn quiet sm icon" aria-label={t('assets.edit', { code: asset.code })} onClick={onEdit}><Icon name="edit" /></button>}
        {onDelete && <button type="button" className="btn quiet sm icon" aria-label={t('assets.delete', { code: asset.code })} onClick={onDelete}><Icon name="trash" /></button>}
      </td>
    </tr>
  );
}

export default function AssetsPage() {
  const { t, n, name, word } = useText();
  const familyName = useFamilyName();
  const { may } = useSession();
  const write = may('assets.write');
  const client = useQueryClient();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const [parameters, change] = useParameters();
  const [editing, setEditing] = useState<Editing>(null);
  const [confirm, dialog] = useConfirm();
  const [site, family, criticality, q] = ['site', 'family', 'criticality', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string, string];

  const sites = useQuery({ queryKey: ['sites'], queryFn: api.sites });
  const units = useQuery({ queryKey: ['units'], queryFn: api.units });
  const assets = useQuery({ queryKey: ['assets', 'list', site, family, criticality, q], queryFn: () => api.assets({ site_id: site, family, criticality, q, limit: 1000 }), placeholderData: (old) => old });
  const twin = useQuery({ queryKey: ['twin', cursor.asOf, ''], queryFn: () => api.twin(cursor.asOf), refetchInterval, enabled: may('twin.read') });
  const states = new Map(twin.data?.assets.map((a) => [a.id, a]));
  const families = useQuery({ queryKey: ['families'], queryFn: api.families, staleTime: Infinity });
  const changed = () => Promise.all(['sites', 'units', 'assets', 'twin', 'overview'].map((key) => client.invalidateQueries({ queryKey: [key] })));
  const close = () => setEditing(null);
  const saved = () => { void changed(); close(); };
  const remove = (code: string, run: () => Promise<void>) => confirm({
    title: t('assets.delete_title', { code }), body: t('assets.delete_body'), action: t('assets.delete', { code }), danger: true, run: async () => { await run(); await changed(); },
  });
  const filtered = Boolean(family || criticality || q);
  return (
    <>
      <PageHead title={t('page.assets')} sub={assets.data && t('twin.assets', { n: assets.data.total })}>
        {write && <>
          <button type="button" className="btn quiet" data-action="import" disabled={!units.data?.length} onClick={() => setEditing({ kind: 'import' })}><Icon name="upload" />{t('assets.import')}</button>
          <button type="button" className="btn" data-action="add-site" onClick={() => setEditing({ kind: 'site' })}><Icon name="plus" />{t('assets.add_site')}</button>
          <button type="button" className="btn" data-action="add-unit" disabled={!sites.data?.length} onClick={() => setEditing({ kind: 'unit' })}><Icon name="plus" />{t('assets.add_unit')}</button>
          <button type="button" className="btn pri" disabled={!units.data?.length} onClick={() => setEditing({ kind: 'asset' })}><Icon name="plus" />{t('assets.add_asset')}</button>
        </>}
      </PageHead>
      <div className="row wrap filters">
        <SearchInput label={t('assets.search')} value={q} onChange={(v) => change({ q: v })} />
        <Select label={t('field.family')} value={family} onChange={(v) => change({ family: v })} options={[{ value: '', label: t('twin.all_families') }, ...(families.data ?? []).map((f) => ({ value: f.family, label: familyName(f.family) }))]} />
        <Select label={t('field.criticality')} value={criticality} onChange={(v) => change({ criticality: v })} options={[{ value: '', label: t('twin.all_criticalities') }, ...(['critical', 'high', 'medium', 'low'] as const).map((c) => ({ value: c, label: word('criticality', c) }))]} />
      </div>
      <Loaded query={sites} what={t('assets.loading')}>{(siteList) => <Loaded query={units} what={t('assets.loading')}>{(unitList) => <Loaded query={assets} what={t('assets.loading')} rows={8}>{(page) => (
        siteList.length === 0 ? (
          <section className="pane"><EmptyState icon="assets" title={t('assets.empty')} action={write && <button type="button" className="btn pri" onClick={() => setEditing({ kind: 'site' })}>{t('assets.add_site')}</button>}>{t('assets.empty_why')}</EmptyState></section>
        ) : (
          <div className="stack">
            {siteList.filter((s) => !site || s.id === site).map((s) => {
              const inside = unitList.filter((u) => u.site_id === s.id);
              if (filtered && !page.items.some((a) => a.site_id === s.id)) return null;
              return (
                <Pane key={s.id} title={<><Tag>{s.code}</Tag> {name(s.names)}</>} caption={<><bdi dir="ltr">{s.time_zone}</bdi> · {t('twin.assets', { n: s.asset_count })}</>} end={write && <>
                  <button type="button" className="btn quiet sm" onClick={() => setEditing({ kind: 'site', value: s })}><Icon name="edit" />{t('assets.edit', { code: s.code })}</button>
                  {s.asset_count === 0 && inside.length === 0 && <button type="button" className="btn quiet sm" onClick={() => remove(s.code, () => api.deleteSite(s.id))}><Icon name="trash" />{t('action.delete')}</button>}
                </>}>
                  <div className="scroll" tabIndex={0} role="region" aria-label={t('assets.of_site', { code: s.code })}>
                    <table className="tb">
                      <thead><tr><th scope="col">{t('field.asset')}</th><th scope="col">{t('field.status')}</th><th scope="col" className="r">{t('field.health')}</th><th scope="col" className="dsk-only">{t('field.family')}</th><th scope="col" className="dsk-only">{t('field.criticality')}</th><th scope="col" className="r dsk-only">{t('assets.mapped')}</th><th scope="col"><span className="sr">{t('table.actions')}</span></th></tr></thead>
                      {inside.map((u) => {
                        const rows = page.items.filter((a) => a.unit_id === u.id);
                        if (filtered && rows.length === 0) return null;
                        return (
                          <tbody key={u.id}>
                            <tr className="grp"><th scope="rowgroup" colSpan={6} className="unit-th"><Tag>{u.code}</Tag> <bdi>{name(u.names)}</bdi> <bdi className="cap dim unit-n">{t('twin.assets', { n: u.asset_count })}</bdi></th><td className="r nw">
                              {write && <>
                                <button type="button" className="btn quiet sm icon" aria-label={t('assets.add_asset_to', { code: u.code })} onClick={() => setEditing({ kind: 'asset', unit: u.id })}><Icon name="plus" /></button>
                                <button type="button" className="btn quiet sm icon" aria-label={t('assets.edit', { code: u.code })} onClick={() => setEditing({ kind: 'unit', value: u })}><Icon name="edit" /></button>
                                {u.asset_count === 0 && <button type="button" className="btn quiet sm icon" aria-label={t('assets.delete', { code: u.code })} onClick={() => remove(u.code, () => api.deleteUnit(u.id))}><Icon name="trash" /></button>}
                              </>}
                            </td></tr>
                            {rows.map((a) => <AssetRow key={a.id} asset={a} state={states.get(a.id)} onEdit={write ? () => setEditing({ kind: 'asset', value: a }) : undefined} onDelete={write ? () => remove(a.code, () => api.deleteAsset(a.id)) : undefined} />)}
                          </tbody>
                        );
                      })}
                    </table>
                  </div>
                </Pane>
              );
            })}
            {page.items.length === 0 && filtered && <section className="pane"><EmptyState icon="search" title={t('empty.search', { query: q || t('action.filter') })} action={<button type="button" className="btn" onClick={() => change({ q: null, family: null, criticality: null })}>{t('action.clear_filters')}</button>} /></section>}
            <div className="row cap dim"><span>{t('table.count', { shown: n(page.items.length, 0), total: n(page.total, 0) })}</span><button type="button" className="btn quiet sm end" onClick={() => downloadText('assets.csv', assetsCsv(page.items))}><Icon name="download" />{t('action.export_csv')}</button></div>
          </div>
        )
      )}</Loaded>}</Loaded>}</Loaded>
      {editing?.kind === 'site' && <SiteForm site={editing.value} onClose={close} onSaved={saved} />}
      {editing?.kind === 'unit' && <UnitForm unit={editing.value} sites={sites.data ?? []} onClose={close} onSaved={saved} />}
      {editing?.kind === 'asset' && <AssetForm asset={editing.value} unit={editing.unit} sites={sites.data ?? []} units={units.data ?? []} families={families.data ?? []} onClose={close} onSaved={saved} />}
      {editing?.kind === 'import' && <ImportDialog of={{ title: t('assets.import'), how: t('import.how'), columns: COLUMNS, template: 'assets-template.csv', send: api.importAssets }} onClose={close} onDone={() => void changed()} />}
      {dialog}
    </>
  );
}
