// The list of guides, in the order a person needs them.
import guides from 'virtual:guides';
import { AppLink } from '@/components/link';
import { PageHead, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { GUIDES } from '@/lib/help';
import { BackToPage } from './parts/back-to-page';

const GROUPS = ['start', 'work', 'run'] as const;

export default function HelpPage() {
  const { t, p } = useText();
  return (
    <>
      <PageHead title={t('page.help')} sub={t('help.sub')}><BackToPage /></PageHead>
      <div className="grid help-list">
        {GROUPS.map((group) => (
          <Pane key={group} className="c4" title={t(`help.group_${group}`)}>
            <ul className="list">
              {GUIDES.filter((guide) => guide.group === group).map(({ name }) => {
                const { title, summary } = guides[`${name}/${p.language}`]!;
                return <li key={name}><div><AppLink className="m5" to={`/help/${name}`}>{title}</AppLink><p className="cap dim">{summary}</p></div></li>;
              })}
            </ul>
          </Pane>
        ))}
      </div>
      <p className="cap dim">{t('help.keys')}</p>
    </>
  );
}
