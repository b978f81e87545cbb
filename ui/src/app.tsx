// Providers, the gate (set-up, sign-in, password change) and the router.
import { DirectionProvider, localStorageColorSchemeManager, MantineProvider, useDirection } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ComponentType, lazy, Suspense, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Redirect, Route as Match, Switch, useLocation, useSearch } from 'wouter';
import { RequestFailed } from '@/api/http';
import { LiveProvider } from '@/api/live';
import { SessionProvider, useSession } from '@/api/session';
import { PageBoundary } from '@/components/boundary';
import { ToastProvider } from '@/components/dialog';
import { EmptyState, ErrorState, Forbidden, LoadingState } from '@/components/notices';
import { AppLink } from '@/components/link';
import { useTitle } from '@/components/page';
import { directionOf, type Language } from '@/i18n/locale';
import { useText } from '@/i18n/text';
import { OPEN_PATHS, type Route, ROUTES } from '@/routes';
import { Shell } from '@/shell/shell';
import { cssVariablesResolver, theme } from '@/theme';

const page = (load: () => Promise<{ default: ComponentType }>) => lazy(load);
const PAGES: Record<string, ComponentType> = {
  '/': page(() => import('@/pages/dashboard')),
  '/digital-twin': page(() => import('@/pages/twin')),
  '/assets': page(() => import('@/pages/assets')),
  '/assets/:id': page(() => import('@/pages/asset')),
  '/assets/:id/model': page(() => import('@/pages/model')),
  '/blackbox': page(() => import('@/pages/blackbox')),
  '/blackbox/incidents/:id': page(() => import('@/pages/incident')),
  '/blackbox/investigation': page(() => import('@/pages/investigation')),
  '/rule-packs': page(() => import('@/pages/rule-packs')),
  '/alerts': page(() => import('@/pages/alerts')),
  '/optimization': page(() => import('@/pages/optimization')),
  '/work-orders': page(() => import('@/pages/work-orders')),
  '/technicians': page(() => import('@/pages/technicians')),
  '/outages': page(() => import('@/pages/outages')),
  '/onboarding': page(() => import('@/pages/onboarding')),
  '/integrations': page(() => import('@/pages/integrations')),
  '/integrations/new': page(() => import('@/pages/integration-new')),
  '/integrations/:id': page(() => import('@/pages/integration')),
  '/tenant/:tenantId/data-mapping': page(() => import('@/pages/mapping')),
  '/demo-plant': page(() => import('@/pages/demo-plant')),
  '/imports': page(() => import('@/pages/imports')),
  '/users': page(() => import('@/pages/users')),
  '/sync': page(() => import('@/pages/sync')),
  '/backups': page(() => import('@/pages/backups')),
  '/diagnostics': page(() => import('@/pages/diagnostics')),
  '/audit': page(() => import('@/pages/audit')),
  '/settings': page(() => import('@/pages/settings')),
  '/help': page(() => import('@/pages/help')),
  '/help/:guide': page(() => import('@/pages/guide')),
  '/login': page(() => import('@/pages/login')),
  '/setup': page(() => import('@/pages/setup')),
};

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (count, error) => count < 1 && error instanceof RequestFailed && (error.status === 0 || error.status >= 500),
      refetchOnWindowFocus: false,
    },
  },
});

function PageOf({ route }: { route: Route }) {
  const { t } = useText();
  const { may } = useSession();
  useTitle(t(route.title));
  if (route.permission && !may(route.permission)) return <section className="pane"><Forbidden /></section>;
  const Page = PAGES[route.path]!;
  return (
    <Suspense fallback={<section className="pane"><LoadingState what={t('state.loading')} /></section>}>
      <Page />
    </Suspense>
  );
}

function NotFound() {
  const { t } = useText();
  useTitle(t('state.not_found'));
  return (
    <section className="pane">
      <EmptyState icon="search" title={t('state.page_not_found')} action={<AppLink className="btn" to="/">{t('state.back_to_dashboard')}</AppLink>}>
        {t('state.page_not_found_why')}
      </EmptyState>
    </section>
  );
}

function SignedIn() {
  const [path] = useLocation();
  const search = useSearch();
  return (
    <LiveProvider>
      <Shell>
        <PageBoundary at={`${path}?${search}`}>
          <Switch>
            {ROUTES.filter((r) => !OPEN_PATHS.includes(r.path)).map((route) => (
              <Match key={route.path} path={route.path}><PageOf route={route} /></Match>
            ))}
            <Match path="/tenant/onboarding"><Redirect to="/onboarding" replace /></Match>
            <Match><NotFound /></Match>
          </Switch>
        </PageBoundary>
      </Shell>
    </LiveProvider>
  );
}

/** Where a person lands depends on the session alone; the page they asked for is kept in `next`. */
function Gate() {
  const { t } = useText();
  const [path] = useLocation();
  const { session, loading, error, retry } = useSession();
  const open = OPEN_PATHS.includes(path);
  useEffect(() => { document.getElementById('main')?.scrollTo(0, 0); }, [path]);
  if (loading) return <main><LoadingState what={t('state.loading')} /></main>;
  if (error && !session) return <main><ErrorState error={error} retry={retry} /></main>;
  if (!session || session.must_change_password) {
    const Page = PAGES[path === '/setup' && !session ? '/setup' : '/login']!;
    if (!open) {
      const asked = window.location.pathname + window.location.search;
      return <Redirect to={asked === '/' ? '/login' : `/login?next=${encodeURIComponent(asked)}`} replace />;
    }
    return <Suspense fallback={<main><LoadingState what={t('state.loading')} /></main>}><Page /></Suspense>;
  }
  if (open) {
    const next = new URLSearchParams(window.location.search).get('next') ?? '/';
    return <Redirect to={next.startsWith('/') && !next.startsWith('//') ? next : '/'} replace />;
  }
  return <SignedIn />;
}

const schemeManager = localStorageColorSchemeManager({ key: 'optria.theme' });

/** The direction follows the language without building the page anew: what was typed stays. */
function Direction() {
  const { i18n } = useTranslation();
  const { setDirection } = useDirection();
  const direction = directionOf(i18n.language as Language);
  useEffect(() => { setDirection(direction); }, [direction, setDirection]);
  return null;
}

export function App() {
  const { i18n } = useTranslation();
  return (
    <DirectionProvider initialDirection={directionOf(i18n.language as Language)} detectDirection={false}>
      <Direction />
      <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} defaultColorScheme="auto" colorSchemeManager={schemeManager}>
        <QueryClientProvider client={client}>
          <ToastProvider>
            <SessionProvider><Gate /></SessionProvider>
          </ToastProvider>
        </QueryClientProvider>
      </MantineProvider>
    </DirectionProvider>
  );
}
