// The frame around every page: skip link, header, navigation, past banner, time bar.
import { useHotkeys } from '@mantine/hooks';
import { type ReactNode, useState } from 'react';
import { matchRoute, useLocation, useRouter } from 'wouter';
import { useCursor } from '@/lib/cursor';
import { iso } from '@/lib/format';
import { useText } from '@/i18n/text';
import { Icon } from '@/components/icons';
import { type Route, ROUTES } from '@/routes';
import { Header } from './header';
import { useHelpKeys } from './help';
import { Navigation } from './navigation';
import { Palette } from './palette';
import { StoreBanner } from './store-banner';
import { TimeBar } from './timebar';
import { useSiteZone } from './zone';

export function useRoute(): Route | undefined {
  const [path] = useLocation();
  const { parser } = useRouter();
  return ROUTES.find((route) => matchRoute(parser, route.path, path)[0]);
}

export function Shell({ children }: { children: ReactNode }) {
  const { t } = useText();
  const route = useRoute();
  const cursor = useCursor();
  const [searching, setSearching] = useState(false);
  const timed = route?.timed ?? false;
  const past = timed && cursor.t !== null;
  useSiteZone();
  useHelpKeys(route);
  useHotkeys([['mod+K', () => setSearching(true)]], [], true);
  return (
    <div className={`app ${timed ? '' : 'nobar'} ${past ? 'is-past' : ''}`}>
      <a className="skip" href="#main">{t('nav.skip')}</a>
      <Header route={route} onSearch={() => setSearching(true)} />
      <Navigation route={route} />
      <main className="mn" id="main" tabIndex={-1}>
        <StoreBanner />
        {past && (
          <div className="pastnote" role="status">
            <Icon name="clock" />
            <span>{t(route?.pastNote ?? (cursor.known ? 'time.as_known' : 'time.as_of'), { at: iso(cursor.t ?? 0) })}</span>
            <label className="chk" title={t('time.known_why')}><input type="checkbox" checked={cursor.known} onChange={(event) => cursor.setKnown(event.target.checked)} />{t('time.known_then')}</label>
            <button type="button" onClick={() => cursor.setT(null)}>{t('time.back_to_now')}</button>
          </div>
        )}
        {children}
      </main>
      {timed && <TimeBar />}
      {searching && <Palette onClose={() => setSearching(false)} />}
    </div>
  );
}
