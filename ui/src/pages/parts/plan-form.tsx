// What a run is asked: horizon and what-if values. Sliders state what they change; nothing stored is changed by them.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { OptimizationStatus } from '@/api/types';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { InlineError } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { FIRST_TEXTS, planRequest, type PlanTexts, type Problems, type WholeField } from '@/lib/plan-request';

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
  const [site, setSite] = useState('');
  const [texts, setTexts] = useState<PlanTexts>(FIRST_TEXTS);
  const [away, setAway] = useState<string[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [problems, setProblems] = useState<Problems>({});
  const [starting, setStarting] = useState(false);
  const isAsking = may('optimization.run');
  const sites = useQuery({ queryKey: ['sites'], queryFn: api.sites, enabled: isAsking });
  const [now] = useState(() => Date.now());
  const span = { site_id: site, from: now, to: now + (horizon + 1) * 86_400_000, limit: 1 };
  const outages = useQuery({ queryKey: ['outages', 'count', site, horizon], queryFn: () => api.outages(span), enabled: isAsking, placeholderData: (old) => old });
  const parts = useQuery({ queryKey: ['spare-parts', 'count', site], queryFn: () => api.spareParts({ site_id: site, limit: 1 }), enabled: isAsking, placeholderData: (old) => old });
  if (!isAsking) return null;
  const set = (key: keyof PlanTexts) => (e: { target: { value: string } }) => setTexts({ ...texts, [key]: e.target.value });
  const percent = (value: number) => `${n(value * 100, 0)}%`;
  const said = (field: keyof Problems) => {
    const problem = problems[field];
    if (problem?.kind === 'whole') return t('optimization.whole', { min: n(problem.min, 0), max: n(problem.max, 0) });
    if (problem?.kind === 'amount') return t('optimization.amount');
    if (problem?.kind === 'asset') return t('optimization.must_do_unknown', { code: problem.code });
    return problemOf(error, field);
  };
  const whole = (field: WholeField, label: string, help?: string) => (
    <Field label={t(label)} help={help && t(help)} error={said(field)}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="numeric" name={field} value={texts[field]} onChange={set(field)} />}</Field>
  );
  const start = async (event: FormEvent) => {
    event.preventDefault();
    const choices = { model, site_id: site, horizon_days: horizon, risk_appetite: risk, production_factor: production, crew_factor: crew, away };
    const asked = planRequest(texts, choices, status);
    setProblems(asked.problems);
    setError(null);
    if (Object.keys(asked.problems).length > 0) return;
    setStarting(true);
    try {
      const started = await api.runOptimization(asked.body);
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
          <Field label={t('optimization.site')} error={problemOf(error, 'site_id')}>{(p) => <select {...p} className="in" name="site_id" value={site} onChange={(e) => setSite(e.target.value)}><option value="">{t('header.all_sites')}</option>{(sites.data ?? []).map((s) => <option key={s.id} value={s.id}>{name(s.names)}</option>)}</select>}</Field>
          <Slider label={t('optimization.horizon')} name="horizon_days" value={horizon} min={1} max={60} step={1} shown={t('optimization.days', { n: horizon })} onChange={setHorizon} />
          <Slider label={t('optimization.crew_factor')} name="crew_factor" value={crew} min={0} max={2} step={0.1} shown={percent(crew)} onChange={setCrew} />
          <Slider label={t('optimization.production_factor')} name="production_factor" value={production} min={0} max={3} step={0.1} shown={percent(production)} onChange={setProduction} />
          <Slider label={t('optimization.risk_appetite')} help={t('optimization.risk_help')} name="risk_appetite" value={risk} min={0} max={1} step={0.05} shown={n(risk, 2)} onChange={setRisk} />
          <Field label={status.currency ? `${t('optimization.budget')} (${status.currency})` : t('optimization.budget')} help={t('optimization.budget_help')} error={said('budget')}>{(p) => <input {...p} className="in mono" dir="ltr" inputMode="decimal" name="budget" value={texts.budget} onChange={set('budget')} />}</Field>
          <Field label={t('optimization.must_do')} help={t('optimization.must_do_help')} error={said('must_do')}>{(p) => <input {...p} className="in mono" dir="ltr" name="must_do" value={texts.must_do} onChange={set('must_do')} />}</Field>
          {status.technicians.length > 0 && (
            <Field label={t('optimization.without')}>{(p) => <select {...p} className="in" multiple size={3} name="without" value={away} onChange={(e) => setAway([...e.target.selectedOptions].map((o) => o.value))}>{status.technicians.map((person) => <option key={person.id} value={person.id}>{name(person.names)}</option>)}</select>}</Field>
          )}
          {whole('overtime_minutes', 'optimization.overtime_minutes', 'optimization.overtime_help')}
          {whole('travel_minutes', 'optimization.travel_minutes', 'optimization.travel_help')}
          {whole('seed', 'optimization.seed')}
          {whole('iterations', 'optimization.iterations')}
        </div>
        {outages.data && parts.data && <p className="help" data-said="outages">{t('optimization.will_use', { outages: outages.data.total, parts: parts.data.total })}{' '}<AppLink to="/outages">{t('optimization.will_use_link')}</AppLink></p>}
        <InlineError error={error} />
        <div className="actions"><button type="submit" className="btn pri" data-action="run-plan" disabled={busy || starting}><Icon name="play" />{t('optimization.run')}</button></div>
      </form>
    </Pane>
  );
}
