// Form and test side by side, so that cause and field are on one screen.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { RequestFailed } from '@/api/http';
import { useSession } from '@/api/session';
import { runTest } from '@/api/stages';
import type { ConnectorType, Integration, IntegrationInput, TestReport, TestStage } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field } from '@/components/fields';
import { Icon } from '@/components/icons';
import { InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { SchemaForm } from '@/components/schema-form';
import { StagedTest } from '@/components/staged-test';
import { Tag } from '@/components/marks';
import { useText } from '@/i18n/text';
import { fieldsOf, inForce, toConfig, type Values } from '@/lib/schema';
import { useGo, useParameters } from '@/lib/url';
import { Doctor } from './doctor';
import { EndpointList } from './endpoint-list';
import { SourcePreview } from './source-preview';

export function problemsOf(error: unknown): Record<string, string> {
  if (!(error instanceof RequestFailed)) return {};
  return Object.fromEntries(error.fields.map((f) => [f.field.replace(/^config\./, ''), f.message]));
}

function useStagedTest() {
  const [stages, setStages] = useState<TestStage[]>([]);
  const [report, setReport] = useState<TestReport | null>(null);
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const run = useCallback(async (target: { id: string } | { input: IntegrationInput }) => {
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    setStages([]);
    setReport(null);
    setError(null);
    setRunning(true);
    try {
      setReport(await runTest(target, (stage) => setStages((all) => [...all.filter((s) => s.key !== stage.key), stage]), mine.signal));
    } catch (e) {
      if (!mine.signal.aborted) setError(e);
    }
    if (!mine.signal.aborted) setRunning(false);
  }, []);
  return { stages, report, running, error, run };
}

function Load({ i }: { i: Integration }) {
  const { t, n, span } = useText();
  return (
    <Pane title={t('load.title')} flush={false} foot={t('load.read_only')}>
      <dl className="kv">
        <dt>{t('load.requests')}</dt><dd><bdi dir="ltr">{n(i.load.requests_per_s, 2)}</bdi></dd>
        <dt>{t('load.items')}</dt><dd>{n(i.load.items_per_request, 0)}</dd>
        <dt>{t('load.monitored')}</dt><dd>{n(i.load.monitored_items, 0)}</dd>
        <dt>{t('load.sessions')}</dt><dd>{n(i.load.sessions, 0)}</dd>
        {i.clock_offset_ms !== null && <><dt>{t('load.clock')}</dt><dd><bdi dir="ltr">{i.clock_offset_ms < 0 ? '−' : '+'}</bdi>{span(Math.abs(i.clock_offset_ms))}</dd></>}
      </dl>
    </Pane>
  );
}

interface Props {
  type: ConnectorType;
  integration?: Integration;
  onTrust?: () => void;
}

export function Workbench({ type, integration, onTrust }: Props) {
  const { t } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const go = useGo();
  const [parameters, change] = useParameters();
  const stored = { name: integration?.name ?? '', values: (integration?.config ?? {}) as Values };
  const [name, setName] = useState(stored.name);
  const [values, setValues] = useState<Values>(stored.values);
  const [start, setStart] = useState(true);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const test = useStagedTest();
  const effective = integration?.effective ?? {};
  const fields = fieldsOf(type.schema);
  const dirty = name !== stored.name || JSON.stringify(values) !== JSON.stringify(stored.values);
  const write = may('integrations.write');
  const input = (): IntegrationInput => ({ kind: type.kind, name: name.trim(), config: toConfig(fields, values, effective), is_enabled: integration ? integration.is_enabled : start });
  // A look at values that are not saved; the server lends the stored secrets to it while the address is the stored one.
  const trial = () => ({ kind: type.kind, config: toConfig(fields, values, effective), integration_id: integration?.id ?? null });
  const choices = (field: string) => api.choices({ ...trial(), field });
  const problems = { ...problemsOf(error), ...problemsOf(test.error) };

  const save = async (): Promise<Integration | null> => {
    setBusy(true);
    setError(null);
    try {
      const saved = integration ? await api.updateIntegration(integration.id, input()) : await api.createIntegration(input());
      client.setQueryData(['integration', saved.id], saved);
      for (const key of ['integrations', 'activity']) void client.invalidateQueries({ queryKey: [key] });
      setName(saved.name);
      setValues(saved.config as Values);
      toasts.done(t('toast.saved'));
      setBusy(false);
      return saved;
    } catch (e) {
      setError(e);
      setBusy(false);
      return null;
    }
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const saved = await save();
    if (saved && !integration) go(`/integrations/${saved.id}`, { replace: true });
  };
  const runNow = async () => {
    if (!integration) return test.run({ input: input() });
    if (dirty && !(await save())) return;
    await test.run({ id: integration.id });
    for (const key of ['integration', 'integrations', 'certificates', 'activity']) void client.invalidateQueries({ queryKey: [key] });
  };
  // A card's "test" opens this page and starts the test once.
  const asked = parameters.get('test') === '1';
  useEffect(() => {
    if (!asked || !integration) return;
    change({ test: null });
    void test.run({ id: integration.id });
  }, [asked, integration, change, test]);

  const urlField = fields.find((f) => f.name === 'endpoint_url');
  const url = urlField ? String(inForce(urlField, values, effective) ?? '') : '';
  const stageAction = (stage: TestStage) => {
    if (stage.key !== 'security' || !type.has_trust) return null;
    if (!integration) return <span className="s">{t('test.save_to_trust')}</span>;
    return <button type="button" className="btn sm pri" onClick={onTrust}>{t('test.compare_certificates')}</button>;
  };
  return (
    <div className="workbench">
      <form className="pane" onSubmit={(event) => void submit(event)}>
        <div className="pt"><h2>{t('integrations.tab_setup_short')}</h2><span className="cap">{t('form.from_schema')} <Tag>{type.kind}</Tag></span><span className="end cap dim dsk-only">{t('form.source')}</span></div>
        <fieldset className="sf-group plain">
          <legend className="sr">{t('field.name')}</legend>
          <div className="sf-row"><div className="sf-field"><Field label={<><span className="m5">{t('integrations.name')}</span><span className="req" aria-hidden="true">{' *'}</span><Tag className="cap dim api-name">{'name'}</Tag></>} error={problems.name ?? null}>{(p) => <input {...p} className="in" dir="auto" name="name" required disabled={!write} maxLength={200} value={name} onChange={(e) => setName(e.target.value)} />}</Field></div><div /></div>
        </fieldset>
        <SchemaForm kind={type.kind} schema={type.schema} values={values} effective={effective} problems={problems} disabled={!write} onChange={setValues} choices={may('integrations.test') ? choices : undefined} />
        {type.has_endpoints && may('integrations.test') && <EndpointList kind={type.kind} url={url} onChoose={(offer) => setValues({ ...values, security_mode: offer.security_mode, security_policy: offer.security_mode === 'None' ? null : offer.security_policy })} />}
        {!integration && write && <div className="pb"><label className="chk"><input type="checkbox" checked={start} onChange={(e) => setStart(e.target.checked)} />{t('integrations.start_after_saving')}</label></div>}
        {error !== null && <div className="pb"><InlineError error={error} /></div>}
        {write
          ? <div className="pf actions"><button type="submit" className="btn pri" disabled={busy || !dirty}>{t('action.save')}</button>{integration && <button type="button" className="btn" disabled={!dirty} onClick={() => { setName(stored.name); setValues(stored.values); }}>{t('action.undo')}</button>}{dirty && <span>{t('form.unsaved')}</span>}</div>
          : <div className="pf">{t('form.read_only')}</div>}
      </form>
      <div className="stack">
        {may('integrations.test') && (
          <Pane title={t('test.title')} end={<button type="button" className="btn sm" data-action="run-test" disabled={test.running || (!integration && name.trim() === '')} onClick={() => void runNow()}><Icon name="refresh" />{t(test.running ? 'test.running_now' : dirty && integration ? 'test.save_and_run' : 'test.run')}</button>} foot={t('test.rule')}>
            {test.error !== null && <div className="pb"><InlineError error={test.error} /></div>}
            <StagedTest stages={test.stages} running={test.running} report={test.report} action={stageAction} />
          </Pane>
        )}
        {may('integrations.test') && <SourcePreview type={type} integration={integration} input={trial} />}
        {may('integrations.test') && integration && <Doctor id={integration.id} />}
        {integration?.message && <Notice tone="critical">{integration.message.message}</Notice>}
        {integration && <Load i={integration} />}
        <Pane title={t('form.sources_title')} flush={false}>
          <dl className="kv"><dt className="row g1"><Icon name="edit" />{t('form.source.tenant')}</dt><dd className="mid">{t('form.source.tenant_what')}</dd><dt className="row g1"><Icon name="globe" />{t('form.source.environment')}</dt><dd className="mid">{t('form.source.environment_what')}</dd><dt className="row g1"><Icon name="gear" />{t('form.source.default')}</dt><dd className="mid">{t('form.source.default_what')}</dd></dl>
        </Pane>
      </div>
    </div>
  );
}
