// What this instance of the hub is configured with, for the platform owner.
import { useQuery } from '@tanstack/react-query';
import { Loaded, PageHead, useTitle } from '@/components/page';
import { useText } from '@/i18n/text';
import { ConfiguredParts, FeatureFlags } from '@/pages/parts/configured-parts';
import { hub } from './api';

export function DiagnosticsPage() {
  const { t } = useText();
  const query = useQuery({ queryKey: ['config-status'], queryFn: hub.configStatus, refetchInterval: 30_000 });
  useTitle(t('page.diagnostics'));
  return (
    <>
      <PageHead title={t('page.diagnostics')} sub={t('diagnostics.sub')} />
      <Loaded query={query} what={t('diagnostics.loading')} rows={8}>
        {(status) => (
          <div className="grid">
            <div className="c8"><ConfiguredParts subsystems={status.subsystems} /></div>
            <div className="c4"><FeatureFlags flags={status.feature_flags} /></div>
          </div>
        )}
      </Loaded>
    </>
  );
}
