// Data sources: each card says in words what is true now, and a problem carries its one next step.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import { useSession, useSignedIn } from '@/api/session';
import type { Integration } from '@/api/types';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Connectivity, Tag } from '@/components/marks';
import { EmptyState, Notice } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { MoreMenu } from './parts/integration-actions';
import { Flow } from './parts/integration-flow';
import { CostModelPane } from './parts/cost-model';
import { OwnProvidersPane } from './parts/own-providers';
import { JobStrip, RunButton, useJob } from './parts/job-strip';

const field = (i: Integration, name: string): string => {
  const value = i.effective[name]?.value;
  return typeof value === 'string' ? value : '';
};

const addressOf = (i: Integration) => ['endpoint_url', 'pi_webapi_url', 'base_url', 'host', 'watch_folder'].map((name) => field(i, name)).find(Boolean) ?? '';

function nowSays(i: Integration, now: number, text: ReturnType<typeof useText>): string {
  const { t, span } = text;
  if (!i.is_enabled) return t('integrations.says_off');
  if (i.status === 'error') return t('integrations.says_error', { span: i.status_at ? span(now - i.status_at) : '—' });
  if (i.mapped_tags === 0 && i.last_value_at !== null) return t('integrations.says_records', { span: span(Math.max(1000, now - i.last_value_at)) });
  if (i.mapped_tags === 0) return t('integrations.says_unmapped');
  if (i.last_value_at === null) return t('integrations.says_waiting', { n: i.mapped_tags });
  return t('integrations.says_live', { n: i.mapped_tags, span: span(Math.max(1000, now - i.last_value_at)) });
}

function Card({ i }: { i: Integration }) {
  const text = useText();
  const { t } = text;
  const { may } = useSession();
  const now = Date.now();
  const kind = sentence('ui', `connector.${i.kind}.short`) ?? (i.kind === 'opcua' ? 'OPC UA' : i.kind.replace('_', ' ').toUpperCase());
  const trouble = i.pending_certificates > 0 || (i.is_enabled && i.status === 'error');
  return (
    <article className={`pane int-card ${trouble ? 'critical' : ''}`} data-integration={i.name}>
      <div className="pb col grow">
        <div className="row top">
          <span className="kind"><bdi dir="ltr">{kind}</bdi></span>
          <div className="grow col g1"><h2 className="ell"><AppLink to={`/integrations/${i.id}`}><bdi>{i.name}</bdi></AppLink></h2><Tag className="tail dim">{addressOf(i) || '—'}</Tag></div>
          <span className="s">{i.is_demo_origin ? <span className="chip demo">{text.word('connectivity', 'demo')}</span> : <Connectivity link={i.connectivity} ageMs={i.connectivity === 'live' || i.last_value_at === null ? null : now - i.last_value_at} />}</span>
        </div>
        <p className="s mid">{nowSays(i, now, text)}</p>
        <Flow i={i} />
        <div className="cap dim"><bdi dir="ltr">{[field(i, 'security_mode'), field(i, 'security_policy'), field(i, 'auth_type')].filter(Boolean).join(' · ')}</bdi></div>
        {i.pending_certificates > 0 && <Notice tone="critical">{t('integrations.pending', { n: i.pending_certificates })}</Notice>}
        {i.pending_certificates === 0 && trouble && i.message && <Notice tone="critical">{i.message.message}</Notice>}
      </div>
      <div className="pf actions">
        {i.pending_certificates > 0 && <AppLink className="btn sm pri" to={`/integrations/${i.id}?tab=trust`}>{t('integrations.review_certificate')}</AppLink>}
        {may('integrations.test') && <AppLink className="btn sm" to={`/integrations/${i.id}?test=1`}>{t('action.test')}</AppLink>}
        <AppLink className="btn sm quiet" to={`/integrations/${i.id}`}>{t('integrations.setup')}</AppLink>
        <MoreMenu i={i} />
      </div>
    </article>
  );
}

export default function IntegrationsPage() {
  const { t, p } = useText();
  const { may } = useSession();
  const session = useSignedIn();
  const [tab] = useParameter('tab');
  const costs = tab === 'costs' && may('cost_models.read');
  const sso = tab === 'sso' && may('identity_providers.read');
  const refetchInterval = useRefresh(null);
  const query = useQuery({ queryKey: ['integrations'], queryFn: api.integrations, refetchInterval });
  const job = useJob(null);
  const add = may('integrations.write') && <AppLink className="btn pri" to="/integrations/new"><Icon name="plus" />{t('integrations.add')}</AppLink>;
  return (
    <>
      <PageHead title={t('page.integrations')} sub={t('integrations.sub')}><a className="btn quiet" href={`/api/integrations/ot-statement?lang=${p.language}`} download title={t('integrations.ot_statement_what')}><Icon name="download" />{t('integrations.ot_statement')}</a><RunButton integration={null} job={job} />{add}</PageHead>
      <nav className="tabs" aria-label={t('integrations.tabs')}>
        <AppLink to="/integrations" aria-current={costs || sso ? undefined : 'page'}>{t('integrations.sources')}</AppLink>
        {may('mappings.read') && <AppLink to={`/tenant/${session.tenant_id}/data-mapping`}>{t('page.mapping')}</AppLink>}
        {may('identity_providers.read') && <AppLink to="/integrations?tab=sso" aria-current={sso ? 'page' : undefined}>{t('sso.tab')}</AppLink>}
        {may('cost_models.read') && <AppLink to="/integrations?tab=costs" aria-current={costs ? 'page' : undefined}>{t('costs.tab')}</AppLink>}
      </nav>
      {costs ? <CostModelPane /> : sso ? <OwnProvidersPane /> : <>
      <JobStrip job={job} />
      <Loaded query={query} what={t('integrations.loading')}>
        {(list) => list.length === 0
          ? <section className="pane"><EmptyState icon="plug" title={t('empty.integrations')} action={add}>{t('integrations.sub')}</EmptyState></section>
          : <div className="int-cards">{list.map((i) => <Card key={i.id} i={i} />)}</div>}
      </Loaded>
      </>}
    </>
  );
}
