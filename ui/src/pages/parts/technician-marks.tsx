// What a technician can do and when, in small words: skills, certificates with their end, shifts.
import type { CertificateState, HeldCertificate, WeeklyShift } from '@/api/types';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import { iso } from '@/lib/format';
import { clockOf, groupsOf } from '@/lib/shifts';

export const SKILLS = ['mechanical', 'rotating', 'seals', 'alignment', 'vibration', 'electrical_lv', 'electrical_hv', 'instrumentation', 'dcs', 'sif', 'welding', 'crane', 'rigging', 'scaffolding', 'ndt'];
export const CERTIFICATES = ['hot_work', 'confined_space', 'working_at_height', 'h2s_ba', 'first_aid', 'lifting', 'hv_switching', 'vibration_cat_ii', 'asme_ix'];

/** A word of the plant's own stays as it was written. */
export function useVocabulary(): { skill: (key: string) => string; certificate: (key: string) => string } {
  const { word } = useText();
  return {
    skill: (key) => (SKILLS.includes(key) ? word('skill', key) : key.replaceAll('_', ' ')),
    certificate: (key) => (CERTIFICATES.includes(key) ? word('certificate_name', key) : key.replaceAll('_', ' ')),
  };
}

const TONE: Record<CertificateState, string> = { valid: '', ends_soon: 'warning', expired: 'critical' };

export function Certificate({ held }: { held: HeldCertificate }) {
  const { word } = useText();
  const { certificate } = useVocabulary();
  return (
    <span className={`chip ${TONE[held.state]}`} title={held.valid_until === null ? undefined : iso(held.valid_until).slice(0, 10)}>
      {held.state !== 'valid' && <Icon name={held.state === 'expired' ? 'broken' : 'clock'} />}
      <bdi>{certificate(held.name)}</bdi>
      {held.state !== 'valid' && <> · {word('certificate_state', held.state)}{held.valid_until !== null && <> <bdi dir="ltr">{iso(held.valid_until).slice(0, 10)}</bdi></>}</>}
    </span>
  );
}

export function Shifts({ shifts }: { shifts: WeeklyShift[] }) {
  const { word, comma } = useText();
  if (shifts.length === 0) return <span className="dim">{'—'}</span>;
  return (
    <span className="two">
      {groupsOf(shifts).map(({ days, from, to }) => (
        <span key={`${from}-${to}`} className="nw">{days.map(([a, b]) => (a === b ? word('weekday', String(a)) : `${word('weekday', String(a))} – ${word('weekday', String(b))}`)).join(comma)} <bdi className="cap dim" dir="ltr">{`${clockOf(from)}–${clockOf(to)}`}</bdi></span>
      ))}
    </span>
  );
}
