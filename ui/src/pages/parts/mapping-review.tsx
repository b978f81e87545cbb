// Chosen tags with the place each would get: by the pattern, by a suggestion with score and reason, or by hand. One
// check shows every change, one step makes them all.
import { Select as Search } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api } from '@/api/calls';
import type { Asset, Candidate, Integration, MappingDiff, SuggestRequest, TagSuggestion } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Bar } from '@/components/instruments';
import { SourceTag, Tag } from '@/components/marks';
import { useFamilies, useMetricName } from '@/components/metrics';
import { InlineError } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { unitLabel, withUnit } from '@/lib/format';
import { DiffView } from './mapping-diff';

/** From here on a suggestion is checked by itself. */
export const CONFIDENT = 0.85;
/** Tags of one question to the matcher. */
const ASK = 500;
/** Rows drawn at once. */
const PAGE = 100;

export interface ChosenTag {
  tag: string;
  name: string;
  unit?: string | null;
  /** What the source says about it: often the only words that name the machine. */
  description?: string | null;
  /** The place a pattern named. */
  asset_id?: string | null;
  metric_name?: string | null;
  /** A mapping exists already. */
  mapped?: boolean;
}

interface Place {
  asset_id: string;
  metric_name: string;
  by: 'pattern' | 'suggestion' | 'hand';
  candidate?: Candidate;
}

async function suggestAll(integration: string, tags: SuggestRequest['tags']): Promise<TagSuggestion[]> {
  const all: TagSuggestion[] = [];
  for (let from = 0; from < tags.length; from += ASK) all.push(...await api.suggest({ integration_id: integration, tags: tags.slice(from, from + ASK) }));
  return all;
}

/** What each tag would get, before a person changes it. */
export function placesOf(tags: ChosenTag[], suggestions: Map<string, Candidate[]>, refused: Set<string>): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const tag of tags) {
    const best = (suggestions.get(tag.tag) ?? []).find((c) => !refused.has(`${tag.tag}\n${c.asset_id}\n${c.metric_name}`) && (!tag.asset_id || c.asset_id === tag.asset_id));
    if (tag.asset_id && tag.metric_name) places.set(tag.tag, { asset_id: tag.asset_id, metric_name: tag.metric_name, by: 'pattern' });
    else if (best) places.set(tag.tag, { asset_id: best.asset_id, metric_name: best.metric_name, by: 'suggestion', candidate: best });
  }
  return places;
}

/** Of tags that would get the same place, the surest one: a historian lists a point and the attribute that shows it. */
export function firstChoices(tags: ChosenTag[], places: Map<string, Place>): Set<string> {
  const best = new Map<string, { tag: string; score: number }>();
  for (const { tag, mapped } of tags) {
    const place = places.get(tag);
    if (!place) continue;
    const key = `${place.asset_id}\n${place.metric_name}`;
    const score = mapped ? 2 : (place.candidate?.score ?? 1);
    if (score > (best.get(key)?.score ?? -1)) best.set(key, { tag, score });
  }
  return new Set([...best.values()].map((choice) => choice.tag));
}

