// The event the cursor has just passed: all that is known about it, and what it came with.
import { useState } from 'react';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { SeverityMark } from '@/components/marks';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { isTie, type Moment, passedIndex } from '@/lib/moments';
import { type Player, usePosition } from '@/lib/player';
import { EventFacts, Payload } from './event-facts';
import { OrderMark, samplesLink } from './sequence';

export function EventDetail({ moments, player }: { moments: Moment[]; player: Player }) {
  const { t, n } = useText();
  const [open, setOpen] = useState(false);
  const moment = moments[passedIndex(moments, usePosition(player, 400))];
  if (!moment) return null;
  const { event, relation } = moment.item;
  const samples = samplesLink(event, moment.at);
  return (
    <Pane title={t('event.at_cursor')} end={<OrderMark moment={moment} />} flush={false} className="event-detail">
      <div className="stack">
        <p className="s"><SeverityMark severity={event.severity} bare /> {event.message}</p>
        <EventFacts event={event} relation={relation} />
        {isTie(moment) && <p className="help">{t('event.tie', { first: n(moment.first, 0), last: n(moment.last, 0) })}</p>}
        <div className="actions">
          {samples && <AppLink className="btn sm" to={samples}><Icon name="pulse" />{t('event.samples')}</AppLink>}
          {event.asset_id && <AppLink className="btn sm" to={`/digital-twin?asset=${event.asset_id}&t=${event.event_time}`}><Icon name="twin" />{t('incident.twin_then')}</AppLink>}
          <button type="button" className="btn sm quiet" aria-expanded={open} onClick={() => setOpen(!open)}>{t('event.payload')}</button>
        </div>
        {open && <Payload id={event.id} />}
      </div>
    </Pane>
  );
}
