// What a run is asked: horizon and what-if values. Sliders state what they change; nothing stored is changed by them.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { OptimizationRequest, OptimizationStatus } from '@/api/types';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { InlineError } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';

export const MODELS = ['prioritisation', 'deferral-cost', 'production-risk', 'workforce-dispatch'] as const;

function Slider({ label, help, value, min, max, step, shown, name, onChange }: { label: string; help?: string; value: number; min: number; max: number; step: number; shown: string; name: string; onChange: (value: number) => void }) {
  return <Field label={label} help={help}>{(p) => <span className="slide"><input {...p} type="range" name={name} min={min} max={max} step={step} value={value} aria-valuetext={shown} onChange={(e) => onChange(Number(e.target.value))} /><bdi>{shown}</bdi></span>}</Field>;
}

export function PlanForm({ status, busy, onStarted }: { status: OptimizationStatus; busy: boolean; onStarted: (scenario: string) => void }) {
  const { t, n, name, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const [horizon, setHorizon] = useState(14);
  const [risk, setRisk] = useState(status.risk_appetite ?? 0.5);
  const [production, setProduction] = useState(1);
  const [crew, setCrew] = useState(1);
  const [model, setModel] = useState('');
  const [texts, setTexts] = useState({ name: '', budget: '', must: '', seed: '1', iterations: '2000' });
  const [away, setAway] = useState<string[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [unknown, setUnknown] = useState<string | null>(null);
  const [starting, setStarting] = useState(false);
  if (!may('optimization.run')) return null;
  const set = (key: keyof typeof texts) => (e: { target: { value: string } }) => setTexts({ ...texts, [key]: e.target.value });
  const number = (text: string, fallback: number) => { const value = Number(normaliseDigits(text).replace(/,/g, '')); return text.trim() && Number.isFinite(value) ? value : fallback; };
  const percent = (value: number) => `${n(value * 100, 0)}%`;
  const start = async (event: FormEvent) => {
    event.preventDefault();
    const codes = texts.must.split(/[,،;\s]+/).filter(Boolean);
    const known = codes.map((code) => status.assets.find((a) => a.code.toLowerCase() === code.toLowerCase()));
    const bad = codes.find((_, i) => !known[i]) ?? null;
    setUnknown(bad);
    if (bad) return;
    setError(null);
    setStarting(true);
    const body: OptimizationRequest = {
      name: texts.name, models: model ? [model] : [], horizon_days: horizon, seed: number(texts.seed, 1), iterations: number(texts.iterations, 2000),
      site_id: null, budget: texts.budget.trim() ? number(texts.budget, -1) : null, risk_appetite: status.risk_appetite === null || risk === status.risk_appetite ? null : risk,
      production_factor: production, crew_factor: crew, without_technicians: away, overtime_minutes: 120, travel_minutes: 75, must_do: known.flatMap((a) => (a ? [a.id] : [])),
    };
    try {
      const started = await api.runOptimization(body);
      await client.invalidateQueries({ queryKey: ['optimization'] });
      onStarted(started.scenario_id);
    } catch (e) {
      setError(e);
    } finally {
      setStarting(false);
    }
  };
  return (
    <Pane title={t('optimization.form')} caption={t('optimization.what_if')} flush={false}>
      <form className="stack" onSubmit={(event) => void start(event)}>
        <div className="plan-form">
          <Field label={t('optimization.name')} error={problemOf(error, 'name')}>{(p) => <input {...p} className="in" dir="auto" name="name" value={texts.name} onChange={set('name')} />}</Field>
          <Field label={t('optimization.models')}>{(p) => <select {...p} className="in" name="models" value={model} onChange={(e) => setModel(e.target.value)}><option value="">{t('optimization.all_models')}</option>{MODELS.map((m) => <option key={m} value={m}>{word('plan_model', m)}</option>)}</select>}</Field>
          <Slider label={t('optimization.horizon')} name="horizon_days" value={horizon} min={1} max={60} step={1} shown={t('optimization.days', { n: horizon })} onChange={setHorizon} />
          <Slider label={t('optimization.crew_factor')} name="crew_factor" value={crew} min={0} max={2} step={0.1} shown={percent(crew)} onChange={setCrew} />
          <Slider label={t('optimization.production_factor')} name="production_factor" value={production} min={0} max={3} step={0.1} shown={percent(production)} onChange={setProduction} />
          <Slider label={t('optimization.risk_appetite')} help={t('optimization.risk_help')} name="risk_appetite" value={risk} min={0} max={1} step={0.05} shown={n(risk, 2)} onChange={setRisk} />
          <Field label={status.currency ? `${t('optimization.budget')} (${status.currency})` : t('optimization.budget')} help={t('optimization.budget_help')} error={problemOf(error, 'budget')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" name="budget" value={texts.budget} onChange={set('budget')} />}</Field>
          <Field label={t('optimization.must_do')} help={t('optimization.must_do_help')} error={unknown ? t('optimization.must_do_unknown', { code: unknown }) : problemOf(error, 'must_do')}>{(p) => <input {...p} className="in mono" dir="ltr" name="must_do" value={texts.must} onChange={set('must')} />}</Field>
          {status.technicians.length > 0 && (
            <Field label={t('optimization.without')}>{(p) => <select {...p} className="in" multiple size={3} name="without" value={away} onChange={(e) => setAway([...e.target.selectedOptions].map((o) => o.value))}>{status.technicians.map((person) => <option key={person.id} value={person.id}>{name(person.names)}</option>)}</select>}</Field>
          )}
          <Field label={t('optimization.seed')} error={problemOf(error, 'seed')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="numeric" name="seed" value={texts.seed} onChange={set('seed')} />}</Field>
          <Field label={t('optimization.iterations')} error={problemOf(error, 'iterations')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="numeric" name="iterations" value={texts.iterations} onChange={set('iterations')} />}</Field>
        </div>
        <InlineError error={error} />
        <div className="actions"><button type="submit" className="btn pri" data-action="run-plan" disabled={busy || starting}><Icon name="play" flip />{t('optimization.run')}</button></div>
      </form>
    </Pane>
  );
}
