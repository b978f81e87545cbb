// What leaves the plant: the tenant's choice, on one page.
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SyncRaw, SyncSettings } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field, problemOf, Segment } from '@/components/fields';
import { When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';
import { fileSize } from '../imports';

const LEVELS = [1, 2, 3, 4] as const;
/** Days of before that may be filled in. */
const BACK_FILL = [0, 1, 7, 30, 365];
const WAYS = ['line', 'courier', 'one_way'] as const;

const time = (minute: number) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
const minuteOf = (text: string) => {
  const [hours, minutes] = text.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
};

/** What the fourth level brings, chosen or not, and how it stands. */
function Series({ raw, chosen }: { raw: SyncRaw; chosen: boolean }) {
  const { t, n, span } = useText();
  if (raw.signals === 0 && raw.pieces === 0) return <p className="help">{t('sync.series_none')}</p>;
  const size = (bytes: number) => <bdi dir="ltr">{fileSize(n, bytes)}</bdi>;
  const kbit = Math.max(1, Math.ceil((raw.bytes_per_day * 8) / 86_400_000));
  return (
    <div className="stack" data-series>
      <dl className="kv">
        <dt>{t('sync.series_signals')}</dt><dd>{n(raw.signals, 0)}</dd>
        <dt>{t('sync.series_per_day')}</dt><dd><span className="two">{size(raw.bytes_per_day)}<small>{t('sync.series_line', { kbit: n(kbit, 0) })}</small></span></dd>
        <dt>{t('sync.series_stored')}</dt><dd>{size(raw.bytes_stored)}</dd>
        {chosen && raw.begins_at !== null && <><dt>{t('sync.series_begins')}</dt><dd><When at={raw.begins_at} full /></dd></>}
        {chosen && <><dt>{t('sync.series_waiting')}</dt><dd>{size(raw.bytes_waiting)}</dd></>}
        {chosen && raw.drain_ms !== null && <><dt>{t('sync.drain')}</dt><dd>{span(raw.drain_ms)}</dd></>}
        {raw.pieces > 0 && <><dt>{t('sync.series_pieces')}</dt><dd>{t('sync.series_of', { done: n(raw.confirmed, 0), all: n(raw.pieces, 0) })}</dd></>}
      </dl>
      {raw.is_falling_behind && <Notice tone="warning">{t('sync.series_behind')}</Notice>}
      {raw.held && <Notice tone="warning">{raw.held.message}</Notice>}
    </div>
  );
}

export function Leaves({ settings, raw, onChanged }: { settings: SyncSettings; raw: SyncRaw | null; onChanged: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const [backFill, setBackFill] = useState('0');
  const { may } = useSession();
  const [draft, setDraft] = useState(settings);
  const [cap, setCap] = useState(settings.cap_kbit ? String(settings.cap_kbit) : '');
  const [error, setError] = useState<unknown>(null);
  const change = (part: Partial<SyncSettings>) => setDraft({ ...draft, ...part });
  const save = async () => {
    setError(null);
    const typed = Number(normaliseDigits(cap.trim()));
    try {
      await api.syncSettings({ ...draft, back_fill_hours: draft.level === 4 && settings.level < 4 ? Number(backFill) * 24 : 0, cap_kbit: cap.trim() ? Math.round(Number.isFinite(typed) ? typed : 0) : null });
      toasts.done(t('sync.saved'));
      onChanged();
    } catch (e) {
      setError(e);
    }
  };
  const locked = !may('sync.write');
  return (
    <Pane title={t('sync.leaves')} flush={false}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <fieldset className="stack" disabled={locked}>
          <legend className="b">{t('sync.level')}</legend>
          {LEVELS.map((level) => (
            <label key={level} className="row">
              <input type="radio" name="level" checked={draft.level === level} onChange={() => change({ level })} />
              <span className="col"><span>{t(`sync.level_${level}`)}</span><small className="mid">{t(`sync.level_${level}_help`)}</small></span>
            </label>
          ))}
          {draft.level >= 2 && <label className="row"><input type="checkbox" checked={draft.includes_audit} onChange={(event) => change({ includes_audit: event.target.checked })} />{t('sync.includes_audit')}</label>}
        </fieldset>
        {draft.level === 4 && settings.level < 4 && (
          <Field label={t('sync.back_fill')} help={t('sync.back_fill_help')} error={problemOf(error, 'back_fill_hours')}>{(x) => <select {...x} className="in auto" name="back_fill" disabled={locked} value={backFill} onChange={(event) => setBackFill(event.target.value)}>{BACK_FILL.map((days) => <option key={days} value={days}>{days === 0 ? t('sync.back_fill_none') : t('sync.back_fill_days', { n: days })}</option>)}</select>}</Field>
        )}
        {draft.level === 4 && raw && <section aria-label={t('sync.series')}><h3>{t('sync.series')}</h3><Series raw={raw} chosen={settings.level === 4} /></section>}
        <div className="row wrap"><span className="b">{t('sync.way')}</span><Segment label={t('sync.way')} value={draft.way} disabled={locked} onChange={(way) => change({ way })} options={WAYS.map((way) => ({ value: way as string, label: t(`sync.way.${way}`) }))} /></div>
        {draft.way === 'line' && (
          <div className="row wrap">
            <Field label={t('sync.cap')} help={t('sync.cap_help')} error={problemOf(error, 'cap_kbit')}>{(x) => <input {...x} className="in" dir="ltr" inputMode="numeric" disabled={locked} value={cap} onChange={(event) => setCap(event.target.value)} />}</Field>
            <Field label={t('sync.from')} help={t('sync.hours_help')} error={problemOf(error, 'hours_from')}>{(x) => <input {...x} className="in" type="time" disabled={locked} value={time(draft.hours_from)} onChange={(event) => change({ hours_from: minuteOf(event.target.value) })} />}</Field>
            <Field label={t('sync.to')} help={draft.time_zone}>{(x) => <input {...x} className="in" type="time" disabled={locked} value={time(draft.hours_to)} onChange={(event) => change({ hours_to: minuteOf(event.target.value) })} />}</Field>
          </div>
        )}
        <InlineError error={error} />
        {!locked && <div className="actions"><button type="submit" className="btn pri">{t('sync.save')}</button></div>}
      </form>
    </Pane>
  );
}
