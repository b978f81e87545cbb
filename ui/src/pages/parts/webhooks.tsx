// Systems that are told what happened, as their administrator sees it: where it goes, of what, how the last delivery
// went and what helps, and a test sent step by step.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { Webhook, WebhookDelivery, WebhookTestReport } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon, type Shape, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { TestStages } from './test-stages';
import { WebhookForm } from './webhook-form';

const SHAPES: Record<string, Shape> = { ok: 'normal', waiting: 'warning', failed: 'critical' };

function State({ state }: { state: string }) {
  const { word } = useText();
  const shape = SHAPES[state];
  return <span className={`st ${shape ?? 'dim'}`}>{shape ? <StatusShape shape={shape} /> : <Icon name="dash" />}<span>{word('webhook_state', state)}</span></span>;
}

function Delivery({ delivery }: { delivery: WebhookDelivery }) {
  const { t, word } = useText();
  return (
    <>
      <div className="s">{delivery.message}</div>
      <div className="cap dim">{word('webhook_delivery', delivery.state)} · <When at={delivery.sent_at ?? delivery.tried_at ?? delivery.created_at} />{delivery.next_at !== null && delivery.tried_at !== null && <> · {t('webhooks.next')} <When at={delivery.next_at} /></>}</div>
    </>
  );
}

function Target({ hook, edit, remove }: { hook: Webhook; edit: () => void; remove: () => void }) {
  const { t, n, word } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const [report, setReport] = useState<WebhookTestReport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const doing = async (what: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    setReport(null);
    try {
      await what();
      await client.invalidateQueries({ queryKey: ['webhooks'] });
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  const test = () => doing(async () => setReport(await api.testWebhook(hook.id)));
  const retry = () => doing(async () => { await api.retryWebhook(hook.id); toasts.done(t('webhooks.retried')); });
  const trouble = hook.is_enabled ? hook.last?.error : null;
  return (
    <li data-webhook={hook.name}>
      <div className="grow stack">
        <div className="row wrap"><b><bdi>{hook.name}</bdi></b><State state={hook.state} /></div>
        <Tag className="cap" wrap>{hook.url}</Tag>
        <div className="row wrap">{hook.kinds.map((kind) => <span key={kind} className="chip">{word('webhook_kind', kind)}</span>)}</div>
        {trouble && <Notice tone={hook.state === 'failed' ? 'critical' : 'warning'}>{trouble.message}</Notice>}
        {hook.last && <div><div className="cap dim">{t('webhooks.last')}</div><Delivery delivery={hook.last} /></div>}
        <div className="cap dim">{t('webhooks.counts', { queued: n(hook.queued, 0), sent: n(hook.sent, 0), failed: n(hook.failed, 0) })}</div>
        <div className="row wrap">
          <button type="button" className="btn sm" data-action="test-webhook" disabled={busy} aria-label={`${t('webhooks.test')}: ${hook.name}`} onClick={() => void test()}><Icon name="upload" />{t('webhooks.test')}</button>
          <button type="button" className="btn sm" data-action="edit-webhook" disabled={busy} aria-label={`${t('webhooks.edit')}: ${hook.name}`} onClick={edit}><Icon name="edit" />{t('webhooks.edit')}</button>
          <button type="button" className="btn sm danger" data-action="delete-webhook" disabled={busy} aria-label={`${t('action.delete')}: ${hook.name}`} onClick={remove}><Icon name="trash" />{t('action.delete')}</button>
        </div>
        {hook.failed > 0 && <div className="row wrap"><button type="button" className="btn sm" data-action="retry-webhook" disabled={busy} onClick={() => void retry()}><Icon name="refresh" />{t('webhooks.retry', { n: hook.failed })}</button><span className="help">{t('webhooks.retry_help')}</span></div>}
        <InlineError error={error} />
        {report && <TestStages words="webhook_stage" stages={report.stages} verdict={t(report.success ? 'webhooks.test_passed' : 'webhooks.test_failed')} />}
        {hook.newest.length > 0 && <details><summary className="s">{t('webhooks.newest')}</summary><ul className="list">{hook.newest.map((d) => <li key={d.id}><div className="grow"><Delivery delivery={d} />{d.error && <p className="s">{d.error.message}</p>}</div></li>)}</ul></details>}
      </div>
    </li>
  );
}

export function WebhooksPane() {
  const { t, p } = useText();
  const client = useQueryClient();
  const [confirm, dialog] = useConfirm();
  const [form, setForm] = useState<Webhook | 'new' | null>(null);
  const query = useQuery({ queryKey: ['webhooks', p.language], queryFn: api.webhooks, refetchInterval: 15_000 });
  const changed = () => client.invalidateQueries({ queryKey: ['webhooks'] });
  const remove = (hook: Webhook) => confirm({ title: t('webhooks.delete_title', { name: hook.name }), body: t('webhooks.delete_body', { url: hook.url }), action: t('action.delete'), danger: true, run: async () => { await api.deleteWebhook(hook.id); await changed(); } });
  return (
    <Pane title={t('webhooks.title')} end={<button type="button" className="btn sm" data-action="add-webhook" disabled={!query.data} onClick={() => setForm('new')}><Icon name="plus" />{t('webhooks.add')}</button>}>
      <Loaded query={query} what={t('state.loading')} rows={2}>
        {(hooks) => (hooks.length ? <ul className="list">{hooks.map((hook) => <Target key={hook.id} hook={hook} edit={() => setForm(hook)} remove={() => remove(hook)} />)}</ul> : <p className="pb help">{t('webhooks.none')}</p>)}
      </Loaded>
      {form && <WebhookForm hook={form === 'new' ? null : form} onClose={() => setForm(null)} onSaved={() => { setForm(null); void changed(); }} />}
      {dialog}
    </Pane>
  );
}
