// The cost and risk model: what waiting and failing cost. Nothing is assumed; an empty field means "not known".
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { ActiveCostModel, CostModelVersion } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field, problemOf } from '@/components/fields';
import { When } from '@/components/marks';
import { useFamilyName } from '@/components/metrics';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { modelOf, textsOf, WEIGHTS } from '@/lib/cost-form';
import { inCurrency } from './plan-money';
import '@/styles/plan.css';

function Form({ active, onSaved }: { active: ActiveCostModel; onSaved: () => void }) {
  const { t, n, name, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const family = useFamilyName();
  const families = useQuery({ queryKey: ['families'], queryFn: api.families });
  const sites = useQuery({ queryKey: ['sites'], queryFn: api.sites });
  const units = useQuery({ queryKey: ['units'], queryFn: api.units });
  const [texts, setTexts] = useState(() => textsOf(active.active?.model ?? null));
  const [comment, setComment] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [wrong, setWrong] = useState<string[]>([]);
  const locked = !may('cost_models.write');
  const next = (active.active?.version ?? 0) + 1;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const made = modelOf(texts, { sites: sites.data, units: units.data });
    setWrong(made.wrong);
    setError(null);
    if (made.wrong.length > 0) return;
    try {
      await api.saveCostModel({ model: made.model, comment, base_version: active.active?.version ?? null });
      toasts.done(t('costs.saved', { n: n(next, 0) }));
      await client.invalidateQueries({ queryKey: ['cost-models'] });
      onSaved();
    } catch (e) {
      setError(e);
    }
  };
  const problem = (field: string) => (wrong.includes(field) ? t('costs.number') : problemOf(error, field));
  const input = (field: string, label: string) => (
    <span className="cell-in">
      <input className="in mono num" dir="ltr" inputMode="decimal" aria-label={label} name={field} disabled={locked} aria-invalid={problem(field) !== null || undefined} value={texts[field] ?? ''} onChange={(e) => setTexts({ ...texts, [field]: e.target.value })} />
      {problem(field) && <span className="err">{problem(field)}</span>}
    </span>
  );
  return (
    <form className="stack" onSubmit={(event) => void save(event)} noValidate>
      {active.active?.is_demo && <Notice><span className="chip demo">{word('connectivity', 'demo')}</span> {t('costs.demo')}</Notice>}
      {locked && <Notice>{t('costs.read_only')}</Notice>}
      <Pane title={t('costs.general')} flush={false} caption={active.active ? t('costs.version', { n: n(active.active.version, 0) }) : undefined}>
        <div className="form-grid">
          <Field label={t('costs.currency')} error={problem('currency')}>{(p) => <select {...p} className="in" name="currency" disabled={locked} value={texts.currency} onChange={(e) => setTexts({ ...texts, currency: e.target.value })}>{active.currencies.map((c) => <option key={c} value={c}>{c}</option>)}</select>}</Field>
          <Field label={inCurrency(t('costs.downtime'), texts.currency)} help={t('costs.downtime_help')} required error={problem('default_downtime_cost_per_hour')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" name="default_downtime_cost_per_hour" disabled={locked} value={texts.default_downtime_cost_per_hour} onChange={(e) => setTexts({ ...texts, default_downtime_cost_per_hour: e.target.value })} />}</Field>
          <Field label={t('costs.risk')} help={t('costs.risk_help')} required error={problem('risk_appetite')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" name="risk_appetite" disabled={locked} value={texts.risk_appetite} onChange={(e) => setTexts({ ...texts, risk_appetite: e.target.value })} />}</Field>
        </div>
      </Pane>
      <div className="grid">
        <div className="c7"><Pane title={t('costs.families')} caption={t('costs.families_sub')}>
          <div className="scroll" role="region" tabIndex={0} aria-label={t('costs.families')}>
            <table className="tb costs"><thead><tr><th scope="col">{t('costs.family')}</th><th scope="col" className="r">{inCurrency(t('costs.planned'), texts.currency)}</th><th scope="col" className="r">{inCurrency(t('costs.failure'), texts.currency)}</th></tr></thead>
              <tbody>{(families.data ?? []).map((f) => <tr key={f.family}><td>{family(f.family)}</td>{['planned', 'failure'].map((k) => <td key={k} className="r">{input(`cost_per_asset_family.${f.family}.${k}`, `${family(f.family)} – ${t(`costs.${k}`)}`)}</td>)}</tr>)}</tbody>
            </table>
          </div>
        </Pane></div>
        <div className="c5 stack">
          <Pane title={t('costs.production')} caption={t('costs.production_sub')}>
            <div className="scroll" role="region" tabIndex={0} aria-label={t('costs.production')}>
              <table className="tb costs"><thead><tr><th scope="col">{t('costs.place')}</th><th scope="col" className="r">{inCurrency(t('costs.per_hour'), texts.currency)}</th></tr></thead>
                <tbody>{(sites.data ?? []).flatMap((site) => [
                  <tr key={site.id}><td className="b">{name(site.names)}</td><td className="r">{input(`production_value_per_site.${site.id}`, name(site.names))}</td></tr>,
                  ...(units.data ?? []).filter((u) => u.site_id === site.id).map((u) => <tr key={u.id}><td className="indent">{name(u.names)}</td><td className="r">{input(`production_value_per_unit.${u.id}`, name(u.names))}</td></tr>),
                ])}</tbody>
              </table>
            </div>
          </Pane>
          <Pane title={t('costs.criticality')}>
            <div className="scroll" role="region" tabIndex={0} aria-label={t('costs.criticality')}>
              <table className="tb costs"><thead><tr><th scope="col">{t('costs.criticality')}</th><th scope="col" className="r">{t('costs.weight')}</th><th scope="col" className="r">{t('costs.threshold')}</th></tr></thead>
                <tbody>{Object.keys(WEIGHTS).map((c) => <tr key={c}><td>{word('criticality', c)}</td><td className="r">{input(`criticality_weights.${c}`, `${word('criticality', c)} – ${t('costs.weight')}`)}</td><td className="r">{c === 'low' ? <span className="dim">{'—'}</span> : input(`criticality_thresholds.${c}`, `${word('criticality', c)} – ${t('costs.threshold')}`)}</td></tr>)}</tbody>
              </table>
            </div>
          </Pane>
        </div>
      </div>
      <InlineError error={error} />
      {!locked && (
        <div className="row wrap">
          <Field label={t('costs.comment')} error={problemOf(error, 'comment')}>{(p) => <input {...p} className="in" dir="auto" name="comment" value={comment} onChange={(e) => setComment(e.target.value)} />}</Field>
          <button type="submit" className="btn pri" data-action="save-costs">{t('costs.save', { n: n(next, 0) })}</button>
        </div>
      )}
    </form>
  );
}

function Versions() {
  const { t, n, word, comma } = useText();
  const query = useQuery({ queryKey: ['cost-models', 'all'], queryFn: () => api.costModels({ limit: 100 }) });
  const columns: Column<CostModelVersion>[] = [
    { key: 'version', title: t('costs.versions'), cell: (v) => t('costs.version', { n: n(v.version, 0) }), csv: (v) => v.version },
    { key: 'changed', title: t('costs.changed'), cell: (v) => (v.changed.length === 0 ? t('costs.first') : v.changed.map((f) => word('cost_field', f)).join(comma)), csv: (v) => v.changed.join(' ') },
    { key: 'comment', title: t('costs.comment'), cell: (v) => <bdi>{v.comment || '—'}</bdi>, csv: (v) => v.comment, wideOnly: true },
    { key: 'who', title: t('costs.who'), cell: (v) => <bdi>{v.created_by}</bdi>, csv: (v) => v.created_by },
    { key: 'when', title: t('costs.when'), cell: (v) => <When at={v.created_at} />, csv: (v) => new Date(v.created_at).toISOString() },
  ];
  return (
    <Pane title={t('costs.versions')}>
      <Loaded query={query} what={t('costs.loading')} rows={2}>
        {(page) => <DataTable id="versions" label={t('costs.versions')} columns={columns} rows={page.items} rowKey={(v) => String(v.version)} csvName="cost-model-versions" empty={<EmptyState title={t('costs.unset')} />} />}
      </Loaded>
    </Pane>
  );
}

export function CostModelPane() {
  const { t, p } = useText();
  const { may } = useSession();
  const [entering, setEntering] = useState(false);
  const query = useQuery({ queryKey: ['cost-models', 'active', p.language], queryFn: api.costModel });
  return (
    <Loaded query={query} what={t('costs.loading')}>
      {(active) => active.active === null && !entering
        ? <section className="pane"><EmptyState title={t('costs.unset')} action={may('cost_models.write') && <button type="button" className="btn pri" data-action="start-costs" onClick={() => setEntering(true)}>{t('costs.start')}</button>}>{t('costs.unset_why')}</EmptyState></section>
        : <div className="stack"><Form key={active.active?.version ?? 0} active={active} onSaved={() => setEntering(false)} />{active.active && <Versions />}</div>}
    </Loaded>
  );
}
