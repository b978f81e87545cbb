// Links that keep the application's time, range and site.
import type { AnchorHTMLAttributes, ReactNode } from 'react';
import { Link, useSearch } from 'wouter';
import { withGlobals } from '@/lib/url';

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: string;
  children: ReactNode;
}

export function AppLink({ to, children, ...rest }: Props) {
  const search = useSearch();
  return (
    <Link href={withGlobals(to, search)} {...rest}>
      {children}
    </Link>
  );
}
