// The same events as a table: for the keyboard, the screen reader, and the exact times.
import type { OrderConfidence, TimelineEvent } from '@/api/types';
import { AppLink } from '@/components/link';
import { SeverityMark, SourceTag, Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Pane } from '@/components/page';
import { type Column, DataTable } from '@/components/table';
import { useText } from '@/i18n/text';

export function OrderMark({ order, confidence }: { order: number; confidence: OrderConfidence }) {
  const { word, n } = useText();
  const text = n(order, 0);
  return (
    <span className={`order ${confidence}`} title={word('order', confidence)}>
      {confidence === 'ambiguous' ? `≈${text}` : text}
      <span className="sr">{word('order', confidence)}</span>
    </span>
  );
}

export function Sequence({ events, selected, onPick }: { events: TimelineEvent[]; selected: string | null; onPick: (t: number) => void }) {
  const { t, n, word } = useText();
  const sources = new Set(events.map((e) => e.event.source_system)).size;
  const columns: Column<TimelineEvent>[] = [
    { key: 'order', title: t('event.order'), cell: (e) => <OrderMark order={e.order} confidence={e.order_confidence} />, csv: (e) => (e.order_confidence === 'ambiguous' ? `~${e.order}` : e.order) },
    { key: 'event_time', title: t('event.source_time'), cell: (e) => <button type="button" className="btn quiet sm time-link" onClick={() => onPick(e.event.event_time)}><When at={e.event.event_time} ms /></button>, csv: (e) => new Date(e.event.event_time).toISOString() },
    { key: 'category', title: t('event.category'), cell: (e) => word('category', e.event.category), csv: (e) => e.event.category },
    { key: 'severity', title: t('field.severity'), cell: (e) => <SeverityMark severity={e.event.severity} />, csv: (e) => e.event.severity },
    { key: 'message', title: t('event.what'), cell: (e) => <span className={e.relation === 'trigger' ? 'b' : undefined}>{e.event.message}</span>, csv: (e) => e.event.message },
    { key: 'asset', title: t('field.asset'), cell: (e) => (e.event.asset_id && e.event.asset_code ? <AppLink to={`/assets/${e.event.asset_id}`}><Tag>{e.event.asset_code}</Tag></AppLink> : null), csv: (e) => e.event.asset_code, wideOnly: true },
    { key: 'tag', title: t('event.tag'), cell: (e) => e.event.tag && <SourceTag tag={e.event.tag} />, csv: (e) => e.event.tag, wideOnly: true },
    { key: 'relation', title: t('event.relation'), cell: (e) => word('relation', e.relation), csv: (e) => e.relation, wideOnly: true },
    { key: 'uncertainty', title: t('event.uncertainty'), end: true, cell: (e) => <Tag>{`±${n(e.event.time_uncertainty_ms / 1000, 1)} s`}</Tag>, csv: (e) => e.event.time_uncertainty_ms, wideOnly: true },
  ];
  return (
    <Pane title={t('incident.sequence')} caption={t('incident.sequence_of', { n: events.length, sources: n(sources, 0) })} className="seq">
      <DataTable id="seq" label={t('incident.sequence')} columns={columns} rows={events} rowKey={(e) => e.event.id} pageSize={25} csvName="sequence" selected={selected} rowClass={(e) => `${e.order_confidence === 'ambiguous' ? 'ambiguous' : ''} ${selected === e.event.id ? 'sel' : ''}`} empty={<EmptyState icon="clock" title={t('event.empty')} />} />
    </Pane>
  );
}
