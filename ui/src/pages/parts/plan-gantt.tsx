// The schedule as bars by technician or by asset, and the same as a table. Time runs left to right in both languages.
import { useState } from 'react';
import type { PlanBar, ScenarioDetail } from '@/api/types';
import { Segment } from '@/components/fields';
import { AppLink } from '@/components/link';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';
import { dayMonth, iso, utc } from '@/lib/format';

const DAY = 86_400_000;

interface Row { key: string; label: string; bars: PlanBar[] }

export function Gantt({ detail }: { detail: ScenarioDetail }) {
  const { t, name, p, comma } = useText();
  const [by, setBy] = useState<'technician' | 'asset'>('technician');
  const [as, setAs] = useState<'chart' | 'table'>('chart');
  const [chosen, setChosen] = useState<PlanBar | null>(null);
  if (detail.bars.length === 0) return <section className="pane"><EmptyState title={t('optimization.no_schedule')} /></section>;
  const people = new Map(detail.technicians.map((x) => [x.id, name(x.names)]));
  const who = (bar: PlanBar) => (bar.technicians.length === 0 ? t('optimization.nobody') : bar.technicians.map((id) => people.get(id) ?? id).join(comma));
  const groups = new Map<string, Row>();
  for (const bar of detail.bars) {
    const keys = by === 'asset' ? [[bar.asset_id, bar.asset_code]] : bar.technicians.length === 0 ? [['', t('optimization.nobody')]] : bar.technicians.map((id) => [id, people.get(id) ?? id]);
    for (const [key = '', label = ''] of keys) {
      const row = groups.get(key) ?? { key, label, bars: [] };
      row.bars.push(bar);
      groups.set(key, row);
    }
  }
  const rows = [...groups.values()].sort((a, b) => a.label.localeCompare(b.label, p.language, { numeric: true }));
  const days = detail.scenario.request.horizon_days;
  const from = detail.start_at;
  const at = (time: number) => `${Math.max(0, Math.min(100, ((time - from) / (days * DAY)) * 100))}%`;
  const step = Math.max(1, Math.ceil(days / 10));
  const columns: Column<PlanBar>[] = [
    { key: 'job', title: t('optimization.job'), sort: (b) => b.key, csv: (b) => b.key, cell: (b) => <AppLink to={`/assets/${b.asset_id}`}><Tag>{b.key}</Tag></AppLink> },
    { key: 'start', title: t('optimization.start'), sort: (b) => b.start_at, csv: (b) => utc(b.start_at), cell: (b) => <When at={b.start_at} /> },
    { key: 'end', title: t('optimization.end'), sort: (b) => b.end_at, csv: (b) => utc(b.end_at), cell: (b) => <When at={b.end_at} /> },
    { key: 'who', title: t('optimization.who'), sort: who, csv: who, cell: (b) => <bdi>{who(b)}</bdi> },
  ];
  const end = (
    <>
      <Segment small label={t('optimization.view')} value={by} onChange={setBy} options={[{ value: 'technician', label: t('optimization.by_technician') }, { value: 'asset', label: t('optimization.by_asset') }]} />
      <Segment small label={t('optimization.as_table')} value={as} onChange={setAs} options={[{ value: 'chart', label: t('optimization.as_chart') }, { value: 'table', label: t('optimization.as_table') }]} />
    </>
  );
  return (
    <Pane title={t('optimization.tab.schedule')} end={end} foot={chosen ? <span><Tag>{chosen.key}</Tag> · <bdi dir="ltr">{`${iso(chosen.start_at)} – ${iso(chosen.end_at)}`}</bdi> · <bdi>{who(chosen)}</bdi></span> : undefined}>
      {as === 'table'
        ? <DataTable id="bars" label={t('optimization.tab.schedule')} columns={columns} rows={detail.bars} rowKey={(b) => b.key} csvName="schedule" empty={null} />
        : (
          <div className="scroll" role="region" tabIndex={0} aria-label={t('optimization.tab.schedule')}>
            <div className="gantt" data-gantt={by}>
              <div className="head">{t(by === 'asset' ? 'optimization.asset' : 'optimization.who')}</div>
              <div className="days">{Array.from({ length: Math.ceil(days / step) }, (_, i) => <span key={i} style={{ insetInlineStart: at(from + i * step * DAY) }}><bdi dir="auto">{dayMonth(p, from + i * step * DAY)}</bdi></span>)}</div>
              {rows.map((row) => [
                <div className="name" key={`${row.key}-n`}><bdi>{row.label}</bdi></div>,
                <div className="line" key={`${row.key}-l`}>
                  {row.bars.map((bar) => (
                    <button key={bar.key} type="button" className="bar-job" aria-pressed={chosen?.key === bar.key} title={bar.key} aria-label={`${bar.key}, ${iso(bar.start_at)} – ${iso(bar.end_at)}, ${who(bar)}`} style={{ insetInlineStart: at(bar.start_at), inlineSize: `${Math.max(0.4, ((bar.end_at - bar.start_at) / (days * DAY)) * 100)}%` }} onClick={() => setChosen(bar)} />
                  ))}
                </div>,
              ])}
            </div>
          </div>
        )}
    </Pane>
  );
}
