// Ctrl+K: finds pages, assets and incidents.
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useState } from 'react';
import { api } from '@/api/calls';
import { useSession, useSignedIn } from '@/api/session';
import { Dialog } from '@/components/dialog';
import { Icon, type IconName } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag } from '@/components/marks';
import { useText } from '@/i18n/text';
import { useGo } from '@/lib/url';
import { fillPath, ROUTES } from '@/routes';

interface Hit {
  to: string;
  icon: IconName;
  code: string;
  text: string;
}

export function Palette({ onClose }: { onClose: () => void }) {
  const { t, name } = useText();
  const session = useSignedIn();
  const { may } = useSession();
  const go = useGo();
  const [query, setQuery] = useState('');
  const [asked] = useDebouncedValue(query.trim(), 200);
  const [active, setActive] = useState(0);
  const assets = useQuery({ queryKey: ['assets', 'find', asked], enabled: asked.length > 0 && may('assets.read'), queryFn: () => api.assets({ q: asked, limit: 8 }) });
  const incidents = useQuery({ queryKey: ['incidents', 'find', asked], enabled: asked.length > 0 && may('blackbox.read'), queryFn: () => api.incidents({ q: asked, limit: 5 }) });
  const pages = ROUTES.filter((r) => r.nav && (!r.permission || may(r.permission)) && (!r.nav.demoOnly || session.demo_mode) && t(r.title).toLowerCase().includes(query.trim().toLowerCase()));
  const hits: Hit[] = [
    ...(assets.data?.items ?? []).map((a) => ({ to: `/assets/${a.id}`, icon: 'assets' as const, code: a.code, text: name(a.names) })),
    ...(incidents.data?.items ?? []).map((i) => ({ to: `/blackbox/incidents/${i.id}`, icon: 'blackbox' as const, code: i.number, text: i.title })),
    ...pages.map((r) => ({ to: fillPath(r.path, { tenantId: session.tenant_id }), icon: r.nav!.icon, code: '', text: t(r.title) })),
  ];
  const current = Math.min(active, hits.length - 1);
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setActive(Math.min(hits.length - 1, current + 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(0, current - 1));
    else if (event.key === 'Enter' && hits[current]) {
      go(hits[current].to);
      onClose();
    } else return;
    event.preventDefault();
  };
  return (
    <Dialog title={t('header.search')} onClose={onClose} size="lg">
      <div className="palette">
        <input className="in" type="search" dir="auto" data-autofocus aria-label={t('header.search')} placeholder={t('header.search')} value={query} onChange={(e) => { setQuery(e.target.value); setActive(0); }} onKeyDown={onKey} />
        <ul>
          {hits.map((hit, i) => (
            <li key={hit.to}>
              <AppLink to={hit.to} data-active={i === current} onClick={onClose}>
                <Icon name={hit.icon} />
                {hit.code && <Tag>{hit.code}</Tag>}
                <bdi className="ell grow">{hit.text}</bdi>
              </AppLink>
            </li>
          ))}
        </ul>
        {hits.length === 0 && <p className="help">{t('empty.search', { query })}</p>}
      </div>
    </Dialog>
  );
}
