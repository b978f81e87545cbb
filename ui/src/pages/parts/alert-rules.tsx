// Alert rules of one asset: what is watched, with which numbers, and who confirmed them.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { AlertRule, AlertRuleInput, Limits, RuleCondition, Severity, SignalDetail } from '@/api/types';
import { useConfirm } from '@/components/dialog';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Quantity } from '@/components/marks';
import { stateWord, useMetricName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { normaliseDigits, unitLabel, withUnit } from '@/lib/format';
import { FormDialog } from './asset-forms';

const KINDS = ['limit', 'rate', 'flat_line', 'stale', 'trip'] as const;
const LIMITS = ['low_low', 'low', 'high', 'high_high'] as const;

export function emptyCondition(kind: RuleCondition['kind']): RuleCondition {
  switch (kind) {
    case 'limit': return { kind, limits: {} };
    case 'rate': return { kind, max_per_minute: 1, severity: 'warning' };
    case 'flat_line': return { kind, for_s: 600, severity: 'warning' };
    case 'stale': return { kind, for_s: 300, severity: 'warning' };
    case 'trip': return { kind, tripped_value: 1 };
  }
}

function Condition({ rule }: { rule: AlertRule }) {
  const { t, n, span } = useText();
  const c = rule.condition;
  if (c.kind === 'limit') {
    const set = LIMITS.filter((key) => c.limits[key] !== undefined && c.limits[key] !== null);
    return <span className="row wrap g3">{set.map((key) => <span key={key} className="nw"><span className="dim">{t(`rule.${key}`)}</span> <Quantity value={c.limits[key]} unit={rule.unit} metric={rule.metric} /></span>)}</span>;
  }
  if (c.kind === 'rate') return <>{t('rule.rate_says', { rate: `${n(c.max_per_minute)} ${unitLabel(rule.unit)}`.trim() })}</>;
  if (c.kind === 'trip') return <>{t('rule.trip_says', { value: stateWord(rule.metric, c.tripped_value) ?? n(c.tripped_value) })}</>;
  return <>{t(`rule.${c.kind}_says`, { span: span(c.for_s * 1000) })}</>;
}

const number = (text: string): number => Number(normaliseDigits(text));

function ConditionFields({ value, unit, error, onChange }: { value: RuleCondition; unit: string; error: unknown; onChange: (c: RuleCondition) => void }) {
  const { t, word } = useText();
  const numeric = (label: string, field: string, present: number | null | undefined, set: (text: string) => void) => (
    <Field key={field} label={label} error={problemOf(error, field) ?? problemOf(error, `condition.${field}`)}>
      {(p) => <input {...p} className="in mono" inputMode="decimal" defaultValue={present ?? ''} onChange={(e) => set(e.target.value)} />}
    </Field>
  );
  if (value.kind === 'limit') {
    const set = (key: keyof Limits) => (text: string) => onChange({ ...value, limits: { ...value.limits, [key]: text.trim() === '' ? null : number(text) } });
    return <>{LIMITS.map((key) => numeric(withUnit(t(`rule.${key}`), unit), `limits.${key}`, value.limits[key], set(key)))}</>;
  }
  if (value.kind === 'trip') return numeric(t('rule.tripped_value'), 'tripped_value', value.tripped_value, (x) => onChange({ ...value, tripped_value: number(x) }));
  return (
    <>
      {value.kind === 'rate'
        ? numeric(withUnit(t('rule.max_per_minute'), unit), 'max_per_minute', value.max_per_minute, (x) => onChange({ ...value, max_per_minute: number(x) }))
        : numeric(t('rule.for_s'), 'for_s', value.for_s, (x) => onChange({ ...value, for_s: Math.round(number(x)) }))}
      <Field label={t('field.severity')}>{(p) => <select {...p} className="in" value={value.severity} onChange={(e) => onChange({ ...value, severity: e.target.value as Severity })}>{(['info', 'warning', 'critical'] as const).map((s) => <option key={s} value={s}>{word('severity', s)}</option>)}</select>}</Field>
    </>
  );
}

function RuleForm({ rule, signals, family, onClose, onSaved }: { rule?: AlertRule; signals: SignalDetail[]; family: string; onClose: () => void; onSaved: () => void }) {
  const { t } = useText();
  const metric = useMetricName();
  const [form, setForm] = useState<AlertRuleInput>({
    signal_id: rule?.signal_id ?? signals[0]?.id ?? '', condition: rule?.condition ?? emptyCondition('limit'),
    on_delay_s: rule?.on_delay_s ?? 5, off_delay_s: rule?.off_delay_s ?? 30, deadband: rule?.deadband ?? 0, is_enabled: rule?.is_enabled ?? true, source: rule?.source ?? '',
  });
  const unit = signals.find((s) => s.id === form.signal_id)?.unit ?? '';
  const set = <K extends keyof AlertRuleInput>(key: K, value: AlertRuleInput[K]) => setForm({ ...form, [key]: value });
  return (
    <FormDialog title={t(rule ? 'rule.edit' : 'rule.add')} onClose={onClose} onSaved={onSaved} save={() => (rule ? api.updateRule(rule.id, form) : api.createRule(form))}>
      {(error) => (
        <>
          <p className="help wide">{t('rule.confirms')}</p>
          <Field label={t('field.signal')} error={problemOf(error, 'signal_id')}>{(p) => <select {...p} className="in" value={form.signal_id} disabled={Boolean(rule)} onChange={(e) => set('signal_id', e.target.value)}>{signals.map((s) => <option key={s.id} value={s.id}>{metric(s.metric, family)}</option>)}</select>}</Field>
          <Field label={t('rule.kind')}>{(p) => <select {...p} className="in" value={form.condition.kind} onChange={(e) => set('condition', emptyCondition(e.target.value as RuleCondition['kind']))}>{KINDS.map((k) => <option key={k} value={k}>{t(`rule.kind.${k}`)}</option>)}</select>}</Field>
          <ConditionFields key={form.condition.kind} value={form.condition} unit={unit} error={error} onChange={(c) => set('condition', c)} />
          <Field label={t('rule.on_delay')} error={problemOf(error, 'on_delay_s')}>{(p) => <input {...p} className="in mono" inputMode="numeric" defaultValue={form.on_delay_s} onChange={(e) => set('on_delay_s', Math.round(number(e.target.value)))} />}</Field>
          <Field label={t('rule.off_delay')} error={problemOf(error, 'off_delay_s')}>{(p) => <input {...p} className="in mono" inputMode="numeric" defaultValue={form.off_delay_s} onChange={(e) => set('off_delay_s', Math.round(number(e.target.value)))} />}</Field>
          <Field label={withUnit(t('rule.deadband'), unit)} error={problemOf(error, 'deadband')}>{(p) => <input {...p} className="in mono" inputMode="decimal" defaultValue={form.deadband} onChange={(e) => set('deadband', number(e.target.value))} />}</Field>
          <Field label={t('rule.source')} help={t('rule.source_help')} error={problemOf(error, 'source')}>{(p) => <input {...p} className="in" dir="auto" value={form.source} onChange={(e) => set('source', e.target.value)} />}</Field>
          <label className="chk wide"><input type="checkbox" checked={form.is_enabled} onChange={(e) => set('is_enabled', e.target.checked)} />{t('rule.enabled')}</label>
        </>
      )}
    </FormDialog>
  );
}

export function AlertRules({ assetId, family }: { assetId: string; family: string }) {
  const { t, span } = useText();
  const metric = useMetricName();
  const { may } = useSession();
  const client = useQueryClient();
  const [editing, setEditing] = useState<AlertRule | 'new' | null>(null);
  const [confirm, dialog] = useConfirm();
  const rules = useQuery({ queryKey: ['rules', assetId], queryFn: () => api.rules({ asset_id: assetId }) });
  const signals = useQuery({ queryKey: ['signals', assetId, null], queryFn: () => api.signals(assetId, {}) });
  const write = may('alerts.configure');
  const changed = () => client.invalidateQueries({ queryKey: ['rules', assetId] });
  const columns: Column<AlertRule>[] = [
    { key: 'metric', title: t('field.signal'), cell: (r) => <span className="m5">{metric(r.metric, family)}</span>, sort: (r) => metric(r.metric, family), csv: (r) => r.metric },
    { key: 'kind', title: t('rule.kind'), cell: (r) => t(`rule.kind.${r.condition.kind}`), sort: (r) => r.condition.kind, csv: (r) => r.condition.kind },
    { key: 'condition', title: t('rule.condition'), cell: (r) => <Condition rule={r} />, csv: (r) => JSON.stringify(r.condition) },
    { key: 'delays', title: t('rule.delays'), cell: (r) => <span className="nw">{span(r.on_delay_s * 1000)} / {span(r.off_delay_s * 1000)}</span>, wideOnly: true },
    { key: 'source', title: t('rule.source'), cell: (r) => <span className="two"><bdi>{r.source || '—'}</bdi><small>{t(r.is_confirmed ? 'rule.confirmed' : 'rule.unconfirmed')}</small></span>, csv: (r) => r.source, wideOnly: true },
    { key: 'enabled', title: t('field.status'), cell: (r) => t(r.is_enabled ? 'common.enabled' : 'common.disabled'), csv: (r) => r.is_enabled },
    ...(write ? [{
      key: 'actions', title: '', end: true,
      cell: (r: AlertRule) => (
        <span className="nw">
          <button type="button" className="btn quiet sm icon" aria-label={t('rule.edit_of', { metric: metric(r.metric, family) })} onClick={() => setEditing(r)}><Icon name="edit" /></button>
          <button type="button" className="btn quiet sm icon" aria-label={t('rule.delete_of', { metric: metric(r.metric, family) })} onClick={() => confirm({ title: t('rule.delete_title'), body: t('rule.delete_body', { metric: metric(r.metric, family) }), action: t('rule.delete'), danger: true, run: async () => { await api.deleteRule(r.id); await changed(); } })}><Icon name="trash" /></button>
        </span>
      ),
    }] : []),
  ];
  return (
    <Pane title={t('asset.rules')} end={write && <button type="button" className="btn sm" disabled={!signals.data?.length} onClick={() => setEditing('new')}><Icon name="plus" />{t('rule.add')}</button>}>
      <Loaded query={rules} what={t('assets.loading')}>
        {(list) => <DataTable id="rules" label={t('asset.rules')} columns={columns} rows={list} rowKey={(r) => r.id} csvName="alert-rules" empty={<EmptyState icon="alerts" title={t('rule.empty')}>{t('rule.empty_why')}</EmptyState>} />}
      </Loaded>
      {editing && <RuleForm rule={editing === 'new' ? undefined : editing} signals={signals.data ?? []} family={family} onClose={() => setEditing(null)} onSaved={() => { setEditing(null); void changed(); }} />}
      {dialog}
    </Pane>
  );
}
