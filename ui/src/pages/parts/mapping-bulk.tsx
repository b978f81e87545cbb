// Choosing many tags of a source or of a pasted list: those that say an asset, those a pattern names, or both.
import { Select as Search } from '@mantine/core';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Asset, Integration, PatternSyntax, SelectedTags } from '@/api/types';
import { Field, Segment } from '@/components/fields';
import { Icon } from '@/components/icons';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { type ChosenTag, MappingReview } from './mapping-review';

export function MappingBulk({ integration, assets, asset, onAsset, onDone }: { integration: Integration; assets: Asset[]; asset: string; onAsset: (id: string | null) => void; onDone: () => void }) {
  const { t, name } = useText();
  const [pattern, setPattern] = useState('');
  const [syntax, setSyntax] = useState<PatternSyntax>('glob');
  const [pasted, setPasted] = useState('');
  const [onlyFree, setOnlyFree] = useState(true);
  const [found, setFound] = useState<SelectedTags | null>(null);
  /** A new search begins a new review; typing in the form does not. */
  const [search, setSearch] = useState(0);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const find = async () => {
    setBusy(true);
    setError(null);
    try {
      const tags = pasted.split(/[\n\t;]/).map((x) => x.trim()).filter(Boolean);
      setFound(await api.selectTags({ integration_id: integration.id, pattern, syntax, tags, asset_id: asset || null }));
      setSearch((number) => number + 1);
    } catch (e) {
      setFound(null);
      setError(e);
    }
    setBusy(false);
  };
  const chosen: ChosenTag[] = (found?.tags ?? [])
    .filter((x) => !onlyFree || !x.mapping_id)
    .map((x) => ({ tag: x.tag, name: x.name, unit: x.unit, description: x.description, asset_id: x.asset_id, metric_name: x.metric_name, mapped: Boolean(x.mapping_id) }));
  return (
    <div className="stack">
      <Pane title={t('mapping.choose')} caption={<bdi>{integration.name}</bdi>} flush={false}>
        <form className="bulk-form" onSubmit={(e) => { e.preventDefault(); void find(); }}>
          <Field label={t('mapping.of_asset')} help={t('mapping.of_asset_help')}>{(p) => <Search {...p} data-field="of_asset" placeholder={t('mapping.of_any_asset')} searchable clearable classNames={{ input: 'in' }} data={assets.map((a) => ({ value: a.id, label: `${a.code} · ${name(a.names)}` }))} value={asset || null} onChange={onAsset} nothingFoundMessage={t('mapping.no_asset')} comboboxProps={{ withinPortal: true }} />}</Field>
          <Segment label={t('mapping.syntax')} value={syntax} onChange={setSyntax} options={[{ value: 'glob', label: t('mapping.syntax_glob') }, { value: 'regex', label: t('mapping.syntax_regex') }]} />
          <Field label={t('mapping.pattern')} help={t(`mapping.pattern_${syntax}_help`, { asset: '{asset}', metric: '{metric}' })}>{(p) => <input {...p} className="in mono" name="pattern" placeholder={syntax === 'glob' ? '*-VT-*' : '-(VT|TT)-'} value={pattern} onChange={(e) => setPattern(e.target.value)} />}</Field>
          <Field label={t('mapping.paste')} help={t('mapping.paste_help')}>{(p) => <textarea {...p} className="in mono" name="pasted" rows={4} value={pasted} onChange={(e) => setPasted(e.target.value)} />}</Field>
          <div className="row wrap">
            <button type="submit" className="btn pri" data-action="find-tags" disabled={busy}><Icon name="search" />{t(busy ? 'mapping.finding' : 'mapping.find')}</button>
            <label className="chk"><input type="checkbox" checked={onlyFree} onChange={(e) => setOnlyFree(e.target.checked)} />{t('mapping.only_free')}</label>
          </div>
        </form>
        <InlineError error={error} />
        {found && <p className="help" role="status">{t('mapping.found', { n: chosen.length, looked: found.looked_at })}</p>}
        {found && !found.is_complete && <Notice tone="warning">{t('mapping.found_incomplete')}</Notice>}
      </Pane>
      {found && chosen.length > 0 && <MappingReview key={search} integration={integration} tags={chosen} assets={assets} onClear={() => setFound(null)} onDone={() => { setFound(null); onDone(); }} />}
      {found && chosen.length === 0 && <section className="pane"><EmptyState icon="search" title={t('mapping.found_none')}>{t('mapping.found_none_how')}</EmptyState></section>}
    </div>
  );
}
