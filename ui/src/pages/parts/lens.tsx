// Twenty seconds around the cursor: which event came first, and how sure that is. Whiskers show the uncertainty of
// the source's clock; where they overlap, the order is not certain.
import type { TimelineEvent } from '@/api/types';
import { StatusShape } from '@/components/icons';
import { severityShape, shortTag, Tag } from '@/components/marks';
import { useText } from '@/i18n/text';

const HALF = 10_000;
const MOST = 6;

export function Lens({ events, at }: { events: TimelineEvent[]; at: number }) {
  const { t, n } = useText();
  const near = events.filter((e) => Math.abs(e.event.event_time - at) <= HALF + e.event.time_uncertainty_ms);
  const shown = [...near].sort((a, b) => Math.abs(a.event.event_time - at) - Math.abs(b.event.event_time - at)).slice(0, MOST).sort((a, b) => a.event.event_time - b.event.event_time);
  const x = (time: number) => Math.min(100, Math.max(0, ((time - at + HALF) / (2 * HALF)) * 100));
  return (
    <div className="lane lens">
      {shown.length === 0 && <span className="cap empty-lens" dir="auto">{t('lens.empty')}</span>}
      {shown.map(({ event }, i) => {
        const half = event.time_uncertainty_ms;
        const from = x(event.event_time - half);
        const width = x(event.event_time + half) - from;
        return (
          <div key={event.id} className="lens-row" style={{ insetBlockStart: 6 + i * 18 }}>
            {half > 0 && <i className="whisker" style={{ insetInlineStart: `${from}%`, inlineSize: `${width}%` }} />}
            <span className="mark" style={{ insetInlineStart: `${x(event.event_time)}%` }}>{event.severity === 'info' ? <i className="evt" /> : <StatusShape shape={severityShape(event.severity)} />}</span>
            <span className={x(event.event_time) > 60 ? 'lens-tag before' : 'lens-tag'} style={{ insetInlineStart: `${x(event.event_time)}%` }}>
              <Tag>{shortTag(event.tag ?? event.asset_code ?? event.source_system)}</Tag>{half > 0 && <Tag className="dim">{` ±${n(half / 1000, 1)} s`}</Tag>}
            </span>
          </div>
        );
      })}
      {near.length > MOST && <span className="cap more-lens" dir="auto">{t('lens.more', { n: near.length - MOST })}</span>}
      <i className="lens-mid" />
      <Tag className="lens-end from">{'−10 s'}</Tag><Tag className="lens-end to">{'+10 s'}</Tag>
    </div>
  );
}
