// Filters that the lists of headquarters share; each stands in the address.
import { useQuery } from '@tanstack/react-query';
import { Select } from '@/components/fields';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { hub } from './api';

export function PlantSelect({ id }: { id: string }) {
  const { t } = useText();
  const [parameters, change] = useParameters();
  const plants = useQuery({ queryKey: ['plants'], queryFn: hub.plants });
  const options = [{ value: '', label: t('hub.plant_all') }, ...(plants.data ?? []).map((a) => ({ value: a.id, label: a.name }))];
  return <Select label={t('hub.plant')} value={parameters.get('appliance') ?? ''} onChange={(v) => change({ appliance: v, [`${id}.page`]: null })} options={options} />;
}

export function SeveritySelect({ id }: { id: string }) {
  const { t, word } = useText();
  const [parameters, change] = useParameters();
  const options = [{ value: '', label: t('event.all_severities') }, ...['critical', 'warning', 'info'].map((s) => ({ value: s, label: word('severity', s) }))];
  return <Select label={t('field.severity')} value={parameters.get('severity') ?? ''} onChange={(v) => change({ severity: v, [`${id}.page`]: null })} options={options} />;
}
