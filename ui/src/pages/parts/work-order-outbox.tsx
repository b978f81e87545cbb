// The outbox: what waits for a person, what is on its way, what became of it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { OutboxEntry, OutboxState, PushContent, WorkOrderPriority } from '@/api/types';
import { Dialog, useConfirm, useToasts } from '@/components/dialog';
import { Field, problemOf, Segment, Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState, InlineError, Notice } from '@/components/notices';
import { Loaded } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { FormDialog } from './asset-forms';
import { PRIORITIES } from './work-order-form';
import { OUTBOX_STATES, OutboxMark } from './work-order-parts';
import { RequestView } from './work-order-push';

function Correct({ entry, onClose, onDone }: { entry: OutboxEntry; onClose: () => void; onDone: () => void }) {
  const { t, word } = useText();
  const [form, setForm] = useState<PushContent>(entry.content);
  const set = (changes: Partial<PushContent>) => setForm((f) => ({ ...f, ...changes }));
  const text = (field: 'order_type' | 'equipment_number' | 'functional_location', label: string, error: unknown) => (
    <Field label={t(label)} error={problemOf(error, field)}>{(p) => <input {...p} className="in mono" name={field} maxLength={80} value={form[field] ?? ''} onChange={(e) => set({ [field]: e.target.value || null })} />}</Field>
  );
  return (
    <FormDialog title={t('work_orders.edit_title', { reference: entry.reference })} onClose={onClose} onSaved={onDone} save={() => api.editPush(entry.id, form)}>
      {(error) => (
        <>
          <Field wide label={t('work_orders.title')} required error={problemOf(error, 'title')}>{(p) => <input {...p} className="in" dir="auto" name="title" required maxLength={200} data-autofocus value={form.title} onChange={(e) => set({ title: e.target.value })} />}</Field>
          <Field label={t('work_orders.priority')}>{(p) => <select {...p} className="in" name="priority" value={form.priority} onChange={(e) => set({ priority: e.target.value as WorkOrderPriority })}>{PRIORITIES.map((x) => <option key={x} value={x}>{word('work_order_priority', x)}</option>)}</select>}</Field>
          {text('order_type', 'work_orders.order_type', error)}
          {text('equipment_number', 'field.equipment_number', error)}
          {text('functional_location', 'field.functional_location', error)}
          <Field wide label={t('work_orders.description')} error={problemOf(error, 'description')}>{(p) => <textarea {...p} className="in" dir="auto" rows={4} maxLength={4000} value={form.description ?? ''} onChange={(e) => set({ description: e.target.value })} />}</Field>
        </>
      )}
    </FormDialog>
  );
}

