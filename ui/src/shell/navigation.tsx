// Navigation: grouped, with counts of what waits there. Four tabs on a phone; there the
// other pages stand in the menu of the person.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession, useSignedIn } from '@/api/session';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { fillPath, type Route, ROUTES } from '@/routes';

const GROUPS = ['operate', 'connect', 'manage'] as const;

interface Count {
  n: number;
  critical: boolean;
}

function useCounts(): Record<string, Count> {
  const { may } = useSession();
  const { t } = useCursor();
  const refetchInterval = useRefresh(t);
  const incidents = useQuery({
    queryKey: ['incident-counts', t], refetchInterval, enabled: may('blackbox.read'),
    queryFn: () => api.incidents({ status: 'open', limit: 1, t }),
  });
  const alerts = useQuery({
    queryKey: ['alert-counts', 'all', t], refetchInterval, enabled: may('alerts.read'),
    queryFn: () => api.alerts({ state: 'active_unacknowledged', limit: 1, t }),
  });
  const outbox = useQuery({
    queryKey: ['outbox', 'waiting'], refetchInterval, enabled: may('work_orders.approve'),
    queryFn: () => api.outbox({ state: 'awaiting_approval,unknown,dead_letter' }),
  });
  const integrations = useQuery({ queryKey: ['integrations'], refetchInterval, enabled: may('integrations.read'), queryFn: api.integrations });
  const broken = integrations.data?.filter((i) => i.status === 'error' || i.pending_certificates > 0).length ?? 0;
  return {
    '/blackbox': { n: incidents.data?.total ?? 0, critical: false },
    '/alerts': { n: alerts.data?.total ?? 0, critical: true },
    '/work-orders': { n: outbox.data?.length ?? 0, critical: false },
    '/integrations': { n: broken, critical: false },
  };
}

/** Sub-pages light up the entry they belong to. */
function isCurrent(entry: Route, here: Route | undefined): boolean {
  if (!here) return false;
  if (entry.path === here.path) return true;
  return entry.path !== '/' && here.nav === undefined && here.path.startsWith(`${entry.path}/`);
}

/** The pages a person can go to from everywhere. */
export function useEntries(): Route[] {
  const session = useSignedIn();
  const { may } = useSession();
  return ROUTES.filter((r) => r.nav && (!r.permission || may(r.permission)) && (!r.nav.demoOnly || session.demo_mode));
}

export function Navigation({ route: here }: { route: Route | undefined }) {
  const { t, n } = useText();
  const session = useSignedIn();
  const counts = useCounts();
  const entries = useEntries();
  return (
    <nav className="nv" aria-label={t('nav.pages')}>
      {GROUPS.map((group) => {
        const inside = entries.filter((r) => r.nav?.group === group);
        if (inside.length === 0) return null;
        return (
          <div key={group} className="nvg">
            <div className="grp">{t(`nav.${group}`)}</div>
            {inside.map((entry) => {
              const count = counts[entry.path];
              return (
                <AppLink key={entry.path} to={fillPath(entry.path, { tenantId: session.tenant_id })} className={entry.nav!.phone ? 'm' : undefined} aria-current={isCurrent(entry, here) ? 'page' : undefined} title={t(entry.title)}>
                  <Icon name={entry.nav!.icon} />
                  <span>{t(entry.title)}</span>
                  {count && count.n > 0 && <span className={count.critical ? 'n c' : 'n'}>{n(count.n, 0)}<span className="sr">{t(`nav.count${entry.path.replace('/', '.')}`)}</span></span>}
                </AppLink>
              );
            })}
          </div>
        );
      })}
    </nav>
  );
}
