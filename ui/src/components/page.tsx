// Head of a page, panes, and the frame that shows loading, error and content.
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { useText } from '@/i18n/text';
import { Icon } from './icons';
import { AppLink } from './link';
import { ErrorState, LoadingState } from './notices';

export function PageHead({ title, sub, children, crumb, mark }: { title: ReactNode; sub?: ReactNode; children?: ReactNode; crumb?: { to: string; text: string; here?: ReactNode }; mark?: ReactNode }) {
  const { t } = useText();
  return (
    <>
      {crumb && (
        <nav className="crumb" aria-label={t('nav.path')}>
          <AppLink to={crumb.to}>{crumb.text}</AppLink>
          {crumb.here && <><Icon name="forward" flip /><span>{crumb.here}</span></>}
        </nav>
      )}
      <div className="ph">
        <h1>{title}</h1>
        {mark}
        {sub && <span className="sub">{sub}</span>}
        {children && <div className="actions end">{children}</div>}
      </div>
    </>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · OPTRIA IQ`;
  }, [title]);
}

export function Pane({ title, caption, end, foot, children, className = '', flush = true, level = 2 }: { title?: ReactNode; caption?: ReactNode; end?: ReactNode; foot?: ReactNode; children: ReactNode; className?: string; flush?: boolean; level?: 2 | 3 }) {
  const H = level === 2 ? 'h2' : 'h3';
  return (
    <section className={`pane ${className}`}>
      {title && (
        <div className="pt">
          <H>{title}</H>
          {caption && <span className="cap">{caption}</span>}
          {end && <div className="row end">{end}</div>}
        </div>
      )}
      {flush ? children : <div className="pb">{children}</div>}
      {foot && <div className="pf">{foot}</div>}
    </section>
  );
}

/** Loading keeps the shape of the page; an error says what to do; data that is there stays while it is read again. */
export function Loaded<T>({ query, what, rows, children }: { query: UseQueryResult<T>; what: string; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return <LoadingState what={what} rows={rows} />;
}
