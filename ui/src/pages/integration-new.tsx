// A new data source: choose the kind, fill its form, test it beside the form.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { Workbench } from './parts/integration-workbench';

export default function IntegrationNewPage() {
  const { t, name } = useText();
  const [kind, setKind] = useParameter('kind');
  const types = useQuery({ queryKey: ['connector-types'], queryFn: api.connectorTypes, staleTime: Infinity });
  return (
    <>
      <PageHead crumb={{ to: '/integrations', text: t('page.integrations'), here: t('page.integration_new') }} title={t('page.integration_new')} />
      <Loaded query={types} what={t('integrations.loading')}>
        {(list) => {
          const type = list.find((x) => x.kind === kind) ?? (list.length === 1 ? list[0] : undefined);
          if (list.length === 0) return <section className="pane"><EmptyState icon="plug" title={t('integrations.no_types')} /></section>;
          if (type) return <Workbench type={type} />;
          return (
            <ul className="int-cards">
              {list.map((x) => <li key={x.kind}><button type="button" className="card kind-card" data-kind={x.kind} onClick={() => setKind(x.kind)}><b>{name(x.names)}</b><span className="s mid">{name(x.descriptions)}</span></button></li>)}
            </ul>
          );
        }}
      </Loaded>
    </>
  );
}
