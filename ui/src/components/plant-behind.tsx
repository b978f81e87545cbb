// While the demo plant replays its past, its values are old and count as old. Only someone who may steer it is told.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import { useText } from '@/i18n/text';
import { hoursMinutes } from '@/lib/format';
import { Notice } from './notices';

const BEHIND_MS = 60_000;

export function PlantBehind() {
  const { t, p } = useText();
  const { session, may } = useSession();
  const { data } = useQuery({
    queryKey: ['plant-behind'], queryFn: api.plantBehind, retry: false,
    enabled: session?.demo_mode === true && may('plant.control'),
    refetchInterval: (query) => ((query.state.data ?? 0) > BEHIND_MS ? 5_000 : 30_000),
  });
  if (data === undefined || data <= BEHIND_MS) return null;
  return <Notice tone="past">{t('plant.behind', { behind: hoursMinutes(p, data) })}</Notice>;
}
