// Diagnostics: which part is configured, what runs, what is wrong with a connection, and the bundle for support; never
// a value of the configuration.
import { useQuery } from '@tanstack/react-query';
import { Fragment } from 'react';
import { api } from '@/api/calls';
import { Select } from '@/components/fields';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { Tag } from '@/components/marks';
import { Notice } from '@/components/notices';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useSignedIn } from '@/api/session';
import { useText } from '@/i18n/text';
import { useParameter } from '@/lib/url';
import { fileSize } from './imports';
import { ConfiguredParts, FeatureFlags } from './parts/configured-parts';
import { Doctor } from './parts/doctor';
import { Serving } from './parts/serving';

const megabytes = (bytes: number) => Math.round(bytes / 1_048_576);

function Machine() {
  const { t, n } = useText();
  const query = useQuery({ queryKey: ['diagnostics'], queryFn: api.diagnostics, refetchInterval: 30_000 });
  return (
    <Pane title={t('diagnostics.machine')} flush={false} foot={t('diagnostics.bundle_what')}>
      <Loaded query={query} what={t('diagnostics.loading')} rows={4}>
        {(d) => (
          <>
          {d.disk_reserve.trouble && <Notice tone={d.disk_reserve.state === 'released' ? 'critical' : 'warning'}>{d.disk_reserve.trouble.message}</Notice>}
          <dl className="kv">
            <dt>{t('diagnostics.platform')}</dt><dd><Tag>{d.platform}</Tag></dd>
            <dt>{t('diagnostics.schema')}</dt><dd><Tag>{d.schema_version}</Tag></dd>
            <dt>{t('diagnostics.disk')}</dt><dd>{d.disk_free === null || d.disk_total === null ? '—' : t('diagnostics.disk_free', { free: n(megabytes(d.disk_free) / 1024, 1), total: n(megabytes(d.disk_total) / 1024, 1) })}</dd>
            <dt>{t('diagnostics.reserve')}</dt><dd>{t(`diagnostics.reserve.${d.disk_reserve.state}`, { size: n(Math.round(d.disk_reserve.bytes / 1_000_000), 0) })}</dd>
            <dt>{t('diagnostics.store_size')}</dt><dd><bdi dir="ltr">{fileSize(n, d.store_bytes)}</bdi></dd>
            <dt>{t('diagnostics.historian_size')}</dt><dd><bdi dir="ltr">{fileSize(n, d.historian_bytes)}</bdi></dd>
            <dt>{t('diagnostics.samples')}</dt><dd>{n(d.samples, 0)}</dd>
            <dt>{t('diagnostics.damaged')}</dt><dd>{n(d.damaged_batches, 0)}</dd>
            {(['sites', 'assets', 'signals', 'mappings', 'alerts', 'events', 'incidents', 'users'] as const).map((key) => <Fragment key={key}><dt>{t(`diagnostics.count.${key}`)}</dt><dd>{n(d.counts[key], 0)}</dd></Fragment>)}
          </dl>
          </>
        )}
      </Loaded>
    </Pane>
  );
}

function HowServed() {
  const query = useQuery({ queryKey: ['diagnostics'], queryFn: api.diagnostics, refetchInterval: 30_000 });
  return query.data ? <Serving facts={query.data.serving} at={query.data.at} /> : null;
}

/** The doctor for one connection at a time: a test takes the source's attention. */
function Connections() {
  const { t } = useText();
  const [chosen, choose] = useParameter('connection');
  const query = useQuery({ queryKey: ['diagnostics'], queryFn: api.diagnostics, refetchInterval: 30_000 });
  const list = query.data?.integrations ?? [];
  if (list.length === 0) return null;
  const one = list.find((i) => i.id === chosen) ?? list.find((i) => i.status === 'error') ?? list[0]!;
  return (
    <div className="stack">
      <div className="row wrap"><Select label={t('doctor.which')} value={one.id} options={list.map((i) => ({ value: i.id, label: `${i.name} (${i.kind})` }))} onChange={choose} /><AppLink className="s" to={`/integrations/${one.id}`}>{t('doctor.open')}</AppLink></div>
      <Doctor key={one.id} id={one.id} />
    </div>
  );
}

export default function DiagnosticsPage() {
  const { t } = useText();
  const session = useSignedIn();
  const query = useQuery({ queryKey: ['config-status'], queryFn: api.configStatus, refetchInterval: 30_000 });
  return (
    <>
      <PageHead title={t('page.diagnostics')} sub={t('diagnostics.sub')}><a className="btn pri" href="/api/diagnostics/bundle" download><Icon name="download" />{t('diagnostics.bundle')}</a></PageHead>
      <Loaded query={query} what={t('diagnostics.loading')} rows={8}>
        {(status) => (
          <div className="grid">
            <div className="c8 stack">
            <ConfiguredParts subsystems={status.subsystems} />
            <Connections />
            </div>
            <div className="c4 stack">
              <HowServed />
              <Machine />
              <Pane title={t('diagnostics.appliance')} flush={false}><dl className="kv"><dt>{t('door.appliance')}</dt><dd><Tag>{session.appliance}</Tag></dd><dt>{t('door.version')}</dt><dd><Tag>{session.version}</Tag></dd></dl></Pane>
              <FeatureFlags flags={status.feature_flags} />
              <Pane title={t('diagnostics.api')} flush={false}><a href="/api/docs" target="_blank" rel="noopener">{t('header.api_docs')}</a></Pane>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
