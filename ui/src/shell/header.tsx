// Header: brand, site filter, search, alert counts, language, theme, person.
import { Menu, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession, useSignedIn } from '@/api/session';
import type { Alert, Page, SessionInfo, UserSettings } from '@/api/types';
import { Icon, StatusShape } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Select } from '@/components/fields';
import { useToasts } from '@/components/dialog';
import { changePreferences, preferences } from '@/i18n';
import { useText } from '@/i18n/text';
import { useCursor } from '@/lib/cursor';
import { useGo, useParameter } from '@/lib/url';
import { fillPath, type Route } from '@/routes';
import { Brand } from './brand';
import { HelpButton } from './help';
import { useEntries } from './navigation';
import { NotificationBell } from './notifications';

function SiteFilter() {
  const { t, name } = useText();
  const [site, setSite] = useParameter('site');
  const { data } = useQuery({ queryKey: ['sites'], queryFn: api.sites });
  if (!data || data.length < 2) return null;
  return (
    <div className="scope dsk-only">
      <Select label={t('header.site')} value={site} onChange={setSite} options={[{ value: '', label: t('header.all_sites') }, ...data.map((s) => ({ value: s.id, label: name(s.names) || s.code }))]} />
    </div>
  );
}

function AlertCounts() {
  const { t, n } = useText();
  const { t: past } = useCursor();
  const refetchInterval = useRefresh(past);
  const count = (severity: 'critical' | 'warning') => ({
    queryKey: ['alert-counts', severity, past], refetchInterval, placeholderData: (old: Page<Alert> | undefined) => old,
    queryFn: () => api.alerts({ severity, state: 'active_unacknowledged', limit: 1, t: past }),
  });
  const critical = useQuery(count('critical')).data?.total ?? 0;
  const warning = useQuery(count('warning')).data?.total ?? 0;
  return (
    <AppLink className="btn quiet" to="/alerts" aria-label={t('header.alerts', { critical, warning })}>
      {/* Nothing abnormal has no colour. */}
      <span className={`row ${critical === 0 ? 'zero' : 'crit-t'}`}><StatusShape shape="critical" /><b className="s">{n(critical, 0)}</b></span>
      <span className={`row ${warning === 0 ? 'zero' : 'warn-t'}`}><StatusShape shape="warning" /><b className="s">{n(warning, 0)}</b></span>
    </AppLink>
  );
}

/** Looks changed in the header belong to the account, like those changed on the settings page. */
function useSaveLooks(): (changes: Partial<UserSettings>) => Promise<void> {
  const { session } = useSession();
  const client = useQueryClient();
  const toasts = useToasts();
  return async (changes) => {
    if (!session || session.must_change_password) return;
    try {
      const saved = await api.saveSettings({ ...session.settings, language: preferences().language, ...changes });
      client.setQueryData<SessionInfo | null>(['session'], (old) => (old ? { ...old, settings: saved } : old));
    } catch (e) {
      toasts.failed(e);
    }
  };
}

export function LanguageSwitch() {
  const { t, p } = useText();
  const { session, chose } = useSession();
  const save = useSaveLooks();
  const other = p.language === 'ar' ? 'en' : 'ar';
  const change = async () => {
    await changePreferences({ ...preferences(), language: other });
    if (!session) chose('language');
    await save({ language: other });
  };
  return (
    <button type="button" className="btn quiet" lang={other} data-action="switch-language" aria-label={t('header.other_language')} onClick={() => void change()}>
      <bdi>{t('header.other_language_short')}</bdi>
    </button>
  );
}

export function ThemeSwitch() {
  const { t } = useText();
  const { setColorScheme } = useMantineColorScheme();
  const { session, chose } = useSession();
  const save = useSaveLooks();
  const scheme = useComputedColorScheme('light');
  const other = scheme === 'dark' ? 'light' : 'dark';
  const change = () => {
    setColorScheme(other);
    if (!session) chose('theme');
    void save({ theme: other });
  };
  return (
    <button type="button" className="btn quiet icon" data-action="switch-theme" aria-label={t(scheme === 'dark' ? 'header.to_light' : 'header.to_dark')} onClick={change}>
      <Icon name={scheme === 'dark' ? 'sun' : 'moon'} />
    </button>
  );
}

function Person() {
  const { t, word } = useText();
  const session = useSignedIn();
  const { signOut } = useSession();
  const go = useGo();
  const toasts = useToasts();
  const pages = useEntries().filter((entry) => !entry.nav!.phone && entry.path !== '/settings');
  return (
    <Menu position="bottom-end" width={220} shadow="md" trapFocus>
      <Menu.Target>
        <button type="button" className="who" aria-label={t('header.account', { name: session.name })}>
          <span className="dsk-only">
            <b className="m5"><bdi>{session.name}</bdi></b>
            <span className="cap dim" style={{ display: 'block' }}>{word('role', session.role)}</span>
          </span>
          <Icon name="down" />
        </button>
      </Menu.Target>
      <Menu.Dropdown mah="80dvh" style={{ overflowY: 'auto' }}>
        <Menu.Label><bdi className="tag" dir="ltr">{session.username}</bdi></Menu.Label>
        {pages.map((entry) => (
          <Menu.Item key={entry.path} className="mob-only-flex" leftSection={<Icon name={entry.nav!.icon} />} onClick={() => go(fillPath(entry.path, { tenantId: session.tenant_id }))}>{t(entry.title)}</Menu.Item>
        ))}
        <Menu.Item leftSection={<Icon name="settings" />} onClick={() => go('/settings')}>{t('page.settings')}</Menu.Item>
        <Menu.Item leftSection={<Icon name="doc" />} component="a" href="/api/docs" target="_blank" rel="noopener">{t('header.api_docs')}</Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="signout" flip />} onClick={() => void signOut().catch(toasts.failed)}>{t('header.sign_out')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function Header({ route, onSearch }: { route: Route | undefined; onSearch: () => void }) {
  const { t } = useText();
  const session = useSignedIn();
  return (
    <header className="hd">
      <AppLink className="brand" to="/"><Brand />{t('brand')}</AppLink>
      {session.is_demo && <span className="chip demo dsk-only">{t('header.demo')}</span>}
      {route?.sites && <SiteFilter />}
      <button type="button" className="btn quiet icon mob-only-flex" aria-label={t('header.search')} onClick={onSearch}><Icon name="search" /></button>
      <button type="button" className="srch dsk-only-flex" onClick={onSearch}>
        <Icon name="search" />
        <span className="grow ell">{t('header.search')}</span>
        <bdi className="kbd" dir="ltr">{t('header.search_key')}</bdi>
      </button>
      <span className="grow" />
      <AlertCounts />
      <NotificationBell />
      <HelpButton route={route} />
      <LanguageSwitch />
      <ThemeSwitch />
      <Person />
    </header>
  );
}
