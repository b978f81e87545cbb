// What a list of mappings would change: counts, each change with its fields before and after, and why rows are refused.
import type { MappingDiff } from '@/api/types';
import { SourceTag, Tag, Toward } from '@/components/marks';
import { useMetricName } from '@/components/metrics';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';

/** Rows that are drawn; a file with the rest is one export away. */
const SHOWN = 200;

export function DiffSummary({ diff }: { diff: MappingDiff }) {
  const { t } = useText();
  return (
    <Notice tone={diff.refused > 0 ? 'critical' : 'plain'}>
      <span data-diff={`${diff.added}/${diff.changed}/${diff.removed}/${diff.unchanged}/${diff.refused}`}>
        {t('mapping.diff_counts', { added: diff.added, changed: diff.changed, removed: diff.removed, unchanged: diff.unchanged })}
        {diff.refused > 0 && <> {t('mapping.diff_refused', { n: diff.refused })}</>}
      </span>
    </Notice>
  );
}

function Errors({ diff }: { diff: MappingDiff }) {
  const { t, word } = useText();
  if (diff.errors.length === 0) return null;
  return (
    <div className="scroll tall" tabIndex={0} role="region" aria-label={t('import.errors')}>
      <table className="tb" data-table="errors">
        <caption className="sr">{t('import.errors')}</caption>
        <thead><tr><th scope="col" className="r">{t('import.row')}</th><th scope="col">{t('mapping.tag')}</th><th scope="col">{t('import.column')}</th><th scope="col">{t('import.reason')}</th></tr></thead>
        <tbody>
          {diff.errors.slice(0, SHOWN).map((e) => (
            <tr key={`${e.row}.${e.column}.${e.code}`} data-code={e.code}>
              <td className="r">{e.row}</td><td><SourceTag tag={e.tag || '—'} /></td><td>{word('mapping_column', e.column)}</td><td>{e.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function DiffView({ diff }: { diff: MappingDiff }) {
  const { t, word } = useText();
  const metric = useMetricName();
  return (
    <div className="stack">
      <DiffSummary diff={diff} />
      <Errors diff={diff} />
      {diff.rows.length > 0 && (
        <div className="scroll tall" tabIndex={0} role="region" aria-label={t('mapping.diff')}>
          <table className="tb" data-table="diff">
            <caption className="sr">{t('mapping.diff')}</caption>
            <thead><tr><th scope="col">{t('mapping.diff_action')}</th><th scope="col">{t('mapping.tag')}</th><th scope="col">{t('field.asset')}</th><th scope="col">{t('mapping.metric')}</th><th scope="col">{t('mapping.diff_fields')}</th></tr></thead>
            <tbody>
              {diff.rows.slice(0, SHOWN).map((row) => (
                <tr key={`${row.row}.${row.external_tag}`}>
                  <td><span className={row.action === 'remove' ? 'chip warning' : row.action === 'add' ? 'chip act' : 'chip'}>{t(`mapping.diff_${row.action}`)}</span></td>
                  <td className="two"><SourceTag tag={row.external_tag} /><small><bdi>{row.integration_name}</bdi></small></td>
                  <td><Tag>{row.asset_code}</Tag></td>
                  <td>{metric(row.metric_name)}</td>
                  <td>{row.fields.map((f) => <div key={f.field}><span className="cap dim">{word('mapping_column', f.field)}</span> <Tag>{f.before || '—'}</Tag> <Toward /><span className="sr">{t('mapping.becomes')}</span> <span className="changed"><Tag>{f.after || '—'}</Tag></span></div>)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {(diff.rows.length > SHOWN || diff.errors.length > SHOWN) && <p className="help">{t('mapping.diff_more', { n: SHOWN })}</p>}
    </div>
  );
}
