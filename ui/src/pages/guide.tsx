// One guide in the person's language, with its headings beside it. The text is part of the program.
import { useQuery } from '@tanstack/react-query';
import guides from 'virtual:guides';
import { type MouseEvent, useEffect } from 'react';
import { useLocation, useParams } from 'wouter';
import { useHistoryState } from 'wouter/use-browser-location';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { withGlobals } from '@/lib/url';
import { BackToPage } from './parts/back-to-page';

const showPlace = (hash: string) => {
  const place = hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
  if (place) place.scrollIntoView();
  else document.getElementById('main')?.scrollTo(0, 0);
};

/** Links between guides stay in the program; what leads elsewhere opens beside it. */
function useLinks(): (event: MouseEvent<HTMLElement>) => void {
  const [, navigate] = useLocation();
  const came = useHistoryState<unknown>();
  return (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const to = link?.getAttribute('href');
    if (!to?.startsWith('/help/') || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    navigate(withGlobals(to, window.location.search), { state: came });
    showPlace(window.location.hash);
  };
}

function Text({ name }: { name: string }) {
  const { t, p } = useText();
  const key = `${name}/${p.language}`;
  const entry = guides[key]!;
  const follow = useLinks();
  useTitle(entry.title);
  const query = useQuery({ queryKey: ['guide', key], queryFn: async () => (await entry.load()).default, staleTime: Infinity });
  useEffect(() => { if (query.data) showPlace(window.location.hash); }, [query.data]);
  return (
    <>
      <PageHead crumb={{ to: '/help', text: t('page.help'), here: entry.title }} title={entry.title}>
        <BackToPage />
        <button type="button" className="btn" onClick={() => window.print()}><Icon name="doc" />{t('help.print')}</button>
      </PageHead>
      <Loaded query={query} what={t('help.loading')}>
        {(guide) => (
          <div className="guide-page" onClick={follow}>
            {guide.headings.length > 1 && (
              <nav className="guide-toc" aria-label={t('help.contents')}>
                <b className="cap dim">{t('help.contents')}</b>
                <ul>{guide.headings.filter((h) => h.depth < 4).map((h) => <li key={h.id} className={h.depth > 2 ? 'deep' : undefined}><a href={`/help/${name}#${h.id}`}>{h.text}</a></li>)}</ul>
              </nav>
            )}
            {/* Made from the guides of the repository while the program was built; nothing a user wrote is in it. */}
            <article className="pane guide" dangerouslySetInnerHTML={{ __html: guide.html }} />
          </div>
        )}
      </Loaded>
    </>
  );
}

export default function GuidePage() {
  const { t, p } = useText();
  const { guide } = useParams<{ guide: string }>();
  if (Object.hasOwn(guides, `${guide}/${p.language}`)) return <Text key={guide} name={guide} />;
  return (
    <section className="pane">
      <EmptyState icon="search" title={t('help.no_such_guide')} action={<AppLink className="btn" to="/help">{t('page.help')}</AppLink>} />
    </section>
  );
}
