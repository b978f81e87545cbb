// Digital twin: cards by site and unit, worst visible at once; side panel with what stands behind a card.
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession } from '@/api/session';
import type { AssetStatus, Connectivity as Link, Names, Twin, TwinAsset } from '@/api/types';
import { CardGrid } from '@/components/card-grid';
import { SearchInput, Segment, Select } from '@/components/fields';
import { Filters } from '@/components/filters';
import { StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Connectivity, StatusMark } from '@/components/marks';
import { useFamilyName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { PlantBehind } from '@/components/plant-behind';
import { TwinCard } from '@/components/twin-card';
import { TwinPanel } from '@/components/twin-panel';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { folded } from '@/lib/fold';
import { useParameter, useParameters, useTyped } from '@/lib/url';
import { TwinMap } from './parts/twin-map';
import { TwinMore } from './parts/twin-more';

const LINKS: Link[] = ['live', 'stale', 'disconnected', 'demo', 'imported', 'none'];
const STATUSES: AssetStatus[] = ['critical', 'warning', 'unknown', 'normal'];

interface Group {
  id: string;
  site: Names;
  unit: Names;
  code: string;
  assets: TwinAsset[];
}

function grouped(twin: Twin, assets: TwinAsset[]): Group[] {
  const byUnit = new Map<string, TwinAsset[]>();
  for (const asset of assets) {
    const unit = byUnit.get(asset.unit_id);
    if (unit) unit.push(asset);
    else byUnit.set(asset.unit_id, [asset]);
  }
  return twin.sites.flatMap((site) =>
    site.units
      .map((unit) => ({ id: unit.id, site: site.names, unit: unit.names, code: unit.code, assets: byUnit.get(unit.id) ?? [] }))
      .filter((group) => group.assets.length > 0),
  );
}

function UnitHead({ group }: { group: Group }) {
  const { t, n, name, word } = useText();
  return (
    <div className="row unit-head">
      <h2><bdi dir="ltr">{group.code}</bdi> {name(group.unit)}</h2>
      <span className="cap dim">{name(group.site)} · {t('twin.assets', { n: group.assets.length })}</span>
      <span className="row end">
        {(['critical', 'warning', 'unknown'] as const).filter((s) => group.assets.some((a) => a.status === s)).map((s) => (
          <span key={s} className="row g1 s"><StatusShape shape={s} />{n(group.assets.filter((a) => a.status === s).length, 0)}<span className="sr">{word('status', s)}</span></span>
        ))}
      </span>
    </div>
  );
}

function Legend() {
  return (
    <div className="row wrap g4 s legend">
      {STATUSES.map((s) => <StatusMark key={s} status={s} />)}
      <span className="vr" aria-hidden="true" />
      {LINKS.map((link) => <Connectivity key={link} link={link} />)}
    </div>
  );
}

export default function TwinPage() {
  const { t, n, name, word } = useText();
  const familyName = useFamilyName();
  const { may } = useSession();
  const cursor = useCursor();
  const [parameters, change] = useParameters();
  const refetchInterval = useRefresh(cursor.t);
  const site = parameters.get('site') ?? '';
  const query = useQuery({ queryKey: ['twin', cursor.asOf, site], queryFn: () => api.twin({ ...cursor.asOf, site_id: site }), refetchInterval, placeholderData: (old) => old });
  const [unit, family, criticality, status, link, selected] = ['unit', 'family', 'criticality', 'status', 'link', 'asset'].map((k) => parameters.get(k) ?? '') as [string, string, string, string, string, string];
  const { typed, setTyped, sought } = useTyped('find');
  const all = useMemo(() => query.data?.assets ?? [], [query.data]);
  const base = useMemo(() => {
    const wanted = folded(sought);
    const isFound = (a: TwinAsset) => wanted === '' || [a.code, a.names.ar, a.names.en].some((text) => folded(text).includes(wanted));
    return all.filter((a) => (!unit || a.unit_id === unit) && (!family || a.family === family) && (!criticality || a.criticality === criticality) && (!link || a.connectivity === link) && isFound(a));
  }, [all, unit, family, criticality, link, sought]);
  const [view, setView] = useParameter('view', 'cards');
  const shown = useMemo(() => base.filter((a) => !status || a.status === status), [base, status]);
  const groups = useMemo(() => (query.data ? grouped(query.data, shown) : []).map((group) => ({ id: group.id, cards: group.assets, head: <UnitHead group={group} /> })), [query.data, shown]);
  const families = [...new Set(all.map((a) => a.family))].sort();
  const count = (s: AssetStatus) => base.filter((a) => a.status === s).length;
  const pick = useCallback((id: string | null) => change({ asset: id }), [change]);
  return (
    <>
      <PageHead title={t('page.twin')} sub={query.data && t('twin.shown', { shown: n(shown.length, 0), n: all.length })}>
        <Segment label={t('map.view')} value={view} onChange={setView} options={[{ value: 'cards', label: t('map.cards') }, { value: 'map', label: t('map.map') }]} />
      </PageHead>
      <Filters active={[unit, family, criticality, link, status].filter((x) => x !== '').length} search={<SearchInput label={t('twin.search')} value={typed} onChange={setTyped} />}>
        <Select label={t('twin.unit')} value={unit} onChange={(v) => change({ unit: v })} options={[{ value: '', label: t('twin.all_units') }, ...(query.data?.sites ?? []).flatMap((s) => s.units.map((u) => ({ value: u.id, label: `${u.code} · ${name(u.names)}` })))]} />
        <Select label={t('field.family')} value={family} onChange={(v) => change({ family: v })} options={[{ value: '', label: t('twin.all_families') }, ...families.map((f) => ({ value: f, label: familyName(f) }))]} />
        <Select label={t('field.criticality')} value={criticality} onChange={(v) => change({ criticality: v })} options={[{ value: '', label: t('twin.all_criticalities') }, ...(['critical', 'high', 'medium', 'low'] as const).map((c) => ({ value: c, label: word('criticality', c) }))]} />
        <Select label={t('field.connectivity')} value={link} onChange={(v) => change({ link: v })} options={[{ value: '', label: t('twin.all_links') }, ...LINKS.map((l) => ({ value: l, label: word('connectivity', l) }))]} />
        <Segment label={t('field.status')} value={status} onChange={(v) => change({ status: v })} options={[
          { value: '', label: <>{t('common.all')} <b>{n(base.length, 0)}</b></> },
          ...(['critical', 'warning', 'unknown'] as const).map((s) => ({ value: s as string, label: <><StatusShape shape={s} /><span className="dsk-only">{word('status', s)}</span> {n(count(s), 0)}<span className="sr mob-only">{word('status', s)}</span></> })),
        ]} />
        {view === 'cards' && <span className="end cap dim dsk-only">{t('twin.order')}</span>}
      </Filters>
      <Loaded query={query} what={t('twin.loading')} rows={8}>
        {(twin) => twin.assets.length === 0 ? (
          <section className="pane">
            <EmptyState icon="twin" title={t('twin.empty')} action={may('assets.write') && <AppLink className="btn pri" to="/assets">{t('twin.empty_action')}</AppLink>}>{t('twin.empty_why')}</EmptyState>
          </section>
        ) : (
          <div className={selected ? 'twin with-panel' : 'twin'}>
            <div className="stack g6">
              {cursor.t === null && <PlantBehind />}
              {view === 'map' && shown.length > 0 && <TwinMap twin={twin} shown={shown} selected={selected} past={cursor.t !== null} onPick={pick} />}
              {view === 'cards' && <CardGrid groups={groups} card={(asset) => <TwinCard key={asset.id} asset={asset} t={cursor.t} selected={asset.id === selected} onPick={pick} />} />}
              {shown.length === 0 && <section className="pane"><EmptyState icon="search" title={t('twin.none_match')} action={<button type="button" className="btn" onClick={() => change({ unit: null, family: null, criticality: null, status: null, link: null, find: null })}>{t('action.clear_filters')}</button>} /></section>}
              <Legend />
            </div>
            {selected && <TwinPanel id={selected} onClose={() => pick(null)}><TwinMore id={selected} /></TwinPanel>}
          </div>
        )}
      </Loaded>
    </>
  );
}
