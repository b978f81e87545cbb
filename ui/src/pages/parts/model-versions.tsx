// The versions of a model: which is in force, how each did beside the one before it, and the step that brings one into force.
import { useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { AssetModelPage, ModelTrial, ModelVersion } from '@/api/types';
import { useConfirm } from '@/components/dialog';
import { When } from '@/components/marks';
import { Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { weeksMs } from '@/lib/model-limit';
import { usePercent } from './model-facts';

type Row = [key: string, of: (trial: ModelTrial) => string];

function Compare({ version }: { version: ModelVersion }) {
  const { t, n, span, word } = useText();
  const percent = usePercent();
  const found = version.comparison;
  if (!found) return null;
  const rows: Row[] = [
    ['model.limit', (x) => n(x.limit, 2)],
    ['model.judged', (x) => percent(x.judged, 1)],
    ['model.false_alarms', (x) => n(x.false_alarms, 0)],
    ['model.false_per_week', (x) => (x.false_per_week == null ? t('model.rate_unknown', { span: span(weeksMs(x.judged_weeks)) }) : n(x.false_per_week, 2))],
    ['model.found', (x) => `${n(x.found, 0)} / ${n(x.failures, 0)}`],
    ['model.noticed', (x) => percent(x.noticed)],
  ];
  return (
    <Pane title={t('model.compare')} caption={<><When at={found.candidate.from} /> – <When at={found.candidate.to} /></>} flush={false}>
      <div className="stack" data-worse={found.worse.join(' ')}>
        <dl className="kv">
          <dt /><dd><b>{t('model.this')}</b>{found.current && <> · {t('model.current')}</>}</dd>
          {rows.map(([key, of]) => <div key={key} className="contents"><dt>{t(key)}</dt><dd><b><bdi dir="ltr">{of(found.candidate)}</bdi></b>{found.current && <> · <bdi dir="ltr">{of(found.current)}</bdi></>}</dd></div>)}
        </dl>
        {found.current === null && <p className="help">{t('model.compare_first')}</p>}
        {found.current !== null && found.worse.length === 0 && <p className="help">{t('model.compare_good')}</p>}
        {found.worse.length > 0 && <ul className="plan-why">{found.worse.map((w) => <li key={w}>{word('model_worse', w)}</li>)}</ul>}
      </div>
    </Pane>
  );
}

export function Versions({ assetId, page, chosen, choose }: { assetId: string; page: AssetModelPage; chosen: ModelVersion; choose: (version: number) => void }) {
  const { t, n, word } = useText();
  const { may } = useSession();
  const client = useQueryClient();
  const percent = usePercent();
  const [confirm, dialog] = useConfirm();
  const promote = (v: ModelVersion) => confirm({ title: `${t('model.promote')}: ${t('model.version', { n: v.version })}`, body: t('model.promote_body'), action: t('model.promote'), run: async () => { await api.promoteModel(assetId, { version: v.version }); await client.invalidateQueries({ queryKey: ['model'] }); } });
  const columns: Column<ModelVersion>[] = [
    { key: 'version', title: t('model.versions'), sort: (v) => v.version, csv: (v) => v.version, cell: (v) => <button type="button" className="link b" aria-current={v.version === chosen.version ? 'true' : undefined} onClick={() => choose(v.version)}>{t('model.version', { n: v.version })}</button> },
    { key: 'state', title: t('field.status'), sort: (v) => v.state, csv: (v) => v.state, cell: (v) => <span data-state={v.state}>{word('model_state', v.state)}</span> },
    { key: 'trained', title: t('model.trained'), sort: (v) => v.created_at, csv: (v) => new Date(v.created_at).toISOString(), cell: (v) => <span className="two"><When at={v.created_at} /><small><bdi>{v.created_by}</bdi></small></span> },
    { key: 'rows', title: t('model.rows'), end: true, sort: (v) => v.rows, csv: (v) => v.rows, cell: (v) => n(v.rows, 0), wideOnly: true },
    { key: 'noticed', title: t('model.noticed'), end: true, sort: (v) => v.comparison?.candidate.noticed ?? null, csv: (v) => v.comparison?.candidate.noticed ?? null, cell: (v) => (v.comparison ? <bdi dir="ltr">{percent(v.comparison.candidate.noticed)}</bdi> : '—'), wideOnly: true },
    ...(may('models.write') ? [{ key: 'promote', title: '', end: true, cell: (v: ModelVersion) => (v.state === 'promoted' ? null : <button type="button" className="btn sm" data-action="promote" onClick={() => promote(v)}>{t('model.promote')}</button>) }] : []),
  ];
  return (
    <>
      <Pane title={t('model.versions')}><DataTable id="model-versions" label={t('model.versions')} columns={columns} rows={page.versions} rowKey={(v) => String(v.version)} selected={String(chosen.version)} csvName="model-versions" empty={null} /></Pane>
      <Compare version={chosen} />
      {dialog}
    </>
  );
}
