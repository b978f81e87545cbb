// One mapping: tag → asset → metric, with unit, factor and offset, checked and previewed on a live value.
import { Select as Search } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Asset, BrowseItem, Integration, Mapping, MappingInput } from '@/api/types';
import { Field, problemOf } from '@/components/fields';
import { Quantity, Tag } from '@/components/marks';
import { useFamilies } from '@/components/metrics';
import { InlineError, Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import { normaliseDigits, unitLabel, withUnit } from '@/lib/format';
import { FormDialog } from './asset-forms';

export interface MappingDraft {
  mapping?: Mapping;
  integration_id: string;
  tag: string;
  item?: BrowseItem;
}

const decimal = (text: string, otherwise: number) => {
  const value = Number(normaliseDigits(text));
  return text.trim() === '' || !Number.isFinite(value) ? otherwise : value;
};

function Preview({ input }: { input: MappingInput }) {
  const { t } = useText();
  const [asked] = useDebouncedValue(input, 400);
  const ready = asked.external_tag !== '' && asked.asset_id !== '' && asked.metric_name !== '';
  const { data, error, isFetching } = useQuery({ queryKey: ['mapping-preview', asked], queryFn: () => api.validateMapping(asked), enabled: ready, retry: false });
  if (!ready) return <p className="help wide">{t('mapping.preview_needs')}</p>;
  if (error) return <div className="wide"><InlineError error={error} /></div>;
  if (!data) return <p className="help wide">{t('mapping.preview_reading')}</p>;
  const raw = data.raw_value;
  return (
    <div className="wide preview" data-preview={data.problems.length === 0 ? 'ok' : 'problems'} aria-busy={isFetching}>
      <div className="row wrap g4">
        <span><span className="cap dim">{t('mapping.raw')}</span> <Tag>{raw === null || raw === undefined ? '—' : `${String(raw)} ${unitLabel(asked.unit)}`.trim()}</Tag></span>
        <span><span className="cap dim">{t('mapping.becomes')}</span> <Quantity value={data.value} unit={data.signal_unit} metric={asked.metric_name} className="b" /></span>
      </div>
      {data.read_error && <p className="help">{data.read_error}</p>}
      {data.problems.map((p) => <Notice key={`${p.field}${p.code}`} tone="critical">{p.message}</Notice>)}
    </div>
  );
}

export function MappingForm({ draft, assets, integrations, onClose, onSaved }: { draft: MappingDraft; assets: Asset[]; integrations: Integration[]; onClose: () => void; onSaved: () => void }) {
  const { t, name } = useText();
  const families = useFamilies();
  const units = useQuery({ queryKey: ['units-of-measure'], queryFn: api.unitsOfMeasure, staleTime: Infinity });
  const m = draft.mapping;
  const [input, setInput] = useState<MappingInput>({
    integration_id: draft.integration_id, external_tag: draft.tag, asset_id: m?.asset_id ?? '', metric_name: m?.metric_name ?? '', unit: m?.unit ?? draft.item?.unit ?? '',
    scaling_factor: m?.scaling_factor ?? 1, offset_value: m?.offset_value ?? 0, is_active: m?.is_active ?? true,
  });
  const set = (changes: Partial<MappingInput>) => setInput((old) => ({ ...old, ...changes }));
  const asset = assets.find((a) => a.id === input.asset_id);
  const metrics = families.data?.find((f) => f.family === asset?.family)?.metrics ?? [];
  const chooseMetric = (key: string) => set({ metric_name: key, ...(input.unit === '' ? { unit: metrics.find((x) => x.metric === key)?.unit ?? '' } : {}) });
  return (
    <FormDialog title={t(m ? 'mapping.edit' : 'mapping.add')} onClose={onClose} onSaved={onSaved} save={() => (m ? api.updateMapping(m.id, input) : api.createMapping(input))}>
      {(error) => (
        <>
          <Field label={t('mapping.source')} error={problemOf(error, 'integration_id')}>{(p) => <select {...p} className="in" disabled={Boolean(m)} value={input.integration_id} onChange={(e) => set({ integration_id: e.target.value })}>{integrations.map((i) => <option key={i.id} value={i.id}>{i.name}</option>)}</select>}</Field>
          <Field label={t('mapping.tag')} required error={problemOf(error, 'external_tag')}>{(p) => <input {...p} className="in mono" name="external_tag" required value={input.external_tag} onChange={(e) => set({ external_tag: e.target.value })} />}</Field>
          <Search label={t('field.asset')} withAsterisk searchable name="asset" data={assets.map((a) => ({ value: a.id, label: `${a.code} · ${name(a.names)}` }))} value={input.asset_id || null} onChange={(v) => set({ asset_id: v ?? '', metric_name: '' })} error={problemOf(error, 'asset_id')} nothingFoundMessage={t('mapping.no_asset')} comboboxProps={{ withinPortal: true }} />
          <Field label={t('mapping.metric')} required error={problemOf(error, 'metric_name')}>{(p) => <select {...p} className="in" name="metric" required disabled={!asset} value={input.metric_name} onChange={(e) => chooseMetric(e.target.value)}><option value="">{t('form.choose')}</option>{metrics.map((x) => <option key={x.metric} value={x.metric}>{withUnit(name(x.names), x.unit)}</option>)}{input.metric_name && !metrics.some((x) => x.metric === input.metric_name) && <option value={input.metric_name}>{input.metric_name}</option>}</select>}</Field>
          <Field label={t('mapping.source_unit')} help={t('mapping.source_unit_help')} error={problemOf(error, 'unit')}>{(p) => <><input {...p} className="in mono" name="unit" list="units" value={input.unit} onChange={(e) => set({ unit: e.target.value })} /><datalist id="units">{units.data?.map((u) => <option key={u.symbol} value={u.symbol} />)}</datalist></>}</Field>
          <label className="chk"><input type="checkbox" checked={input.is_active ?? true} onChange={(e) => set({ is_active: e.target.checked })} />{t('mapping.active')}</label>
          <Field label={t('mapping.factor')} error={problemOf(error, 'scaling_factor')}>{(p) => <input {...p} className="in mono" name="scaling_factor" inputMode="decimal" defaultValue={input.scaling_factor} onChange={(e) => set({ scaling_factor: decimal(e.target.value, 1) })} />}</Field>
          <Field label={t('mapping.offset')} error={problemOf(error, 'offset_value')}>{(p) => <input {...p} className="in mono" name="offset_value" inputMode="decimal" defaultValue={input.offset_value} onChange={(e) => set({ offset_value: decimal(e.target.value, 0) })} />}</Field>
          <Preview input={input} />
        </>
      )}
    </FormDialog>
  );
}
