// The way from a page to its guide: a button in the header, F1, or a question mark.
import { useEffect } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import { type CameFrom, helpOf } from '@/lib/help';
import { withGlobals } from '@/lib/url';
import type { Route } from '@/routes';

/** Help remembers the page it was asked on, so that one press leads back to it. */
const here = (route: Route | undefined): CameFrom => ({ from: window.location.pathname + window.location.search, title: route?.title ?? 'page.dashboard' });

const isHelp = (route: Route | undefined) => route?.path.startsWith('/help') ?? false;

export function HelpButton({ route }: { route: Route | undefined }) {
  const { t } = useText();
  const search = useSearch();
  if (isHelp(route)) return null;
  return (
    <Link href={withGlobals(helpOf(route?.path), search)} state={here(route)} className="btn quiet icon dsk-only-flex" aria-label={t('help.open')} title={t('help.open')} aria-keyshortcuts="F1">
      <Icon name="help" />
    </Link>
  );
}

const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

export function useHelpKeys(route: Route | undefined): void {
  const [, navigate] = useLocation();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const asked = event.key === 'F1' || ((event.key === '?' || event.key === '؟') && !isTyping(event.target));
      // A part of the page that has keys of its own answers first.
      if (!asked || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      if (isHelp(route)) return;
      navigate(withGlobals(helpOf(route?.path), window.location.search), { state: here(route) });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [navigate, route]);
}