function Resolve({ entry, onClose, onDone }: { entry: OutboxEntry; onClose: () => void; onDone: () => void }) {
  const { t } = useText();
  const [found, setFound] = useState<'there' | 'absent'>('there');
  const [number, setNumber] = useState('');
  const [error, setError] = useState<unknown>(null);
  const submit = async () => {
    setError(null);
    try {
      await api.resolvePush(entry.id, { number: found === 'there' ? number.trim() : null });
      onDone();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Dialog title={t('work_orders.resolve_title', { reference: entry.reference })} onClose={onClose} size="lg">
      <form className="stack" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
        <p className="prose">{t('work_orders.resolve_why', { system: entry.integration_name ?? '' })}</p>
        <p><Tag className="b">{entry.reference}</Tag></p>
        <Field label={t('work_orders.resolve_which')}>{() => <Segment<'there' | 'absent'> label={t('work_orders.resolve_which')} value={found} onChange={setFound} options={[{ value: 'there', label: t('work_orders.resolve_there') }, { value: 'absent', label: t('work_orders.resolve_absent') }]} />}</Field>
        {found === 'there' && <Field label={t('work_orders.number')} required>{(p) => <input {...p} className="in mono" name="number" required maxLength={80} value={number} onChange={(e) => setNumber(e.target.value)} />}</Field>}
        <InlineError error={error} />
        <div className="actions"><button type="submit" className="btn pri" disabled={found === 'there' && number.trim() === ''}>{t('work_orders.resolve')}</button><button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button></div>
      </form>
    </Dialog>
  );
}

function EntryPanel({ entry, onClose, onChanged }: { entry: OutboxEntry; onClose: () => void; onChanged: () => void }) {
  const { t } = useText();
  const { may } = useSession();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [open, setOpen] = useState<'edit' | 'resolve' | null>(null);
  const panel = useRef<HTMLElement>(null);
  useEffect(() => { panel.current?.focus({ preventScroll: true }); }, [entry.id]);
  const decided = (said: string) => { toasts.done(t(said)); onChanged(); };
  const decide = async (step: 'reject' | 'retry', said: string) => {
    await api.decidePush(entry.id, step);
    decided(said);
  };
  // The yes is for what stands in the dialog: corrected meanwhile, it is shown anew.
  const yes = async () => {
    try {
      await api.approvePush(entry.id, { changed_at: entry.changed_at });
    } catch (e) {
      onChanged();
      throw e;
    }
    decided('work_orders.approved');
  };
  const done = () => { setOpen(null); onChanged(); };
  const { state, reference } = entry;
  const approve = () => confirm({ title: t('work_orders.approve_title', { reference }), body: <><p>{t('work_orders.approve_body', { system: entry.integration_name ?? '' })}</p><RequestView request={entry.request} /></>, action: t('work_orders.approve'), run: yes });
  const reject = () => confirm({ title: t('work_orders.reject_title', { reference }), body: t('work_orders.reject_body'), action: t('work_orders.reject'), danger: true, run: () => decide('reject', 'work_orders.rejected') });
  const retry = () => void decide('retry', 'work_orders.retried').catch(toasts.failed);
  const mayReject = ['draft', 'awaiting_approval', 'dead_letter'].includes(state) || (state === 'queued' && !entry.may_exist);
  return (
    <aside ref={panel} className="pane side" tabIndex={-1} aria-label={t('work_orders.outbox_entry')} onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <button type="button" className="btn quiet sm icon shut" aria-label={t('action.close')} onClick={onClose}><Icon name="close" /></button>
      <div className="pt"><div className="grow"><h2><Tag>{reference}</Tag></h2><div className="s"><OutboxMark state={state} /></div></div></div>
      <div className="inner" tabIndex={0} role="region" aria-label={t('work_orders.outbox_entry')}>
        <div className="pb stack">
          {entry.error && <Notice tone={state === 'unknown' ? 'critical' : 'warning'}>{entry.error.message}</Notice>}
          {entry.awaits_another_person && <Notice>{t('work_orders.second_person')}</Notice>}
          <dl className="kv">
            <dt>{t('work_orders.what')}</dt><dd><AppLink to={`/work-orders?order=${entry.work_order_id}`}><bdi>{entry.content.title}</bdi></AppLink></dd>
            {entry.asset_id && <><dt>{t('field.asset')}</dt><dd><AppLink to={`/assets/${entry.asset_id}`}><Tag>{entry.asset_code}</Tag></AppLink></dd></>}
            <dt>{t('work_orders.system')}</dt><dd>{entry.integration_name ? <bdi>{entry.integration_name}</bdi> : <span className="dim">{'—'}</span>}</dd>
            <dt>{t('work_orders.author')}</dt><dd><bdi>{entry.author}</bdi> · <When at={entry.created_at} /></dd>
            {entry.approver && <><dt>{t('work_orders.approver')}</dt><dd><bdi>{entry.approver}</bdi>{entry.approved_at !== null && <> · <When at={entry.approved_at} /></>}</dd></>}
            <dt>{t('work_orders.sends')}</dt><dd>{t('work_orders.times', { n: entry.sends })}{entry.last_send_at !== null && <> · <When at={entry.last_send_at} /></>}</dd>
            {entry.may_exist && state !== 'sent' && <><dt>{t('field.state')}</dt><dd>{t('work_orders.may_exist')}</dd></>}
            {entry.number && <><dt>{t('work_orders.number')}</dt><dd><Tag>{entry.number}</Tag></dd></>}
            {entry.sent_at !== null && <><dt>{t('work_orders.sent_at')}</dt><dd><When at={entry.sent_at} /></dd></>}
            {entry.resolved_by && <><dt>{t('work_orders.resolved')}</dt><dd><bdi>{entry.resolved_by}</bdi></dd></>}
          </dl>
          <section><h3>{t('work_orders.request')}</h3><RequestView request={entry.request} /></section>
        </div>
      </div>
      {may('work_orders.approve') && (
        <div className="pf actions">
          {state === 'awaiting_approval' && <button type="button" className="btn pri" disabled={entry.awaits_another_person} title={entry.awaits_another_person ? t('work_orders.second_person') : undefined} onClick={approve}>{t('work_orders.approve')}</button>}
          {state === 'unknown' && <button type="button" className="btn pri" onClick={() => setOpen('resolve')}>{t('work_orders.resolve')}</button>}
          {state === 'draft' && <button type="button" className="btn pri" onClick={retry}>{t('work_orders.retry_draft')}</button>}
          {(state === 'dead_letter' || state === 'queued') && <button type="button" className="btn" onClick={retry}>{t('work_orders.retry')}</button>}
          {state === 'unknown' && <button type="button" className="btn" onClick={retry}>{t('work_orders.search_again')}</button>}
          {['dead_letter', 'draft', 'awaiting_approval'].includes(state) && <button type="button" className="btn" onClick={() => setOpen('edit')}>{t('work_orders.edit')}</button>}
          {mayReject && <button type="button" className="btn danger end" onClick={reject}>{t('work_orders.reject')}</button>}
        </div>
      )}
      {open === 'edit' && <Correct entry={entry} onClose={() => setOpen(null)} onDone={done} />}
      {open === 'resolve' && <Resolve entry={entry} onClose={() => setOpen(null)} onDone={() => { toasts.done(t('work_orders.resolved')); done(); }} />}
      {dialog}
    </aside>
  );
}

/** Whether another person has to approve: a tenant admin's switch. */
function Setting() {
  const { t } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const settings = useQuery({ queryKey: ['work-order-settings'], queryFn: api.workOrderSettings });
  if (!may('integrations.write') || settings.data === undefined) return null;
  const set = async (needed: boolean) => {
    try {
      client.setQueryData(['work-order-settings'], await api.saveWorkOrderSettings({ push_needs_second_person: needed }));
      void client.invalidateQueries({ queryKey: ['outbox'] });
      toasts.done(t('toast.saved'));
    } catch (e) {
      toasts.failed(e);
    }
  };
  return <label className="chk end" title={t('work_orders.setting_help')}><input type="checkbox" checked={settings.data.push_needs_second_person} onChange={(e) => void set(e.target.checked)} />{t('work_orders.setting')}</label>;
}

export function Outbox() {
  const { t, word, p } = useText();
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const [state, selected] = ['state', 'entry'].map((k) => parameters.get(k) ?? '') as [string, string];
  const query = useQuery({ queryKey: ['outbox', state, p.language], refetchInterval: 5_000, placeholderData: (old) => old, queryFn: () => api.outbox({ state }) });
  const changed = () => { for (const key of ['outbox', 'work-orders', 'work-order']) void client.invalidateQueries({ queryKey: [key] }); };
  const listed = query.data?.find((row) => row.id === selected);
  // A link may lead to an entry beyond what the list holds, or in another state.
  const linked = useQuery({ queryKey: ['outbox', 'entry', selected, p.language], enabled: selected !== '' && query.isSuccess && !listed, retry: false, queryFn: () => api.outboxEntry(selected) });
  const entry = listed ?? (selected === '' ? undefined : linked.data);
  const columns: Column<OutboxEntry>[] = [
    { key: 'state', title: t('field.state'), sort: (r) => OUTBOX_STATES.indexOf(r.state), csv: (r) => r.state, cell: (r) => <span className="two"><OutboxMark state={r.state} />{r.awaits_another_person ? <small>{t('work_orders.awaits_another')}</small> : r.next_at !== null && <small className="dsk-only">{t('work_orders.next_try', { at: '' })}<When at={r.next_at} /></small>}</span> },
    { key: 'reference', title: t('work_orders.reference'), csv: (r) => r.reference, cell: (r) => <button type="button" className="link b" onClick={(e) => { e.stopPropagation(); change({ entry: r.id }); }}><Tag>{r.reference}</Tag></button> },
    { key: 'title', title: t('work_orders.what'), sort: (r) => r.content.title, csv: (r) => r.content.title, cell: (r) => <span className="two"><bdi>{r.content.title}</bdi>{r.asset_code && <small><Tag>{r.asset_code}</Tag></small>}</span> },
    { key: 'system', title: t('work_orders.system'), csv: (r) => r.integration_name, cell: (r) => <span className="two"><bdi>{r.integration_name ?? '—'}</bdi><small>{word('work_order_kind', r.kind)}</small></span>, wideOnly: true },
    { key: 'author', title: t('work_orders.author'), sort: (r) => r.author, csv: (r) => r.author, cell: (r) => <span className="two"><bdi>{r.author}</bdi><small><When at={r.created_at} /></small></span>, wideOnly: true },
    { key: 'number', title: t('work_orders.number'), csv: (r) => r.number, cell: (r) => (r.number ? <Tag>{r.number}</Tag> : <span className="dim">{'—'}</span>) },
    { key: 'error', title: t('work_orders.step_failed'), csv: (r) => r.error && r.error.message, cell: (r) => (r.error ? <span className="s">{r.error.message}</span> : <span className="dim">{'—'}</span>), wideOnly: true },
  ];
  // Beside an open panel there is room for what tells one from another.
  const shownColumns = entry ? columns.filter((c) => !['system', 'author', 'error'].includes(c.key)) : columns;
  return (
    <>
      <div className="row wrap filters">
        <Select label={t('field.state')} value={state} onChange={(v) => change({ state: v, entry: null })} options={[{ value: '', label: t('work_orders.all_states') }, ...OUTBOX_STATES.map((s: OutboxState) => ({ value: s as string, label: word('outbox_state', s) }))]} />
        <Setting />
      </div>
      <div className={entry ? 'twin with-panel' : 'twin'}>
        <section className="pane">
          <Loaded query={query} what={t('work_orders.loading_outbox')} rows={6}>
            {(rows) => <DataTable id="outbox" label={t('work_orders.tab.outbox')} columns={shownColumns} rows={rows} rowKey={(r) => r.id} onRow={(r) => change({ entry: r.id })} selected={selected} csvName="outbox" empty={<EmptyState icon="upload" title={t('work_orders.outbox_empty')} action={state && <button type="button" className="btn" onClick={() => change({ state: null })}>{t('action.clear_filters')}</button>}>{!state && t('work_orders.outbox_empty_why')}</EmptyState>} />}
          </Loaded>
        </section>
        {entry && <EntryPanel key={entry.id} entry={entry} onClose={() => change({ entry: null })} onChanged={changed} />}
      </div>
    </>
  );
}
