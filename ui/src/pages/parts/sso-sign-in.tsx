// Buttons of the identity providers on the page of signing in, and why the last attempt failed.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '@/api/calls';
import type { SignInProvider } from '@/api/types';
import { Icon } from '@/components/icons';
import { Notice } from '@/components/notices';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';

export function useSignInProviders() {
  return useQuery({ queryKey: ['sign-in-providers'], queryFn: api.signInProviders, staleTime: 60_000 });
}

/** A way back into the program; the server looks at it again. */
function startOf(provider: SignInProvider, next: string): string {
  return `/auth/sso/${provider.id}/start${next ? `?next=${encodeURIComponent(next)}` : ''}`;
}

export function SsoFailure() {
  const { t, p } = useText();
  const [sso] = useParameter('sso');
  const query = useQuery({ queryKey: ['sso-outcome', p.language], queryFn: api.ssoOutcome, enabled: sso === 'failed', gcTime: 0 });
  if (sso !== 'failed' || query.isPending) return null;
  return <Notice tone="critical"><span data-code={query.data?.problem?.code}>{query.data?.problem?.message ?? t('sso.failed')}</span></Notice>;
}

/** The way to one provider. */
export function SsoButton({ href, name, children }: { href: string; name: string; children?: ReactNode }) {
  const { t } = useText();
  return <a className="btn" href={href} data-provider={name}><Icon name="globe" /><span>{t('sso.sign_in_with', { name })}{children}</span></a>;
}

export function SsoButtons({ providers }: { providers: SignInProvider[] }) {
  const { name } = useText();
  const [next] = useParameter('next');
  return (
    <div className="stack sso-buttons">
      {providers.map((provider) => (
        <SsoButton key={provider.id} href={startOf(provider, next)} name={provider.display_name}>{provider.tenant && <> · {name(provider.tenant)}</>}</SsoButton>
      ))}
    </div>
  );
}
