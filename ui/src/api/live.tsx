// Live values by server-sent events. When the stream breaks, pages poll until it is back.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { AssetStatusChange, LiveValue, Twin } from './types';

class Values {
  private latest = new Map<string, LiveValue>();
  private listeners = new Map<string, Set<() => void>>();

  take(batch: LiveValue[]): void {
    for (const value of batch) {
      this.latest.set(value.signal_id, value);
      this.listeners.get(value.signal_id)?.forEach((tell) => tell());
    }
  }

  of(signal: string): LiveValue | undefined {
    return this.latest.get(signal);
  }

  watch(signal: string, tell: () => void): () => void {
    const set = this.listeners.get(signal) ?? new Set();
    set.add(tell);
    this.listeners.set(signal, set);
    return () => {
      set.delete(tell);
      if (set.size === 0) this.listeners.delete(signal);
    };
  }
}

interface Live {
  values: Values;
  connected: boolean;
}

const Context = createContext<Live>({ values: new Values(), connected: false });

/** What a change on the server makes stale in the pages. */
const STALE: Record<string, string[]> = {
  alert: ['alerts', 'overview', 'alert-counts', 'twin-asset', 'signals'],
  incident: ['incidents', 'overview', 'incident', 'timeline', 'incident-counts', 'events', 'histogram'],
  integration: ['integrations', 'integration', 'onboarding', 'diagnostics'],
  job: ['jobs', 'onboarding', 'schedules', 'optimization'],
  notification: ['notifications', 'work-orders'],
  assets: ['twin', 'twin-asset', 'overview'],
};
/** Messages were lost on the way: any of the above may be among them. */
STALE.lagged = [...new Set(Object.values(STALE).flat())];

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const values = useMemo(() => new Values(), []);
  const [connected, setConnected] = useState(false);

  useEffect(() => {
    const source = new EventSource('/api/live');
    const waiting = new Set<string>();
    // Many events can arrive in one second; the pages are asked to read again at most once in it.
    const timer = setInterval(() => {
      for (const key of waiting) void client.invalidateQueries({ queryKey: [key] });
      waiting.clear();
    }, 1000);
    source.onopen = () => setConnected(true);
    source.onerror = () => setConnected(false);
    source.addEventListener('values', (event) => values.take(JSON.parse(event.data as string) as LiveValue[]));
    source.addEventListener('assets', (event) => {
      const changes = JSON.parse(event.data as string) as AssetStatusChange[];
      client.setQueriesData<Twin>({ queryKey: ['twin', null] }, (twin) => twin && withChanges(twin, changes));
    });
    for (const [name, keys] of Object.entries(STALE)) {
      source.addEventListener(name, () => keys.forEach((key) => waiting.add(key)));
    }
    return () => {
      clearInterval(timer);
      source.close();
    };
  }, [client, values]);

  const live = useMemo(() => ({ values, connected }), [values, connected]);
  return <Context.Provider value={live}>{children}</Context.Provider>;
}

export function withChanges(twin: Twin, changes: AssetStatusChange[]): Twin {
  const byId = new Map(changes.map((c) => [c.asset_id, c]));
  return {
    ...twin,
    assets: twin.assets.map((asset) => {
      const change = byId.get(asset.id);
      return change ? { ...asset, status: change.status, connectivity: change.connectivity, health: change.health } : asset;
    }),
  };
}

/** Pages read again this often: rarely while the stream lives, often without it, never for the past. */
export function useRefresh(t: number | null): number | false {
  const { connected } = useContext(Context);
  if (t !== null) return false;
  return connected ? 15_000 : 4_000;
}

export function useLiveValue(signal: string | null | undefined): LiveValue | undefined {
  const { values } = useContext(Context);
  return useSyncExternalStore(
    (tell) => (signal ? values.watch(signal, tell) : () => undefined),
    () => (signal ? values.of(signal) : undefined),
  );
}
