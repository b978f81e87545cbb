// The hub: providers, the door, and the frame with the pages of the platform owner or of an organisation's people.
import { DirectionProvider, localStorageColorSchemeManager, MantineProvider, useComputedColorScheme, useDirection, useMantineColorScheme } from '@mantine/core';
import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Redirect, Route, Switch, useLocation, useSearch } from 'wouter';
import { RequestFailed, SESSION_ENDED, SIGNED_OUT, type SignedOut } from '@/api/http';
import { PageBoundary } from '@/components/boundary';
import { ToastProvider } from '@/components/dialog';
import { Icon, type IconName } from '@/components/icons';
import { ErrorState, LoadingState } from '@/components/notices';
import { changePreferences, preferences } from '@/i18n';
import { directionOf, type Language } from '@/i18n/locale';
import { useText } from '@/i18n/text';
import { SsoFailure } from '@/pages/parts/sso-sign-in';
import { Brand } from '@/shell/brand';
import { cssVariablesResolver, theme } from '@/theme';
import { hub, type HubSession } from './api';
import { AppliancesPage } from './appliances';
import { HubAssetPage } from './asset';
import { DiagnosticsPage } from './diagnostics';
import { EventsPage } from './events';
import { HubAssetsPage, HubKpisPage, HubPlansPage } from './figures';
import { IncidentPage } from './incident';
import { IncidentsPage } from './incidents';
import { AuditOfAllPage, AuditPage, PeoplePage, PlantsPage } from './plants';
import { SignInPage } from './sign-in';
import { SsoPage } from './sso';
import { TenantsPage } from './tenants';
import { UsersPage } from './users';

interface HubPage {
  path: string;
  title: string;
  icon: IconName;
  page: () => React.ReactNode;
  needs: string;
}

/** What the platform owner looks after. */
const PLATFORM: HubPage[] = [
  { path: '/admin/tenants', title: 'hub.tenants', icon: 'globe', page: TenantsPage, needs: 'tenants.manage' },
  { path: '/admin/users', title: 'page.users', icon: 'users', page: UsersPage, needs: 'tenants.manage' },
  { path: '/admin/appliances', title: 'hub.appliances', icon: 'pulse', page: AppliancesPage, needs: 'appliances.manage' },
  { path: '/sso', title: 'hub.sso', icon: 'key', page: SsoPage, needs: 'identity_providers.read' },
  { path: '/admin/audit', title: 'page.audit', icon: 'audit', page: AuditOfAllPage, needs: 'tenants.manage' },
  { path: '/admin/diagnostics', title: 'page.diagnostics', icon: 'settings', page: DiagnosticsPage, needs: 'diagnostics.read' },
];
/** What the people of an organisation read of their plants. */
const HEADQUARTERS: HubPage[] = [
  { path: '/incidents', title: 'blackbox.incidents', icon: 'blackbox', page: IncidentsPage, needs: 'blackbox.read' },
  { path: '/events', title: 'hub.events', icon: 'clock', page: EventsPage, needs: 'blackbox.read' },
  { path: '/assets', title: 'page.assets', icon: 'assets', page: HubAssetsPage, needs: 'twin.read' },
  { path: '/kpis', title: 'hub.kpis', icon: 'grid', page: HubKpisPage, needs: 'twin.read' },
  { path: '/plans', title: 'hub.plans', icon: 'calendar', page: HubPlansPage, needs: 'optimization.read' },
  { path: '/plants', title: 'hub.plants', icon: 'pulse', page: PlantsPage, needs: 'blackbox.read' },
  { path: '/people', title: 'page.users', icon: 'users', page: PeoplePage, needs: 'users.read' },
  { path: '/sso', title: 'hub.sso', icon: 'key', page: SsoPage, needs: 'identity_providers.read' },
  { path: '/audit', title: 'page.audit', icon: 'audit', page: AuditPage, needs: 'audit.read' },
];

const client = new QueryClient({ defaultOptions: { queries: { staleTime: 2_000, retry: false, refetchOnWindowFocus: false } } });

export function LooksSwitches() {
  const { t, p } = useText();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const other = p.language === 'ar' ? 'en' : 'ar';
  return (
    <>
      <button type="button" className="btn quiet" lang={other} aria-label={t('header.other_language')} onClick={() => void changePreferences({ ...preferences(), language: other })}>
        <bdi>{t('header.other_language_short')}</bdi>
      </button>
      <button type="button" className="btn quiet icon" aria-label={t(scheme === 'dark' ? 'header.to_light' : 'header.to_dark')} onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}>
        <Icon name={scheme === 'dark' ? 'sun' : 'moon'} />
      </button>
    </>
  );
}

