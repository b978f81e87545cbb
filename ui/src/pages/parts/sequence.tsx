// The same events as a table of any length: for the keyboard, the screen reader, and the exact times.
import { useInViewport } from '@mantine/hooks';
import { memo, useEffect, useMemo, useRef } from 'react';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark, SourceTag, Tag } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Pane } from '@/components/page';
import { type VirtualColumn, type VirtualHandle, VirtualTable } from '@/components/virtual';
import { withoutIsolates } from '@/i18n/icu';
import { useText } from '@/i18n/text';
import { downloadText, toCsv } from '@/lib/csv';
import { clock, iso, utc } from '@/lib/format';
import { isTie, loopIn, type Moment, passedIndex } from '@/lib/moments';
import { type Player, usePosition } from '@/lib/player';

export function OrderMark({ moment }: { moment: Moment }) {
  const { word, n } = useText();
  const confidence = isTie(moment) ? 'ambiguous' : moment.item.order_confidence;
  return (
    <span className={`order ${confidence}`} title={word('order', confidence)}>
      {isTie(moment) ? `${n(moment.first, 0)}≈${n(moment.last, 0)}` : n(moment.first, 0)}
      <span className="sr">{word('order', confidence)}</span>
    </span>
  );
}

/** The samples behind an event: the trend of its signal around that moment. */
export function samplesLink(event: { asset_id: string | null; signal_id: string | null }, at: number): string | null {
  return event.asset_id && event.signal_id ? `/assets/${event.asset_id}?signal=${event.signal_id}&t=${Math.round(at)}&range=1h` : null;
}

function exportCsv(moments: Moment[]): void {
  const columns = ['order_first', 'order_last', 'order', 'event_time', 'corrected_time', 'uncertainty_ms', 'category', 'severity', 'asset', 'tag', 'relation', 'source_system', 'source_id', 'message'];
  const rows = moments.map(({ item: { event, ...item }, ...m }) => [m.first, m.last, item.order_confidence, utc(event.event_time), utc(m.at), event.time_uncertainty_ms, event.category, event.severity, event.asset_code, event.tag, item.relation, event.source_system, event.source_id, withoutIsolates(event.message)]);
  downloadText('sequence.csv', toCsv(columns, rows));
}

interface Props {
  /** What the filter leaves. */
  moments: Moment[];
  total: number;
  sources: number;
  player: Player;
  follow: boolean;
  onPick: (at: number) => void;
}

export const Sequence = memo(function Sequence({ moments, total, sources, player, follow, onPick }: Props) {
  const { t, n, word, p } = useText();
  const table = useRef<VirtualHandle>(null);
  // A table out of sight need not follow each step of playback; it catches up when it is seen, or when playback rests.
  const { ref, inViewport } = useInViewport<HTMLDivElement>();
  const selected = passedIndex(moments, usePosition(player, inViewport ? 400 : Infinity));
  useEffect(() => { if (follow) table.current?.show(selected); }, [selected, follow]);
  const columns = useMemo<VirtualColumn<Moment>[]>(() => [
    { key: 'order', title: t('event.order'), width: '84px', narrow: '58px', cell: (m) => <OrderMark moment={m} /> },
    { key: 'time', title: t('event.source_time'), width: '118px', narrow: '108px', cell: (m) => <button type="button" className="btn quiet sm time-link" title={iso(m.item.event.event_time, true)} onClick={() => onPick(m.at)}><time className="t" dir="ltr" dateTime={utc(m.item.event.event_time)}>{clock(p, m.item.event.event_time, true)}</time></button> },
    { key: 'severity', title: '', width: '30px', narrow: '24px', cell: (m) => <SeverityMark severity={m.item.event.severity} bare /> },
    { key: 'category', title: t('event.category'), width: '108px', wideOnly: true, cell: (m) => word('category', m.item.event.category) },
    { key: 'message', title: t('event.what'), cell: (m) => <span className={m.item.relation === 'trigger' ? 'two-lines b' : 'two-lines'} title={m.item.event.message}>{m.item.event.message}{m.item.is_correction && <> <span className="chip" title={t('event.correction_help')}>{t('event.correction')}</span></>}</span> },
    { key: 'asset', title: t('field.asset'), width: '96px', wideOnly: true, cell: ({ item: { event } }) => (event.asset_id && event.asset_code ? <AppLink to={`/assets/${event.asset_id}`}><Tag>{event.asset_code}</Tag></AppLink> : null) },
    {
      key: 'tag', title: t('event.tag'), width: '150px', wideOnly: true, cell: ({ item: { event }, at }) => {
        const link = samplesLink(event, at);
        const named = event.tag ? null : loopIn(event.message);
        return named ? <SourceTag tag={named} /> : event.tag && (link ? <AppLink className="ell" to={link} title={t('event.samples')}><SourceTag tag={event.tag} /></AppLink> : <SourceTag tag={event.tag} />);
      },
    },
  ], [t, word, p, onPick]);
  return (
    <div ref={ref}>
      <Pane title={t('incident.sequence')} caption={t('incident.sequence_of', { n: total, sources: n(sources, 0) })} className="seq" end={<button type="button" className="btn quiet sm" onClick={() => exportCsv(moments)}><Icon name="download" />{t('action.export_csv')}</button>}>
        {moments.length === 0
          ? <EmptyState icon="search" title={t(total === 0 ? 'event.empty' : 'event.none_match')} />
          : <VirtualTable handle={table} label={t('incident.sequence')} columns={columns} rows={moments} rowKey={(m) => m.item.event.id} rowClass={(m) => (isTie(m) ? 'ambiguous' : '')} selected={selected} height={520} />}
        <div className="pf"><span>{t('table.count', { shown: n(moments.length, 0), total: n(total, 0) })}</span><span className="row g1"><span className="order ambiguous">{'8≈9'}</span>{t('incident.ambiguous_key')}</span></div>
      </Pane>
    </div>
  );
});
