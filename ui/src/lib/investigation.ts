// What a person agrees to before an investigation from files, and the stretch of time its files cover. Pure.
import type { ImportFile, InvestigationAsset, InvestigationPlan, InvestigationProposal } from '@/api/types';

/** A signal as it stands in the form; an empty asset leaves the tag out. */
export interface PlacedSignal { tag: string; asset: string; metric: string; unit: string; score: number; reasons: string[] }
export interface Draft { assets: InvestigationAsset[]; signals: PlacedSignal[] }

export const draftOf = (proposal: InvestigationProposal): Draft => ({
  assets: proposal.assets,
  // A tag that only raises alarms needs no signal: its alarms find the asset by its code.
  signals: proposal.signals.filter((s) => s.metric !== null || s.asset_code === null).map((s) => ({ tag: s.tag, asset: s.metric === null ? '' : (s.asset_code ?? ''), metric: s.metric ?? '', unit: s.unit, score: s.score, reasons: s.reasons })),
});

/** Another code for an asset moves its signals with it. */
export function renamed(draft: Draft, from: string, to: string): Draft {
  return {
    assets: draft.assets.map((a) => (a.code === from ? { ...a, code: to } : a)),
    signals: draft.signals.map((s) => (s.asset === from ? { ...s, asset: to } : s)),
  };
}

/** An asset no tag names; null where its code is empty or there already. */
export function withAsset(draft: Draft, code: string, family: string): Draft | null {
  const plain = code.trim();
  if (plain === '' || draft.assets.some((a) => a.code.trim().toLowerCase() === plain.toLowerCase())) return null;
  return { ...draft, assets: [...draft.assets, { code: plain, family, is_known: false, is_sure: true, tags: 0 }] };
}

/** Another family has other metrics: what the old one named stays as an own metric until somebody chooses. */
export const withFamily = (draft: Draft, code: string, family: string): Draft => ({ ...draft, assets: draft.assets.map((a) => (a.code === code ? { ...a, family, is_sure: true } : a)) });

export function planOf(draft: Draft, integration: string, zone: string): InvestigationPlan {
  const used = new Set(draft.signals.map((s) => s.asset));
  return {
    integration_id: integration, time_zone: zone,
    assets: draft.assets.filter((a) => !a.is_known && (used.has(a.code) || a.tags > 0)).map(({ code, family }) => ({ code: code.trim(), family })),
    signals: draft.signals.filter((s) => s.asset !== '' && s.metric !== '').map((s) => ({ tag: s.tag, asset_code: s.asset.trim(), metric: s.metric, unit: s.unit })),
  };
}

/** The zone of the place: that of the files which name none, for it was chosen by a person. */
export const zoneOf = (files: ImportFile[]): string => (files.find((f) => !f.names_zone) ?? files[0])?.layout.time_zone ?? 'UTC';

/** First and last value or alarm of all files; the end is exclusive. */
export function spanOf(files: ImportFile[]): { from: number; to: number } | null {
  const firsts = files.flatMap((f) => (f.first_at === null ? [] : [f.first_at]));
  const lasts = files.flatMap((f) => (f.last_at === null ? [] : [f.last_at]));
  if (firsts.length === 0 || lasts.length === 0) return null;
  return { from: Math.min(...firsts), to: Math.max(...lasts) + 1 };
}