export function MappingReview({ integration, tags, assets, onClear, onDone }: { integration: Integration; tags: ChosenTag[]; assets: Asset[]; onClear: () => void; onDone: () => void }) {
  const { t, n, name, p } = useText();
  const metricName = useMetricName();
  const families = useFamilies();
  const toasts = useToasts();
  const [checked, setChecked] = useState<Map<string, boolean>>(new Map());
  const [hand, setHand] = useState<Map<string, Place>>(new Map());
  const [refused, setRefused] = useState<Set<string>>(new Set());
  const [score, setScore] = useState(CONFIDENT);
  const [page, setPage] = useState(0);
  const [assetId, setAssetId] = useState<string | null>(null);
  const [metric, setMetric] = useState<string>('');
  const [diff, setDiff] = useState<MappingDiff | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const asked = useMemo(() => tags.map((x) => ({ tag: x.tag, name: x.name, unit: x.unit ?? null, description: x.description ?? null })), [tags]);
  const query = useQuery({ queryKey: ['suggest', integration.id, asked, p.language], queryFn: () => suggestAll(integration.id, asked), placeholderData: (old) => old, staleTime: 60_000 });
  const suggestions = useMemo(() => new Map((query.data ?? []).map((s) => [s.tag, s.candidates])), [query.data]);
  const proposed = useMemo(() => placesOf(tags, suggestions, refused), [tags, suggestions, refused]);
  const placeOf = (tag: string): Place | undefined => hand.get(tag) ?? proposed.get(tag);
  const first = useMemo(() => firstChoices(tags, new Map([...proposed, ...hand])), [tags, proposed, hand]);
  const isTaken = (tag: ChosenTag): boolean => {
    const place = placeOf(tag.tag);
    if (!place) return false;
    return checked.get(tag.tag) ?? (!tag.mapped && first.has(tag.tag) && (place.by !== 'suggestion' || (place.candidate?.score ?? 0) >= score));
  };
  const taken = tags.filter(isTaken);
  const selected = tags.filter((x) => checked.get(x.tag) ?? isTaken(x));
  const asset = assets.find((a) => a.id === assetId);
  const metrics = families.data?.find((f) => f.family === asset?.family)?.metrics ?? [];
  const rows = () => taken.map((tag) => {
    const place = placeOf(tag.tag)!;
    return { tag: tag.tag, asset_id: place.asset_id, metric: place.metric_name, unit: tag.unit || null };
  });
  const send = async (dryRun: boolean, goodRows = false) => {
    setBusy(true);
    setError(null);
    try {
      const result = await api.bulkMappings({ integration_id: integration.id, rows: rows(), mode: 'merge' }, { dry_run: dryRun, good_rows: goodRows });
      if (result.is_applied) {
        setDiff(null);
        toasts.done(t('mapping.accepted', { n: result.added + result.changed }));
        onDone();
      } else setDiff(result);
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const assign = () => {
    if (!asset) return;
    const next = new Map(hand);
    const check = new Map(checked);
    for (const tag of selected) {
      const fits = (suggestions.get(tag.tag) ?? []).find((c) => c.asset_id === asset.id);
      const key = metric || fits?.metric_name || placeOf(tag.tag)?.metric_name;
      if (!key) continue;
      next.set(tag.tag, { asset_id: asset.id, metric_name: key, by: 'hand' });
      check.set(tag.tag, true);
    }
    setHand(next);
    setChecked(check);
  };
  const reject = async (tag: ChosenTag, candidate: Candidate) => {
    setRefused(new Set(refused).add(`${tag.tag}\n${candidate.asset_id}\n${candidate.metric_name}`));
    try {
      await api.rejectSuggestion({ integration_id: integration.id, tag: tag.tag, name: tag.name, asset_id: candidate.asset_id, metric_name: candidate.metric_name });
    } catch (e) {
      toasts.failed(e);
    }
  };
  const setAll = (on: boolean) => setChecked(new Map(tags.map((x) => [x.tag, on && (first.has(x.tag) || !placeOf(x.tag))])));
  const pages = Math.ceil(tags.length / PAGE);
  return (
    <Pane title={t('suggest.title')} caption={t('suggest.chosen', { n: tags.length })} end={<button type="button" className="btn quiet sm" onClick={onClear}>{t('suggest.clear')}</button>}>
      <div className="pb row wrap review-bar">
        <label className="row"><span className="cap dim">{t('mapping.above_score')}</span><input className="in mono score-in" type="number" name="score" min={0} max={100} step={5} value={Math.round(score * 100)} onChange={(e) => { setScore(Math.min(100, Math.max(0, Number(e.target.value))) / 100); setChecked(new Map()); }} /></label>
        <button type="button" className="btn sm" onClick={() => setAll(true)}>{t('mapping.check_all')}</button>
        <button type="button" className="btn sm" onClick={() => setAll(false)}>{t('mapping.check_none')}</button>
        <span className="row wrap assign">
          <Search aria-label={t('mapping.assign_asset')} placeholder={t('mapping.assign_asset')} searchable clearable size="xs" data={assets.map((a) => ({ value: a.id, label: `${a.code} · ${name(a.names)}` }))} value={assetId} onChange={(v) => { setAssetId(v); setMetric(''); }} nothingFoundMessage={t('mapping.no_asset')} comboboxProps={{ withinPortal: true }} />
          <select className="in auto" aria-label={t('mapping.metric')} disabled={!asset} value={metric} onChange={(e) => setMetric(e.target.value)}><option value="">{t('mapping.assign_metric_suggested')}</option>{metrics.map((m) => <option key={m.metric} value={m.metric}>{withUnit(name(m.names), m.unit)}</option>)}</select>
          <button type="button" className="btn sm" disabled={!asset || selected.length === 0} onClick={assign}>{t('mapping.assign', { n: selected.length })}</button>
        </span>
      </div>
      <Loaded query={query} what={t('suggest.loading')}>
        {() => (
          <>
            <div className="scroll" tabIndex={0} role="region" aria-label={t('suggest.title')}>
              <table className="tb" data-table="review">
                <thead><tr><th scope="col"><span className="sr">{t('suggest.take')}</span></th><th scope="col">{t('mapping.tag')}</th><th scope="col">{t('field.asset')}</th><th scope="col">{t('mapping.metric')}</th><th scope="col">{t('suggest.score')}</th><th scope="col"><span className="sr">{t('mapping.reject')}</span></th></tr></thead>
                <tbody>
                  {tags.slice(page * PAGE, (page + 1) * PAGE).map((tag) => {
                    const place = placeOf(tag.tag);
                    const candidate = place?.by === 'suggestion' ? place.candidate : undefined;
                    return (
                      <tr key={tag.tag}>
                        <td><input type="checkbox" className="chkbox" aria-label={t('suggest.take_tag', { tag: tag.tag })} checked={checked.get(tag.tag) ?? isTaken(tag)} onChange={(e) => setChecked(new Map(checked).set(tag.tag, e.target.checked))} /></td>
                        <td className="two"><span className="row"><SourceTag tag={tag.tag} />{tag.unit && <span className="cap dim">{unitLabel(tag.unit)}</span>}{tag.mapped && <span className="chip act">{t('browse.mapped')}</span>}</span>{tag.description && tag.description !== tag.name && <small><bdi>{tag.description}</bdi></small>}<small>{candidate ? candidate.reasons.join(' · ') : place ? t(`mapping.placed_by_${place.by}`) : t('suggest.none')}</small>{place && !first.has(tag.tag) && <small>{t('mapping.same_place')}</small>}</td>
                        <td>{place && <Tag>{assets.find((a) => a.id === place.asset_id)?.code ?? '—'}</Tag>}</td>
                        <td>{place && metricName(place.metric_name)}</td>
                        <td>{candidate && <span className="row"><bdi>{n(candidate.score * 100, 0)}</bdi><Bar share={candidate.score * 100} /></span>}</td>
                        <td>{candidate && <button type="button" className="btn quiet sm icon" aria-label={t('mapping.reject_of', { tag: tag.tag })} title={t('mapping.reject')} onClick={() => void reject(tag, candidate)}><Icon name="close" /></button>}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
            {pages > 1 && <div className="pb row"><button type="button" className="btn quiet sm" disabled={page === 0} onClick={() => setPage(page - 1)}>{t('table.previous')}</button><span className="cap dim">{t('table.page', { page: page + 1, pages })}</span><button type="button" className="btn quiet sm" disabled={page + 1 >= pages} onClick={() => setPage(page + 1)}>{t('table.next')}</button></div>}
            <div className="pf actions"><button type="button" className="btn pri" data-action="check-bulk" disabled={taken.length === 0 || busy} onClick={() => void send(true)}>{t('mapping.check', { n: taken.length })}</button></div>
          </>
        )}
      </Loaded>
      {error !== null && <div className="pb"><InlineError error={error} /></div>}
      {diff && (
        <Dialog title={t('mapping.diff')} onClose={() => setDiff(null)} size="80%">
          <div className="stack">
            <DiffView diff={diff} />
            <InlineError error={error} />
            <div className="actions">
              <button type="button" className="btn pri" data-action="apply-bulk" disabled={busy || diff.added + diff.changed === 0} onClick={() => void send(false, diff.refused > 0)}>{t(diff.refused > 0 ? 'mapping.apply_good' : 'mapping.apply', { n: diff.added + diff.changed })}</button>
              <button type="button" className="btn" onClick={() => setDiff(null)}>{t('action.cancel')}</button>
            </div>
          </div>
        </Dialog>
      )}
    </Pane>
  );
}
