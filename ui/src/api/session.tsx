// Who is signed in. The only state shared by the whole application.
import { type MantineColorScheme, useMantineColorScheme } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { changePreferences, preferences } from '@/i18n';
import { knownZone, type Preferences } from '@/i18n/locale';
import { api } from './calls';
import { RequestFailed, SESSION_ENDED, setCsrf, SIGNED_OUT, type SignedOut } from './http';
import type { SessionInfo, UserSettings } from './types';

const LOOKS = ['language', 'theme'] as const;
type Look = (typeof LOOKS)[number];

export interface SessionState {
  session: SessionInfo | null;
  loading: boolean;
  error: unknown;
  /** How the session ended that was open here, where it did not end by signing out. */
  why: RequestFailed | null;
  may: (permission: string) => boolean;
  /** Takes over a session that set-up or a password change answered with; the page keeps its looks. */
  accept: (session: SessionInfo) => Promise<void>;
  /** Takes over the session of a sign-in, with the looks the account has stored. */
  enter: (session: SessionInfo) => Promise<void>;
  /** What a person picks before signing in counts more than what the account has stored. */
  chose: (what: Look) => void;
  signOut: () => Promise<void>;
  retry: () => void;
}

/** For a host with a session of its own kind, such as the hub. */
export const SessionContext = createContext<SessionState | null>(null);
const KEY = ['session'];

const PICKED = 'optria.picked';

/** What was picked at the door of this window: it is kept while an identity provider has the page. */
function picked(): Look[] {
  try {
    const words = (sessionStorage.getItem(PICKED) ?? '').split(' ');
    return LOOKS.filter((look) => words.includes(look));
  } catch {
    return [];
  }
}

function keepPicked(looks: ReadonlySet<Look>): void {
  try {
    sessionStorage.setItem(PICKED, [...looks].join(' '));
  } catch {
    // Private windows may refuse storage; what was picked then counts as long as the page is open.
  }
}

/** Stores looks of the page with an account that has others. */
async function withLooks(session: SessionInfo, looks: Partial<Pick<UserSettings, Look>>): Promise<SessionInfo> {
  const isSame = LOOKS.every((look) => looks[look] === undefined || looks[look] === session.settings[look]);
  if (session.must_change_password || isSame) return session;
  try {
    return { ...session, settings: await api.saveSettings({ ...session.settings, ...looks }) };
  } catch {
    // The page keeps its looks all the same; the settings page can store them later.
    return session;
  }
}

const themeOf = (s: UserSettings): MantineColorScheme => (s.theme === 'light' || s.theme === 'dark' ? s.theme : 'auto');

export function preferencesOf(s: UserSettings): Preferences {
  return {
    language: s.language === 'en' ? 'en' : 'ar',
    digits: s.digits === 'arab' ? 'arab' : 'latn',
    calendar: s.calendar === 'islamic-umalqura' ? 'islamic-umalqura' : 'gregory',
    // `site`: the shell finds out which zone that is; until then the last one holds.
    zone: s.time_zone === 'site' ? preferences().zone : knownZone(s.time_zone),
  };
}

async function readSession(): Promise<SessionInfo | null> {
  try {
    const session = await api.session();
    setCsrf(session.csrf_token);
    return session;
  } catch (error) {
    if (error instanceof RequestFailed && error.status === 401) return null;
    throw error;
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [chosen] = useState(() => new Set(picked()));
  const forget = useCallback(() => {
    chosen.clear();
    keepPicked(chosen);
  }, [chosen]);
  /**
   * Gives the page the looks of an account. Only what a person picked at the door counts more, and becomes the
   * account's; what was guessed from the browser, or left by who was here before, does not.
   */
  const settle = useCallback(
    async (next: SessionInfo): Promise<SessionInfo> => {
      setCsrf(next.csrf_token);
      const stored = preferencesOf(next.settings);
      const looks: Partial<Pick<UserSettings, Look>> = {};
      if (chosen.has('language')) looks.language = preferences().language;
      if (chosen.has('theme')) looks.theme = colorScheme;
      await changePreferences(chosen.has('language') ? { ...stored, language: preferences().language } : stored);
      if (!chosen.has('theme')) setColorScheme(themeOf(next.settings));
      // Nothing is stored before a temporary password was changed: until then it stays picked.
      if (next.must_change_password) return next;
      forget();
      return withLooks(next, looks);
    },
    [chosen, colorScheme, forget, setColorScheme],
  );
  const findSession = async () => {
    const found = await readSession();
    return found && settle(found);
  };
  const { data, isPending, error, refetch } = useQuery({ queryKey: KEY, queryFn: findSession, staleTime: Infinity });
  const session = data ?? null;

  const [why, setWhy] = useState<RequestFailed | null>(null);
  const leaving = useRef(false);

  useEffect(() => {
    const left = (event: Event) => {
      const { error: told } = (event as CustomEvent<SignedOut>).detail;
      // Who signs out knows it: a request that was on its way then is answered so too.
      const isOver = leaving.current || client.getQueryData(KEY) === null;
      if (!isOver && SESSION_ENDED.includes(told.code)) setWhy(told);
      client.setQueryData(KEY, null);
    };
    window.addEventListener(SIGNED_OUT, left);
    return () => window.removeEventListener(SIGNED_OUT, left);
  }, [client]);

  const accept = useCallback(
    async (next: SessionInfo) => {
      setCsrf(next.csrf_token);
      const { language } = preferences();
      const looks = chosen.has('theme') ? { language, theme: colorScheme } : { language };
      await changePreferences({ ...preferencesOf(next.settings), language });
      forget();
      setWhy(null);
      client.setQueryData(KEY, await withLooks(next, looks));
    },
    [chosen, client, colorScheme, forget],
  );
  const enter = useCallback(
    async (next: SessionInfo) => {
      const settled = await settle(next);
      setWhy(null);
      client.setQueryData(KEY, settled);
    },
    [client, settle],
  );
  const chose = useCallback(
    (what: Look) => {
      chosen.add(what);
      keepPicked(chosen);
    },
    [chosen],
  );
  const signOut = useCallback(async () => {
    leaving.current = true;
    try {
      await api.signOut();
    } finally {
      leaving.current = false;
    }
    // The session itself stays in the cache: nobody is told that a query was removed.
    client.setQueryData(KEY, null);
    // What the next person may not see is gone with the session.
    client.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
    client.getMutationCache().clear();
  }, [client]);

  const value = useMemo<SessionState>(
    () => ({
      session,
      loading: isPending,
      error,
      why,
      may: (permission) => session?.permissions.includes(permission) ?? false,
      accept,
      enter,
      chose,
      signOut,
      retry: () => void refetch(),
    }),
    [session, isPending, error, why, accept, enter, chose, signOut, refetch],
  );
  return <SessionContext.Provider value={value}>{children}</SessionContext.Provider>;
}

export function useSession(): SessionState {
  const state = useContext(SessionContext);
  if (!state) throw new Error('useSession outside its provider');
  return state;
}

/** The session on pages that are only shown to someone signed in. */
export function useSignedIn(): SessionInfo {
  const { session } = useSession();
  if (!session) throw new Error('this page needs a session');
  return session;
}
