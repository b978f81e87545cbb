// What leaves the plant: the tenant's choice, on one page.
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SyncSettings } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Field, Segment } from '@/components/fields';
import { InlineError } from '@/components/notices';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';

const LEVELS = [1, 2, 3] as const;
const WAYS = ['line', 'courier', 'one_way'] as const;

const time = (minute: number) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
const minuteOf = (text: string) => {
  const [hours, minutes] = text.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
};

export function Leaves({ settings, onChanged }: { settings: SyncSettings; onChanged: () => void }) {
  const { t } = useText();
  const toasts = useToasts();
  const { may } = useSession();
  const [draft, setDraft] = useState(settings);
  const [cap, setCap] = useState(settings.cap_kbit ? String(settings.cap_kbit) : '');
  const [error, setError] = useState<unknown>(null);
  const change = (part: Partial<SyncSettings>) => setDraft({ ...draft, ...part });
  const save = async () => {
    setError(null);
    const typed = Number(normaliseDigits(cap.trim()));
    try {
      await api.syncSettings({ ...draft, cap_kbit: cap.trim() ? Math.round(Number.isFinite(typed) ? typed : 0) : null });
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
        <div className="row wrap"><span className="b">{t('sync.way')}</span><Segment label={t('sync.way')} value={draft.way} disabled={locked} onChange={(way) => change({ way })} options={WAYS.map((way) => ({ value: way as string, label: t(`sync.way.${way}`) }))} /></div>
        {draft.way === 'line' && (
          <div className="row wrap">
            <Field label={t('sync.cap')} help={t('sync.cap_help')}>{(x) => <input {...x} className="in" dir="ltr" inputMode="numeric" disabled={locked} value={cap} onChange={(event) => setCap(event.target.value)} />}</Field>
            <Field label={t('sync.from')} help={t('sync.hours_help')}>{(x) => <input {...x} className="in" type="time" disabled={locked} value={time(draft.hours_from)} onChange={(event) => change({ hours_from: minuteOf(event.target.value) })} />}</Field>
            <Field label={t('sync.to')} help={draft.time_zone}>{(x) => <input {...x} className="in" type="time" disabled={locked} value={time(draft.hours_to)} onChange={(event) => change({ hours_to: minuteOf(event.target.value) })} />}</Field>
          </div>
        )}
        <InlineError error={error} />
        {!locked && <div className="actions"><button type="submit" className="btn pri">{t('sync.save')}</button></div>}
      </form>
    </Pane>
  );
}
