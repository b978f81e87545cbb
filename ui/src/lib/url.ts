// State lives in the address. These hooks read and write single search parameters; links keep the ones that
// belong to the whole application (time, range, site).
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';

export const GLOBAL_PARAMETERS = ['t', 'known', 'range', 'site'] as const;

/** `path` with the application's own parameters of `search` added, unless the path sets them itself. */
export function withGlobals(path: string, search: string): string {
  const [address = '', place] = path.split('#');
  const [pathname = '', query = ''] = address.split('?');
  const target = new URLSearchParams(query);
  const present = new URLSearchParams(search);
  for (const name of GLOBAL_PARAMETERS) {
    const value = present.get(name);
    if (value !== null && !target.has(name)) target.set(name, value);
    if (target.get(name) === '') target.delete(name);
  }
  const text = target.toString();
  return pathname + (text ? `?${text}` : '') + (place === undefined ? '' : `#${place}`);
}

export type Changes = Record<string, string | null>;

export function useParameters(): [URLSearchParams, (changes: Changes, push?: boolean) => void] {
  const search = useSearch();
  const [, navigate] = useLocation();
  const parameters = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback(
    (changes: Changes, push = false) => {
      // Read the address itself: two changes in one event must both survive.
      const next = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === '') next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      navigate(window.location.pathname + (text ? `?${text}` : ''), { replace: !push });
    },
    [navigate],
  );
  return [parameters, change];
}

export function useParameter(name: string, fallback = ''): [string, (value: string | null) => void] {
  const [parameters, change] = useParameters();
  const set = useCallback((value: string | null) => change({ [name]: value === fallback ? null : value }), [change, name, fallback]);
  return [parameters.get(name) ?? fallback, set];
}

/** Goes to a path, keeping time, range and site. */
export function useGo(): (path: string, options?: { replace?: boolean }) => void {
  const [, navigate] = useLocation();
  return useCallback(
    (path, options) => navigate(withGlobals(path, window.location.search), options ?? {}),
    [navigate],
  );
}

const NOTHING: Changes = {};

/** A text that is typed: what stands in the field, and what is searched for. The address follows when the typing rests,
 *  together with what the search makes void; and the field follows the address when something else changes it. */
export function useTyped(name: string, voids: Changes = NOTHING): { typed: string; setTyped: (text: string) => void; sought: string } {
  const [parameters, change] = useParameters();
  const inAddress = parameters.get(name) ?? '';
  const [typed, setTyped] = useState(inAddress);
  const sought = useDeferredValue(typed);
  const told = useRef(inAddress);
  useEffect(() => {
    if (inAddress === told.current) return;
    told.current = inAddress;
    setTyped(inAddress);
  }, [inAddress]);
  useEffect(() => {
    if (sought === told.current) return;
    const timer = setTimeout(() => {
      told.current = sought;
      change({ ...voids, [name]: sought });
    }, 350);
    return () => clearTimeout(timer);
  }, [sought, change, name, voids]);
  return { typed, setTyped, sought };
}
