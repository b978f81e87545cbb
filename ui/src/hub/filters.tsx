// Filters that the lists of the console share; each stands in the address.
import { useQuery } from '@tanstack/react-query';
import { Select } from '@/components/fields';
import { EmptyState } from '@/components/notices';
import { useText } from '@/i18n/text';
import { folded } from '@/lib/fold';
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

/** Of one organisation, for the lists of the platform owner. */
export function TenantSelect({ id }: { id: string }) {
  const { t, name } = useText();
  const [parameters, change] = useParameters();
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: hub.tenants });
  const options = [{ value: '', label: t('hub.tenant_all') }, ...(tenants.data ?? []).map((tenant) => ({ value: tenant.id, label: name(tenant.names) }))];
  return <Select label={t('hub.tenant')} value={parameters.get('org') ?? ''} onChange={(v) => change({ org: v, [`${id}.page`]: null })} options={options} />;
}

/** In one of some states. */
export function StateSelect({ id, states }: { id: string; states: { value: string; label: string }[] }) {
  const { t } = useText();
  const [parameters, change] = useParameters();
  return <Select label={t('field.state')} value={parameters.get('state') ?? ''} onChange={(v) => change({ state: v, [`${id}.page`]: null })} options={[{ value: '', label: t('hub.state_all') }, ...states]} />;
}

/** What was chosen and typed above a list, and how a row is held against it. */
export function useListFilters(id: string) {
  const [parameters, change] = useParameters();
  const [q, org, state, role] = ['q', 'org', 'state', 'role'].map((key) => parameters.get(key) ?? '') as [string, string, string, string];
  const wanted = folded(q);
  return {
    q, org, state, role,
    filtered: Boolean(q || org || state || role),
    set: (changes: Record<string, string | null>) => change({ ...changes, [`${id}.page`]: null }),
    clear: () => change({ q: null, org: null, state: null, role: null, [`${id}.page`]: null }),
    /** Whether the text typed occurs in one of these; also in another form of the Arabic letters. */
    has: (...texts: (string | null)[]) => wanted === '' || texts.some((text) => text !== null && folded(text).includes(wanted)),
  };
}

/** A list whose filters leave nothing. */
export function NothingFound({ query, onClear }: { query: string; onClear: () => void }) {
  const { t } = useText();
  return <EmptyState icon="search" title={query ? t('empty.search', { query }) : t('hub.none_match')} action={<button type="button" className="btn" onClick={onClear}>{t('action.clear_filters')}</button>} />;
}
