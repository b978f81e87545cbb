// Trends of one asset on one time axis, each with limits, normal band and where its numbers come from.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { SignalDetail } from '@/api/types';
import { AppLink } from '@/components/link';
import { useSignedIn } from '@/api/session';
import { Icon } from '@/components/icons';
import { AnalogIndicator } from '@/components/instruments';
import { shortTag, StatusMark, Tag, When } from '@/components/marks';
import { useSignalName } from '@/components/metrics';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { LateMark, ReadingValue, useReading, useSeries } from '@/components/signals';
import { ProvenanceNote, Trend } from '@/components/trend';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { limitValues } from '@/lib/scale';
import { useParameter } from '@/lib/url';

/** Trends far below the fold are not read until they come near. */
function useSeen<E extends Element>(): [React.RefObject<E | null>, boolean] {
  const ref = useRef<E>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!ref.current || seen) return;
    const observer = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && setSeen(true), { rootMargin: '400px' });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [seen]);
  return [ref, seen];
}

function SignalTrend({ signal, pen }: { signal: SignalDetail; pen: number }) {
  const cursor = useCursor();
  const refresh = useRefresh(cursor.t);
  const { data } = useSeries(signal.id, cursor.from, cursor.to, 900, refresh);
  const name = useSignalName();
  const { t } = useText();
  if (!data) return <div className="trend-wait" aria-hidden="true" />;
  return (
    <>
      <Trend series={data} metric={signal.metric} label={t('trend.label', { name: name(signal) })} height={150} axes readout pen={pen} limits={signal.limits} band={signal.baseline} cursorAt={cursor.t} past={cursor.t !== null} onPick={(at) => cursor.setT(at)} />
      <div className="row wrap g4 cap dim trend-foot">
        <ProvenanceNote series={data} />
        {signal.baseline && <span><i className="key band" aria-hidden="true" />{t('trend.band')} <When at={signal.baseline.trained_from} /> {'–'} <When at={signal.baseline.trained_to} /></span>}
        {limitValues(signal.limits).length > 0 && <span><i className="key lim" aria-hidden="true" />{t(signal.limits_confirmed ? 'trend.limits_confirmed' : 'trend.limits_template', { source: signal.limits_source })}</span>}
        <a className="end" href={`/api/signals/${signal.id}/series.csv?from=${Math.round(cursor.from)}&to=${Math.round(cursor.to)}`} download>{t('action.export_csv')}</a>
      </div>
    </>
  );
}

function SignalPane({ signal, pen }: { signal: SignalDetail; pen: number }) {
  const { t } = useText();
  const name = useSignalName();
  const cursor = useCursor();
  const [ref, seen] = useSeen<HTMLDivElement>();
  const [asked] = useParameter('signal');
  const isAsked = asked === signal.id;
  // A link to one signal leads to it.
  useEffect(() => { if (isAsked) ref.current?.scrollIntoView({ block: 'start' }); }, [isAsked, ref]);
  const reading = useReading(signal, cursor.t);
  return (
    <div ref={ref} className={isAsked ? 'asked' : undefined}>
      <Pane level={3} title={name(signal)} caption={signal.tag ? <><Tag><span title={signal.tag}>{shortTag(signal.tag)}</span></Tag>{signal.integration_name && <> · <bdi>{signal.integration_name}</bdi></>}</> : t(signal.is_derived ? 'trend.derived' : 'trend.not_mapped')} end={<>
        <span className="mini-mai"><AnalogIndicator value={reading.value} status={reading.status} limits={signal.limits} band={signal.baseline} scaleLow={signal.scale_low} scaleHigh={signal.scale_high} /></span>
        <StatusMark status={reading.status} bare />
        <ReadingValue reading={reading} unit={signal.unit} metric={signal.metric} />
        <span className="cap dim"><When at={reading.at} /></span>
        <LateMark signal={signal} />
      </>}>
        {seen ? <SignalTrend signal={signal} pen={pen} /> : <div className="trend-wait" />}
      </Pane>
    </div>
  );
}

export function AssetTrends({ id }: { id: string }) {
  const { t } = useText();
  const session = useSignedIn();
  const cursor = useCursor();
  const refetchInterval = useRefresh(cursor.t);
  const query = useQuery({ queryKey: ['signals', id, cursor.asOf], queryFn: () => api.signals(id, cursor.asOf), refetchInterval, placeholderData: (old) => old });
  return (
    <Loaded query={query} what={t('trend.loading')} rows={8}>
      {(signals) => signals.length === 0 ? (
        <section className="pane"><EmptyState icon="map" title={t('empty.mappings')} action={<AppLink className="btn pri" to={`/tenant/${session.tenant_id}/data-mapping?asset=${id}`}><Icon name="map" />{t('page.mapping')}</AppLink>} /></section>
      ) : (
        <div className="stack">
          {signals.map((signal, i) => <SignalPane key={signal.id} signal={signal} pen={(i % 6) + 1} />)}
        </div>
      )}
    </Loaded>
  );
}

