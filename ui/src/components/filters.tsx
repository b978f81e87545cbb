// Filters over a page: a row of them where there is room; on a phone the search field and one button that opens the rest.
import { type ReactNode, useId, useState } from 'react';
import { useText } from '@/i18n/text';
import { Icon } from './icons';

/** `active` counts the filters in use among those that fold away; `search` and `after` are always seen. */
export function Filters({ label, active, search, after, children }: { label?: string; active: number; search: ReactNode; after?: ReactNode; children: ReactNode }) {
  const { t, n } = useText();
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="row wrap filters folding">
      {search}
      <button type="button" className="btn mob-only-flex" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
        <Icon name="filter" />{label ?? t('filters.button')}
        {active > 0 && <><span className="count" aria-hidden="true">{n(active, 0)}</span><span className="sr">{t('filters.in_use', { n: active })}</span></>}
        <Icon name={isOpen ? 'up' : 'down'} />
      </button>
      <div id={id} className={isOpen ? 'row wrap fold-in open' : 'row wrap fold-in'}>{children}</div>
      {after}
    </div>
  );
}
