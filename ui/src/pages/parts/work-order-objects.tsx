// How much of each maintenance system is tied to assets, and the choice of a person where the program can't tell.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { MatchState, ObjectCoverage, TechnicalObject } from '@/api/types';
import { Dialog, useToasts } from '@/components/dialog';
import { Field, SearchInput, Select } from '@/components/fields';
import { AppLink } from '@/components/link';
import { Tag } from '@/components/marks';
import { EmptyState, InlineError } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { AssetSelect } from './work-order-form';
import { MatchMark, MATCHES } from './work-order-parts';

const LIMIT = 50;

function Counts({ title, counts }: { title: string; counts: ObjectCoverage['objects'] }) {
  const { word, n } = useText();
  return (
    <tr>
      <th scope="row">{title}</th>
      {(['matched', 'unmatched', 'ambiguous', 'settled'] as MatchState[]).map((s) => <td key={s} className="r" aria-label={word('match_state', s)}>{s === 'ambiguous' && counts[s] > 0 ? <b>{n(counts[s], 0)}</b> : n(counts[s], 0)}</td>)}
    </tr>
  );
}

function System({ report }: { report: ObjectCoverage }) {
  const { t, word, name } = useText();
  return (
    <Pane title={<bdi>{report.integration_name}</bdi>} caption={<>{t('work_orders.mode')}: {word('mapping_mode', report.mode)}</>}>
      <div className="scroll" tabIndex={0} role="region" aria-label={report.integration_name}>
        <table className="tb">
          <thead><tr><th scope="col"><span className="sr">{t('work_orders.match')}</span></th>{(['matched', 'unmatched', 'ambiguous', 'settled'] as MatchState[]).map((s) => <th key={s} scope="col" className="r">{word('match_state', s)}</th>)}</tr></thead>
          <tbody><Counts title={t('work_orders.counts_objects')} counts={report.objects} /><Counts title={t('work_orders.counts_orders')} counts={report.work_orders} /></tbody>
        </table>
      </div>
      {report.assets_without_object_total > 0 && (
        <details className="pb">
          <summary className="s">{t('work_orders.without', { n: report.assets_without_object_total })}</summary>
          <ul className="s">{report.assets_without_object.map((a) => <li key={a.id}><AppLink to={`/assets/${a.id}`}><Tag>{a.code}</Tag></AppLink> {name(a.names)}</li>)}</ul>
        </details>
      )}
    </Pane>
  );
}

