// A day with a clock time beside it.
import { DayInput } from '@/components/fields';
import { useText } from '@/i18n/text';
import type { WallMoment } from '@/lib/wall-moment';

export function MomentInput({ id, value, onChange }: { id: string; value: WallMoment; onChange: (value: WallMoment) => void }) {
  const { t } = useText();
  return (
    <span className="row">
      <DayInput id={id} value={value.day} onChange={(day) => onChange({ ...value, day })} />
      <input className="in mono day" dir="ltr" inputMode="numeric" maxLength={5} aria-label={t('schedules.time')} placeholder={t('technicians.time_form')} value={value.time} onChange={(e) => onChange({ ...value, time: e.target.value })} />
    </span>
  );
}