function Frame({ session }: { session: HubSession }) {
  const { t, word, name } = useText();
  const [path] = useLocation();
  const search = useSearch();
  const isPlatform = session.role === 'platform_owner';
  const pages = (isPlatform ? PLATFORM : HEADQUARTERS).filter((page) => session.permissions.includes(page.needs));
  const queries = useQueryClient();
  const out = async () => {
    await hub.signOut();
    queries.setQueryData(['session'], null);
    // What the next person may not see is gone with the session.
    queries.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
  };
  return (
    <div className="app nobar hub">
      <a className="skip" href="#main">{t('nav.skip')}</a>
      <header className="hd">
        <span className="brand"><Brand />{t('brand')}</span>
        <span className="chip">{isPlatform ? t('hub.name') : name(session.tenant)}</span>
        <span className="grow" />
        <LooksSwitches />
        <span className="cap dim dsk-only"><bdi>{session.name}</bdi> · {word('role', session.role)}</span>
        <button type="button" className="btn quiet" aria-label={t('header.sign_out')} onClick={() => void out()}><Icon name="signout" flip /><span className="dsk-only">{t('header.sign_out')}</span></button>
      </header>
      <nav className="nv" aria-label={t('nav.pages')}>
        {pages.map((page) => (
          <Link key={page.path} href={page.path} className="m" aria-current={path === page.path || path.startsWith(`${page.path}/`) ? 'page' : undefined}><Icon name={page.icon} /><span>{t(page.title)}</span></Link>
        ))}
      </nav>
      <main className="mn" id="main" tabIndex={-1}>
        <SsoFailure />
        <PageBoundary at={path} home={false}>
          <Switch>
            {pages.map((page) => <Route key={page.path} path={page.path} component={page.page} />)}
            {!isPlatform && <Route path="/incidents/:appliance/:id" component={IncidentPage} />}
            {!isPlatform && <Route path="/assets/:appliance/:id" component={HubAssetPage} />}
            <Route><Redirect to={pages[0]!.path + (search ? `?${search}` : '')} replace /></Route>
          </Switch>
        </PageBoundary>
      </main>
    </div>
  );
}

function Gate() {
  const { t } = useText();
  const queries = useQueryClient();
  const [why, setWhy] = useState<RequestFailed | null>(null);
  const query = useQuery({
    queryKey: ['session'],
    queryFn: async () => {
      try {
        return await hub.session();
      } catch (error) {
        if (error instanceof RequestFailed && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
  useEffect(() => {
    const ended = (event: Event) => {
      const { path, error } = (event as CustomEvent<SignedOut>).detail;
      if (SESSION_ENDED.includes(error.code)) setWhy(error);
      if (path !== '/api/session') queries.setQueryData(['session'], null);
    };
    window.addEventListener(SIGNED_OUT, ended);
    return () => window.removeEventListener(SIGNED_OUT, ended);
  }, [queries]);
  if (query.isPending) return <main><LoadingState what={t('state.loading')} /></main>;
  if (query.isError) return <main><ErrorState error={query.error} retry={() => void query.refetch()} /></main>;
  const session = query.data;
  if (!session || session.must_change_password || session.must_set_up_totp) {
    const enter = (next: HubSession) => { setWhy(null); queries.setQueryData(['session'], next); };
    return <SignInPage session={session} why={why} onSession={enter} />;
  }
  return <Frame session={session} />;
}

const schemeManager = localStorageColorSchemeManager({ key: 'optria.theme' });

function Direction() {
  const { i18n } = useTranslation();
  const { setDirection } = useDirection();
  const direction = directionOf(i18n.language as Language);
  useEffect(() => { setDirection(direction); }, [direction, setDirection]);
  return null;
}

export function Console() {
  const { i18n } = useTranslation();
  return (
    <DirectionProvider initialDirection={directionOf(i18n.language as Language)} detectDirection={false}>
      <Direction />
      <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} defaultColorScheme="auto" colorSchemeManager={schemeManager}>
        <QueryClientProvider client={client}>
          <ToastProvider><Gate /></ToastProvider>
        </QueryClientProvider>
      </MantineProvider>
    </DirectionProvider>
  );
}
