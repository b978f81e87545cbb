// What the tags of the files speak of: assets and signals that would be created, for a person to correct and agree to.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { SearchInput } from '@/components/fields';
import { Tag } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { type Draft, type PlacedSignal, renamed, withAsset, withFamily } from '@/lib/investigation';

/** Shown of a long list; the search reaches the rest. */
const ROWS = 100;

function Assets({ draft, change }: { draft: Draft; change: (draft: Draft) => void }) {
  const { t, n, name } = useText();
  const families = useQuery({ queryKey: ['families'], queryFn: api.families, staleTime: Infinity }).data ?? [];
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={t('investigation.assets')}>
      <table className="tb" data-table="proposed-assets">
        <thead><tr><th scope="col">{t('field.asset')}</th><th scope="col">{t('field.family')}</th><th scope="col" className="r">{t('investigation.tags')}</th><th scope="col">{t('investigation.what')}</th></tr></thead>
        <tbody>
          {draft.assets.map((asset, index) => (
            <tr key={index}>
              <td>{asset.is_known ? <Tag>{asset.code}</Tag> : <input className="in sm mono" dir="ltr" maxLength={60} aria-label={t('investigation.code_of', { asset: asset.code })} value={asset.code} onChange={(event) => change(renamed(draft, asset.code, event.target.value))} />}</td>
              <td>
                <select className="in sm" disabled={asset.is_known} aria-label={t('investigation.family_of', { asset: asset.code })} value={asset.family} onChange={(event) => change(withFamily(draft, asset.code, event.target.value))}>
                  {families.map((f) => <option key={f.family} value={f.family}>{name(f.names)}</option>)}
                </select>
              </td>
              <td className="r">{n(asset.tags, 0)}</td>
              <td>{asset.is_known ? t('investigation.exists') : <>{t('investigation.new')}{!asset.is_sure && <span className="warn-t"> · {t('investigation.guessed')}</span>}</>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** For tags that name no asset: what is added here can be chosen for them, and is created once one of them has it. */
function AddAsset({ draft, change }: { draft: Draft; change: (draft: Draft) => void }) {
  const { t, name } = useText();
  const families = useQuery({ queryKey: ['families'], queryFn: api.families, staleTime: Infinity }).data ?? [];
  const [code, setCode] = useState('');
  const [chosen, setChosen] = useState('');
  const family = chosen || (families[0]?.family ?? '');
  const next = family === '' ? null : withAsset(draft, code, family);
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (!next) return;
    change(next);
    setCode('');
  };
  return (
    <form className="pb row wrap base" data-form="add-asset" onSubmit={add}>
      <input className="in mono auto-w" dir="ltr" name="new-asset" maxLength={60} aria-label={t('investigation.new_code')} placeholder={t('investigation.new_code')} value={code} onChange={(event) => setCode(event.target.value)} />
      <select className="in auto" aria-label={t('investigation.new_family')} value={family} onChange={(event) => setChosen(event.target.value)}>
        {families.map((f) => <option key={f.family} value={f.family}>{name(f.names)}</option>)}
      </select>
      <button type="submit" className="btn" disabled={next === null}>{t('investigation.add_asset')}</button>
    </form>
  );
}

function SignalRow({ signal, draft, set }: { signal: PlacedSignal; draft: Draft; set: (changes: Partial<PlacedSignal>) => void }) {
  const { t, n, name } = useText();
  const families = useQuery({ queryKey: ['families'], queryFn: api.families, staleTime: Infinity }).data ?? [];
  const family = draft.assets.find((a) => a.code === signal.asset)?.family;
  const metrics = families.find((f) => f.family === family)?.metrics ?? [];
  const known = metrics.some((m) => m.metric === signal.metric);
  return (
    <tr data-tag={signal.tag}>
      <td><Tag className="tail">{signal.tag}</Tag></td>
      <td>
        <select className="in sm" aria-label={t('investigation.asset_of', { tag: signal.tag })} value={signal.asset} onChange={(event) => set({ asset: event.target.value })}>
          <option value="">{t('investigation.left_out')}</option>
          {draft.assets.map((a) => <option key={a.code} value={a.code}>{a.code}</option>)}
        </select>
      </td>
      <td>
        <select className="in sm" disabled={signal.asset === ''} aria-label={t('investigation.metric_of', { tag: signal.tag })} value={signal.metric} onChange={(event) => set({ metric: event.target.value, score: 1 })}>
          {signal.metric === '' && <option value="">{t('investigation.choose_metric')}</option>}
          {!known && signal.metric !== '' && <option value={signal.metric}>{t('investigation.own_metric', { metric: signal.metric })}</option>}
          {metrics.map((m) => <option key={m.metric} value={m.metric}>{name(m.names)}</option>)}
        </select>
      </td>
      <td><input className="in sm mono" dir="ltr" maxLength={20} aria-label={t('investigation.unit_of', { tag: signal.tag })} value={signal.unit} onChange={(event) => set({ unit: event.target.value })} /></td>
      <td title={signal.reasons.join('\n')}>{signal.asset === '' ? '—' : signal.score > 0 ? <bdi dir="ltr">{`${n(signal.score * 100, 0)}%`}</bdi> : <span className="warn-t">{t('investigation.own_words')}</span>}</td>
    </tr>
  );
}

function Signals({ draft, change }: { draft: Draft; change: (draft: Draft) => void }) {
  const { t } = useText();
  const [sought, setSought] = useState('');
  const set = (tag: string, changes: Partial<PlacedSignal>) => change({ ...draft, signals: draft.signals.map((s) => (s.tag === tag ? { ...s, ...changes } : s)) });
  const found = draft.signals.filter((s) => `${s.tag} ${s.asset} ${s.metric}`.toLowerCase().includes(sought.toLowerCase()));
  return (
    <>
      {draft.signals.length > 10 && <div className="pb"><SearchInput label={t('investigation.search')} value={sought} onChange={setSought} /></div>}
      <div className="scroll tall" tabIndex={0} role="region" aria-label={t('investigation.signals')}>
        <table className="tb" data-table="proposed-signals">
          <thead><tr><th scope="col">{t('imports.tag')}</th><th scope="col">{t('field.asset')}</th><th scope="col">{t('mapping.metric')}</th><th scope="col">{t('mapping.unit')}</th><th scope="col">{t('investigation.sure')}</th></tr></thead>
          <tbody>{found.slice(0, ROWS).map((s) => <SignalRow key={s.tag} signal={s} draft={draft} set={(changes) => set(s.tag, changes)} />)}</tbody>
        </table>
      </div>
      {found.length > ROWS && <p className="pb help">{t('investigation.more', { n: found.length - ROWS })}</p>}
    </>
  );
}

export function ProposalPane({ draft, mapped, cut, change }: { draft: Draft; mapped: number; cut: boolean; change: (draft: Draft) => void }) {
  const { t } = useText();
  const lost = draft.signals.filter((s) => s.asset === '').length;
  const nothing = draft.assets.length === 0 && draft.signals.length === 0;
  return (
    <Pane title={t('investigation.proposal')} caption={t('investigation.proposal_what')}>
      <div className="pb col">
        {mapped > 0 && <Notice>{t('investigation.mapped', { n: mapped })}</Notice>}
        {lost > 0 && <Notice tone="warning">{t('investigation.not_placed', { n: lost })}</Notice>}
        {cut && <Notice tone="warning">{t('investigation.cut')}</Notice>}
        {nothing && mapped === 0 && <Notice tone="warning">{t('investigation.nothing_named')}</Notice>}
      </div>
      {draft.assets.length > 0 && <Assets draft={draft} change={change} />}
      {draft.signals.length > 0 && <AddAsset draft={draft} change={change} />}
      {draft.signals.length > 0 && <Signals draft={draft} change={change} />}
    </Pane>
  );
}
