// The zone of the site, for people who want their times in it: the one zone all sites share.
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api } from '@/api/calls';
import { useSignedIn } from '@/api/session';
import { changePreferences, preferences } from '@/i18n';
import { knownZone } from '@/i18n/locale';

/** Sites in several zones leave the choice to this machine. */
export function useSiteZone(): void {
  const { settings } = useSignedIn();
  const follows = settings.time_zone === 'site';
  const { data } = useQuery({ queryKey: ['sites'], queryFn: api.sites, enabled: follows });
  const zones = new Set(data?.map((site) => site.time_zone));
  const zone = zones.size === 1 ? knownZone([...zones][0]) : null;
  useEffect(() => {
    if (follows && data && preferences().zone !== zone) void changePreferences({ ...preferences(), zone });
  }, [follows, data, zone]);
}
