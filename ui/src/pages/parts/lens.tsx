// Twenty seconds around the cursor: which event came first, and how sure that is. Whiskers show the uncertainty of
// the source's clock; where they overlap, the order is not certain.
import { StatusShape } from '@/components/icons';
import { severityShape, shortTag, Tag } from '@/components/marks';
import { useText } from '@/i18n/text';
import { between, type Moment } from '@/lib/moments';
import { type Player, usePosition } from '@/lib/player';

const HALF = 10_000;
const MOST = 6;

export function Lens({ moments, player }: { moments: Moment[]; player: Player }) {
  const { t, n } = useText();
  const at = usePosition(player, 120);
  if (at === null) return <div className="lane lens"><span className="cap empty-lens" dir="auto">{t('lens.no_cursor')}</span></div>;
  const near = between(moments, at - HALF, at + HALF);
  const shown = near.length <= MOST ? near : [...near].sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at)).slice(0, MOST).sort((a, b) => a.at - b.at);
  const x = (time: number) => Math.min(100, Math.max(0, ((time - at + HALF) / (2 * HALF)) * 100));
  return (
    <div className="lane lens">
      {shown.length === 0 && <span className="cap empty-lens" dir="auto">{t('lens.empty')}</span>}
      {shown.map(({ item: { event }, at: time }, i) => {
        const half = event.time_uncertainty_ms;
        const from = x(time - half);
        const width = x(time + half) - from;
        return (
          <div key={event.id} className="lens-row" style={{ insetBlockStart: 6 + i * 18 }}>
            {half > 0 && <i className="whisker" style={{ insetInlineStart: `${from}%`, inlineSize: `${width}%` }} />}
            <span className="mark" style={{ insetInlineStart: `${x(time)}%` }}>{event.severity === 'info' ? <i className="evt" /> : <StatusShape shape={severityShape(event.severity)} />}</span>
            <span className={x(time) > 60 ? 'lens-tag before' : 'lens-tag'} style={{ insetInlineStart: `${x(time)}%` }}>
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
