// Sending a work order: the request exactly as it goes out, what differs, and handing it in for approval.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import type { OutboxEntry, PushPreview, WorkOrder, WorkOrderKind } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field, Segment } from '@/components/fields';
import { AppLink } from '@/components/link';
import { Tag } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { KINDS } from './work-order-form';
import { WorkOrderStatusMark } from './work-order-parts';

/** The request as it is sent, byte for byte the same values. */
export function RequestView({ request }: { request: OutboxEntry['request'] }) {
  const { t } = useText();
  return (
    <div className="stack">
      <div><Tag wrap className="b">{`${request.method} ${request.path}`}</Tag></div>
      <pre className="wo-payload" dir="ltr" tabIndex={0} role="region" aria-label={t('work_orders.request')}>{JSON.stringify(request.payload, null, 2)}</pre>
    </div>
  );
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function Differences({ preview }: { preview: PushPreview }) {
  const { t } = useText();
  if (preview.differences.length === 0) return <p className="help">{t('work_orders.no_difference')}</p>;
  const isNew = preview.differences.every((d) => d.before === null || d.before === undefined);
  return (
    <>
      {isNew && <p className="help">{t('work_orders.all_new')}</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label={t('work_orders.difference')}>
        <table className="tb">
          <thead><tr><th scope="col">{t('work_orders.field')}</th>{!isNew && <th scope="col">{t('work_orders.before')}</th>}<th scope="col">{t('work_orders.after')}</th></tr></thead>
          <tbody>
            {preview.differences.map((d) => (
              <tr key={d.path}>
                <td><Tag wrap>{d.path.slice(1)}</Tag></td>
                {!isNew && <td>{d.before === null || d.before === undefined ? <span className="dim">{'—'}</span> : <bdi>{shown(d.before)}</bdi>}</td>}
                <td>{d.after === null || d.after === undefined ? <span className="dim">{'—'}</span> : <bdi>{shown(d.after)}</bdi>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Preview({ preview }: { preview: PushPreview }) {
  const { t } = useText();
  return (
    <>
      {preview.warnings.map((w) => <Notice key={w.code} tone="warning">{w.message}</Notice>)}
      {preview.open_there.length > 0 && (
        <section>
          <h3>{t('work_orders.open_there')}</h3>
          <ul className="list">{preview.open_there.map((o) => <li key={o.id}><AppLink to={`/work-orders?order=${o.id}`}><Tag>{o.number}</Tag></AppLink><span className="grow s ell"><bdi>{o.title}</bdi></span><span className="s"><WorkOrderStatusMark status={o.status} /></span></li>)}</ul>
        </section>
      )}
      <section><h3>{t('work_orders.request')}</h3><RequestView request={preview.request} /></section>
      <section><h3>{t('work_orders.difference')}</h3><Differences preview={preview} /></section>
      <Notice>{t(preview.needs_second_person ? 'work_orders.second_person' : 'work_orders.any_person')}</Notice>
    </>
  );
}

export function PushDialog({ order, onClose, onDone }: { order: WorkOrder; onClose: () => void; onDone: () => void }) {
  const { t, word, p: prefs } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const coverage = useQuery({ queryKey: ['object-coverage'], queryFn: api.objectCoverage });
  const systems = (coverage.data ?? []).filter((c) => c.takes_work_orders);
  const [chosen, setChosen] = useState('');
  const [kind, setKind] = useState<WorkOrderKind>(order.kind);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const integration = chosen || (systems[0]?.integration_id ?? '');
  const preview = useQuery({
    queryKey: ['push-preview', order.id, order.changed_at, integration, kind, prefs.language], enabled: integration !== '', retry: false, staleTime: 0,
    queryFn: () => api.pushWorkOrder(order.id, { integration_id: integration, kind }, true).then((a) => a.preview as PushPreview),
  });
  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      await api.pushWorkOrder(order.id, { integration_id: integration, kind }, false);
      toasts.done(t('work_orders.handed_in'));
      for (const key of ['work-orders', 'work-order', 'outbox']) void client.invalidateQueries({ queryKey: [key] });
      onDone();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t('work_orders.push_title', { reference: order.reference ?? '' })} onClose={onClose} size="xl">
      <div className="stack">
        <Loaded query={coverage} what={t('work_orders.loading_preview')} rows={3}>
          {() => (systems.length === 0 ? <Notice tone="warning">{t('work_orders.no_system')}</Notice> : (
            <>
              <div className="form-grid">
                <Field label={t('work_orders.push_to')}>{(p) => <select {...p} className="in" data-autofocus value={integration} onChange={(e) => setChosen(e.target.value)}>{systems.map((s) => <option key={s.integration_id} value={s.integration_id}>{s.integration_name}</option>)}</select>}</Field>
                <Field label={t('work_orders.push_as')}>{() => <Segment<WorkOrderKind> label={t('work_orders.push_as')} value={kind} onChange={setKind} options={KINDS.map((k) => ({ value: k, label: word('work_order_kind', k) }))} />}</Field>
              </div>
              <Loaded query={preview} what={t('work_orders.loading_preview')} rows={4}>{(shownNow) => <Preview preview={shownNow} />}</Loaded>
            </>
          ))}
        </Loaded>
        <InlineError error={error} />
        <div className="actions">
          <button type="button" className="btn pri" disabled={busy || preview.data === undefined || preview.isError} onClick={() => void submit()}>{t('work_orders.hand_in')}</button>
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </div>
    </Dialog>
  );
}
