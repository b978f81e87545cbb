// What comes in through a connection: rate, backlog, refused tags, how far the past is read.
import type { Integration } from '@/api/types';
import { Connectivity, Tag } from '@/components/marks';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import '@/styles/integrations.css';

export function BackFill({ i }: { i: Integration }) {
  const { t, n, moment } = useText();
  if (!i.back_fill) return null;
  const percent = Math.round(i.back_fill.progress * 100);
  return (
    <div className="fill">
      <div className="row wrap"><span>{t('flow.back_fill', { at: moment(i.back_fill.reached) })}</span><bdi className="end">{`${n(percent, 0)}%`}</bdi></div>
      <div className="bar" role="progressbar" aria-label={t('flow.back_fill_name')} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ inlineSize: `${percent}%` }} /></div>
    </div>
  );
}

/** Small, on a card. */
export function Flow({ i }: { i: Integration }) {
  const { t, n } = useText();
  if (!i.is_enabled) return null;
  return (
    <>
      <dl className="facts">
        {i.mapped_tags > 0 && <div><dt>{t('flow.rate')}</dt><dd><bdi dir="ltr">{n(i.samples_per_min, 0)}</bdi></dd></div>}
        {i.events_read > 0 && <div><dt>{t('flow.events')}</dt><dd>{n(i.events_read, 0)}</dd></div>}
        {i.backlog > 0 && <div><dt>{t('flow.backlog')}</dt><dd>{n(i.backlog, 0)}</dd></div>}
        {i.failed_items > 0 && <div><dt>{t('flow.refused')}</dt><dd>{n(i.failed_items, 0)}</dd></div>}
      </dl>
      <BackFill i={i} />
    </>
  );
}

/** The whole of it, on the connection's own page. */
export function FlowRail({ i }: { i: Integration }) {
  const { t, n, span, word } = useText();
  if (!i.is_enabled) return null;
  const now = Date.now();
  const age = i.last_value_at === null ? null : Math.max(0, now - i.last_value_at);
  return (
    <div className="stack">
      <div className="rail summary" data-flow={i.status}>
        <div><div className="k">{t('field.state')}</div><Connectivity link={i.connectivity} ageMs={i.connectivity === 'live' ? null : age} /><div className="d">{word('integration_status', i.status)}</div></div>
        <div><div className="k">{t('flow.last')}</div><b>{age === null ? t('common.never') : t('common.ago', { span: span(Math.max(1000, age)) })}</b></div>
        <div><div className="k">{t('flow.rate')}</div><b><bdi dir="ltr">{n(i.samples_per_min, 0)}</bdi></b><div className="d">{t('flow.tags', { n: i.mapped_tags })}</div></div>
        <div><div className="k">{t('flow.backlog')}</div><b>{n(i.backlog, 0)}</b><div className="d">{t('flow.backlog_what')}</div></div>
        {i.events_read > 0 && <div><div className="k">{t('flow.events')}</div><b>{n(i.events_read, 0)}</b><div className="d">{i.last_event_at !== null && t('common.ago', { span: span(Math.max(1000, now - i.last_event_at)) })}</div></div>}
        {i.back_fill && <div><div className="k">{t('flow.back_fill_name')}</div><BackFill i={i} /></div>}
      </div>
      {i.failed_items > 0 && (
        <Notice tone="warning">
          <details><summary>{t('flow.refused_all', { n: i.failed_items })}</summary><ul>{i.problems.map((p) => <li key={p.tag}><Tag wrap>{p.tag}</Tag> — {p.problem.message}</li>)}</ul></details>
        </Notice>
      )}
      <div />
    </div>
  );
}
