// A look at what a source delivers before anything is mapped: its first rows, or the values of some tags.
import { useState } from 'react';
import { api } from '@/api/calls';
import type { ConnectorType, DraftRowsRequest, Integration, PreviewValue, SampleRows } from '@/api/types';
import { Icon } from '@/components/icons';
import { SourceTag, Tag, When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import '@/styles/integrations.css';

const TAGS = 20;

/** Tags worth a look: those that are mapped, else the first the source lists. */
async function tagsOf(integration: Integration): Promise<string[]> {
  const mapped = await api.mappings({ integration_id: integration.id, limit: TAGS });
  if (mapped.items.length > 0) return mapped.items.map((m) => m.external_tag);
  const found: string[] = [];
  const waiting: (string | null)[] = [null];
  // A few levels are enough for a first look; the mapping page opens the whole tree.
  for (let level = 0; level < 6 && found.length < TAGS && waiting.length > 0; level += 1) {
    const page = await api.browse(integration.id, { parent: waiting.shift(), limit: 100 });
    found.push(...page.items.filter((i) => i.is_variable).map((i) => i.id));
    waiting.unshift(...page.items.filter((i) => i.has_children).map((i) => i.id));
  }
  return found.slice(0, TAGS);
}

const shown = (value: unknown) => (value === null || value === undefined ? '—' : typeof value === 'object' ? JSON.stringify(value) : String(value));

function Rows({ rows }: { rows: SampleRows }) {
  const { t, n } = useText();
  return (
    <>
      {rows.problems.map((p) => <div key={p.field} className="pb"><Notice tone="warning">{p.message}</Notice></div>)}
      <div className="rows-box" tabIndex={0} role="region" aria-label={t('preview.rows')}>
        <table className="tb">
          <thead><tr>{rows.columns.map((c) => <th key={c.name} scope="col"><Tag>{c.name}</Tag><small>{t(`enum.column_kind.${c.kind}`)}{c.role !== 'none' && ` · ${t(`enum.column_role.${c.role}`)}`}</small></th>)}</tr></thead>
          <tbody>{rows.rows.map((row, i) => <tr key={i}>{row.map((cell, j) => <td key={j} className={typeof cell === 'number' ? 'fig' : undefined} title={shown(cell)}><bdi dir="auto">{shown(cell)}</bdi></td>)}</tr>)}</tbody>
        </table>
      </div>
      <div className="pf col s">
        <span>{t('preview.count', { n: rows.rows.length })}{rows.has_more && ` ${t('preview.more')}`}</span>
        {rows.tags.length > 0 && <span>{t('preview.tags', { n: n(rows.tags.length, 0) })} {rows.tags.slice(0, 12).map((tag) => <Tag key={tag} className="fact">{tag}</Tag>)}</span>}
      </div>
    </>
  );
}

function Values({ values }: { values: PreviewValue[] }) {
  const { t, n, word } = useText();
  if (values.length === 0) return <div className="pb"><Notice>{t('preview.no_tags')}</Notice></div>;
  return (
    <div className="rows-box" tabIndex={0} role="region" aria-label={t('preview.values')}>
      <table className="tb">
        <thead><tr><th scope="col">{t('field.signal')}</th><th scope="col" className="r">{t('preview.value')}</th><th scope="col">{t('preview.quality')}</th><th scope="col">{t('event.time')}</th></tr></thead>
        <tbody>{values.map((v) => <tr key={v.tag}><td><SourceTag tag={v.tag} /></td><td className="fig"><bdi dir="ltr">{typeof v.value === 'number' ? n(v.value) : shown(v.value)}</bdi></td><td>{word('quality', v.quality)}</td><td><When at={v.source_time ?? v.server_time} full /></td></tr>)}</tbody>
      </table>
    </div>
  );
}

export function SourcePreview({ type, integration, input }: { type: ConnectorType; integration?: Integration; input: () => DraftRowsRequest }) {
  const { t } = useText();
  const [rows, setRows] = useState<SampleRows | null>(null);
  const [values, setValues] = useState<PreviewValue[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  // A connection that is not saved yet has rows to show, but no tags to read.
  if (!type.has_sample_rows && (!integration || !type.can_browse)) return null;
  const look = async () => {
    setBusy(true);
    setError(null);
    try {
      if (type.has_sample_rows) setRows(await api.draftSampleRows(input()));
      else if (integration) {
        const tags = await tagsOf(integration);
        setValues(tags.length === 0 ? [] : await api.preview(integration.id, { tags }));
      }
    } catch (e) {
      setRows(null);
      setValues(null);
      setError(e);
    }
    setBusy(false);
  };
  return (
    <Pane title={t(type.has_sample_rows ? 'preview.rows' : 'preview.values')} end={<button type="button" className="btn sm" data-action="look" disabled={busy} onClick={() => void look()}><Icon name="search" />{t(busy ? 'preview.reading' : type.has_sample_rows ? 'preview.show_rows' : 'preview.show')}</button>}>
      {error !== null && <div className="pb"><InlineError error={error} /></div>}
      {rows === null && values === null && error === null && <p className="pb s dim">{t(type.has_sample_rows ? 'preview.rows_help' : 'preview.values_help')}</p>}
      {rows && <Rows rows={rows} />}
      {values && <Values values={values} />}
    </Pane>
  );
}
