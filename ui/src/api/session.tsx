// Who is signed in. The only state shared by the whole application.
import { type MantineColorScheme, useMantineColorScheme } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { changePreferences, preferences } from '@/i18n';
import { knownZone, type Preferences } from '@/i18n/locale';
import { api } from './calls';
import { RequestFailed, SESSION_ENDED, setCsrf, SIGNED_OUT, type SignedOut } from './http';
import type { SessionInfo, UserSettings } from './types';

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
  chose: (what: 'language' | 'theme') => void;
  signOut: () => Promise<void>;
  retry: () => void;
}

/** For a host with a session of its own kind, such as the hub. */
export const SessionContext = createContext<SessionState | null>(null);
const KEY = ['session'];

/** Stores the language of the page with an account that has another: it was chosen before there was a session. */
async function withLanguage(session: SessionInfo): Promise<SessionInfo> {
  const { language } = preferences();
  if (session.must_change_password || session.settings.language === language) return session;
  try {
    return { ...session, settings: await api.saveSettings({ ...session.settings, language }) };
  } catch {
    // The page keeps its language all the same; the settings page can store it later.
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
  const { data, isPending, error, refetch } = useQuery({ queryKey: KEY, queryFn: readSession, staleTime: Infinity });
  const session = data ?? null;
  const { setColorScheme } = useMantineColorScheme();
  const chosen = useRef(new Set<'language' | 'theme'>());

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
      await changePreferences({ ...preferencesOf(next.settings), language: preferences().language });
      setWhy(null);
      client.setQueryData(KEY, await withLanguage(next));
    },
    [client],
  );
  const enter = useCallback(
    async (next: SessionInfo) => {
      setCsrf(next.csrf_token);
      const stored = preferencesOf(next.settings);
      await changePreferences(chosen.current.has('language') ? { ...stored, language: preferences().language } : stored);
      if (!chosen.current.has('theme')) setColorScheme(themeOf(next.settings));
      chosen.current.clear();
      setWhy(null);
      client.setQueryData(KEY, await withLanguage(next));
    },
    [client, setColorScheme],
  );
  const chose = useCallback((what: 'language' | 'theme') => { chosen.current.add(what); }, []);
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