function Settle({ object, onClose, onDone }: { object: TechnicalObject; onClose: () => void; onDone: () => void }) {
  const { t, name } = useText();
  const [asset, setAsset] = useState(object.asset_id ?? object.candidates[0]?.id ?? '');
  const [error, setError] = useState<unknown>(null);
  const save = async (body: { asset_id: string | null; is_automatic?: boolean }) => {
    setError(null);
    try {
      await api.settleObject(object.id, body);
      onDone();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <Dialog title={t('work_orders.settle_title', { number: object.number })} onClose={onClose} size="lg">
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); void save({ asset_id: asset || null }); }}>
        {object.name && <p className="prose"><bdi>{object.name}</bdi></p>}
        {object.candidates.length > 0 && (
          <fieldset className="stack">
            <legend className="lbl">{t('work_orders.candidates', { n: object.candidates.length })}</legend>
            {object.candidates.map((c) => <label key={c.id} className="chk"><input type="radio" name="candidate" checked={asset === c.id} onChange={() => setAsset(c.id)} /><Tag>{c.code}</Tag> {name(c.names)}</label>)}
          </fieldset>
        )}
        <Field label={t('work_orders.asset')} help={t('work_orders.settle_help')}>{(p) => <AssetSelect {...p} value={asset} onChange={setAsset} none={t('work_orders.settle_none')} />}</Field>
        <InlineError error={error} />
        <div className="actions">
          <button type="submit" className="btn pri">{t('work_orders.settle_save')}</button>
          {object.settled_by !== null && <button type="button" className="btn" onClick={() => void save({ asset_id: null, is_automatic: true })}>{t('work_orders.settle_auto')}</button>}
          <button type="button" className="btn" onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function Objects() {
  const { t, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  const [parameters, change] = useParameters();
  const [settling, setSettling] = useState<TechnicalObject | null>(null);
  const [system, match, q] = ['system', 'match', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string];
  const offset = useOffset('objects', LIMIT);
  const coverage = useQuery({ queryKey: ['object-coverage'], queryFn: api.objectCoverage });
  const query = useQuery({ queryKey: ['technical-objects', system, match, q, offset], placeholderData: (old) => old, queryFn: () => api.technicalObjects({ integration_id: system, match, q, limit: LIMIT, offset }) });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'objects.page': null });
  const done = () => {
    setSettling(null);
    toasts.done(t('work_orders.settled'));
    for (const key of ['technical-objects', 'object-coverage', 'work-orders', 'work-order']) void client.invalidateQueries({ queryKey: [key] });
  };
  const systems = coverage.data ?? [];
  const systemName = (id: string) => systems.find((s) => s.integration_id === id)?.integration_name ?? '';
  const columns: Column<TechnicalObject>[] = [
    { key: 'number', title: t('work_orders.object'), csv: (o) => o.number, cell: (o) => <span className="two"><Tag wrap>{o.number}</Tag><small>{o.name ? <bdi>{o.name}</bdi> : t('work_orders.unnamed')}</small></span> },
    { key: 'kind', title: t('work_orders.kind'), csv: (o) => o.kind, cell: (o) => <span className="two">{word('object_kind', o.kind)}<small><bdi>{systemName(o.integration_id)}</bdi></small></span>, wideOnly: true },
    { key: 'location', title: t('field.functional_location'), csv: (o) => o.location, cell: (o) => (o.location ? <Tag wrap>{o.location}</Tag> : <span className="dim">{'—'}</span>), wideOnly: true },
    { key: 'match', title: t('work_orders.match'), csv: (o) => o.match_state, cell: (o) => <span className="two"><MatchMark state={o.match_state} reason={o.match_reason} />{o.settled_by && <small>{t('work_orders.by_person', { name: o.settled_by })}</small>}</span> },
    { key: 'asset', title: t('work_orders.asset'), csv: (o) => o.asset_code, cell: (o) => (o.asset_id ? <AppLink to={`/assets/${o.asset_id}`}><Tag>{o.asset_code}</Tag></AppLink> : o.candidates.length > 0 ? <span className="s mid">{t('work_orders.candidates', { n: o.candidates.length })}</span> : <span className="dim">{'—'}</span>) },
    { key: 'action', title: '', end: true, cell: (o) => may('work_orders.approve') && <button type="button" className="btn sm" onClick={() => setSettling(o)}>{t('work_orders.settle')}</button> },
  ];
  const filtered = Boolean(system || match || q);
  return (
    <Loaded query={coverage} what={t('work_orders.loading_objects')} rows={4}>
      {(reports) => (reports.length === 0
        ? <section className="pane"><EmptyState icon="wrench" title={t('work_orders.no_systems')} action={may('integrations.write') && <AppLink className="btn" to="/integrations">{t('page.integrations')}</AppLink>}>{t('work_orders.no_systems_why')}</EmptyState></section>
        : (
          <div className="stack">
            {reports.map((r) => <System key={r.integration_id} report={r} />)}
            <div className="row wrap filters">
              <SearchInput label={t('work_orders.search_objects')} value={q} onChange={(v) => filter({ q: v })} />
              <Select label={t('work_orders.match')} value={match} onChange={(v) => filter({ match: v })} options={[{ value: '', label: t('work_orders.all_matches') }, ...MATCHES.map((m) => ({ value: m as string, label: word('match_state', m) }))]} />
              {reports.length > 1 && <Select label={t('work_orders.system')} value={system} onChange={(v) => filter({ system: v })} options={[{ value: '', label: t('work_orders.all_systems') }, ...reports.map((r) => ({ value: r.integration_id, label: r.integration_name }))]} />}
            </div>
            <section className="pane">
              <Loaded query={query} what={t('work_orders.loading_objects')} rows={6}>
                {(page) => <DataTable id="objects" label={t('work_orders.objects')} columns={columns} rows={page.items} rowKey={(o) => o.id} server={{ total: page.total, offset, limit: LIMIT }} all={(part) => api.technicalObjects({ integration_id: system, match, q, ...part })} csvName="technical-objects" empty={<EmptyState icon="wrench" title={t(filtered ? 'work_orders.objects_none_match' : 'work_orders.objects_empty')} action={filtered && <button type="button" className="btn" onClick={() => filter({ q: null, match: null, system: null })}>{t('action.clear_filters')}</button>} />} />}
              </Loaded>
            </section>
            {settling && <Settle object={settling} onClose={() => setSettling(null)} onDone={done} />}
          </div>
        ))}
    </Loaded>
  );
}
