// Signals with their present value: live while looking at now, as stored when looking at the past.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useLiveValue } from '@/api/live';
import type { AssetStatus, SignalDetail } from '@/api/types';
import { useText } from '@/i18n/text';
import { iso } from '@/lib/format';
import { statusOf } from '@/lib/scale';
import { Icon } from './icons';
import { Sparkline } from './instruments';
import { isState, useSignalName } from './metrics';
import { Quantity, SourceTag, StatusMark } from './marks';

export interface Reading {
  value: number | null;
  text: string | null;
  at: number | null;
  status: AssetStatus;
}

/** The newest of the answer and the live stream; a bad value has no status of its own. */
export function useReading(signal: SignalDetail | null, t: number | null): Reading {
  const live = useLiveValue(t === null ? signal?.id : null);
  if (!signal) return { value: null, text: null, at: null, status: 'unknown' };
  if (live && live.t >= (signal.observed_at ?? 0)) {
    return { value: live.value, text: live.text, at: live.t, status: live.quality === 'good' ? (live.value === null ? signal.status : statusOf(live.value, signal.limits)) : 'unknown' };
  }
  return { value: signal.value, text: signal.text, at: signal.observed_at, status: signal.status };
}

/** When the newest sample of an asset was taken; scores are no samples. */
export function lastSampleAt(signals: SignalDetail[]): number | null {
  const taken = signals.filter((s) => !s.is_derived).flatMap((s) => s.observed_at ?? []);
  return taken.length === 0 ? null : Math.max(...taken);
}

const TONES: Record<AssetStatus, string> = { critical: 'crit-t', warning: 'warn-t', normal: '', unknown: 'dim' };

export function ReadingValue({ reading, unit, metric }: { reading: Reading; unit: string; metric: string }) {
  return <Quantity value={reading.value} text={reading.text} unit={unit} metric={metric} className={`b ${TONES[reading.status]}`} />;
}

export function useSeries(signal: string, from: number, to: number, width: number, refetchInterval: number | false = false) {
  // Whole steps, so that a moving now does not make a new key each second.
  const step = Math.max(1000, Math.round((to - from) / 240));
  const [a, b] = [Math.floor(from / step) * step, Math.ceil(to / step) * step];
  return useQuery({
    queryKey: ['series', signal, a, b, width], refetchInterval, placeholderData: (old) => old, staleTime: step,
    queryFn: () => api.series(signal, { from: a, to: b, width }),
  });
}

/** Says that the value shown had not arrived at the moment shown. */
export function LateMark({ signal }: { signal: SignalDetail }) {
  const { t } = useText();
  const at = signal.arrived_late_at;
  if (at === null) return null;
  const why = t('signal.arrived_late', { at: iso(at) });
  return <span className="chip" title={why}><Icon name="clock" />{t('signal.late')}<span className="sr">{why}</span></span>;
}

/** One signal in a panel: name and tag, sparkline over its band, value. */
export function SignalRow({ signal, t, from, to, refresh }: { signal: SignalDetail; t: number | null; from: number; to: number; refresh: number | false }) {
  const name = useSignalName();
  const reading = useReading(signal, t);
  const { data } = useSeries(signal.id, from, to, 120, refresh);
  return (
    <li className="sig">
      <div className="nm"><span className="ell s">{name(signal)}</span>{signal.tag && <SourceTag className="cap dim" tag={signal.tag} />}<LateMark signal={signal} /></div>
      <div className="sp">{data && <Sparkline t={data.t} v={data.v} status={reading.status} band={signal.baseline} from={from} to={to} stepped={isState(signal.metric)} />}</div>
      <div className="vl"><StatusMarkIfAbnormal status={reading.status} /><ReadingValue reading={reading} unit={signal.unit} metric={signal.metric} /></div>
    </li>
  );
}

function StatusMarkIfAbnormal({ status }: { status: AssetStatus }) {
  return status === 'normal' ? null : <StatusMark status={status} bare />;
}
