// Audit: who changed what, when, from where, with which outcome.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { AuditRow } from '@/api/types';
import { DayInput, SearchInput } from '@/components/fields';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { sentence, wholeSentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { dayStart } from '@/lib/zone';

const LIMIT = 100;
const DAY = 86_400_000;

function Outcome({ row }: { row: AuditRow }) {
  const { t } = useText();
  if (row.outcome === 'success') return <span className="st mid"><Icon name="check" />{t('audit.success')}</span>;
  const said = wholeSentence('errors', row.outcome);
  const words = said ? <span className="audit-cell" title={row.outcome}>{said}</span> : <Tag>{row.outcome}</Tag>;
  return <span className="row"><StatusShape shape="warning" />{words}</span>;
}

export default function AuditPage() {
  const { t } = useText();
  const [parameters, change] = useParameters();
  const [from, to, actor, q] = ['from', 'to', 'actor', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string, string];
  const offset = useOffset('audit', LIMIT);
  const end = dayStart(to);
  const query = useQuery({
    queryKey: ['audit', from, to, actor, q, offset], placeholderData: (old) => old,
    queryFn: () => api.audit({ from: dayStart(from), to: end === null ? null : end + DAY, actor, q, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'audit.page': null });
  const columns: Column<AuditRow>[] = [
    { key: 'at', title: t('event.time'), cell: (r) => <When at={r.at} full />, csv: (r) => new Date(r.at).toISOString() },
    { key: 'actor', title: t('audit.actor'), cell: (r) => <Tag>{r.actor}</Tag>, csv: (r) => r.actor },
    { key: 'action', title: t('audit.action'), cell: (r) => <span className="audit-cell" title={r.action}>{sentence('action', r.action) ?? <Tag>{r.action}</Tag>}</span>, csv: (r) => r.action },
    { key: 'object', title: t('audit.object'), cell: (r) => <span className="audit-cell" title={r.object}><Tag wrap>{r.object}</Tag></span>, csv: (r) => r.object },
    { key: 'outcome', title: t('activity.outcome'), cell: (r) => <Outcome row={r} />, csv: (r) => r.outcome },
    { key: 'details', title: t('audit.details'), cell: (r) => (r.details === null || JSON.stringify(r.details) === '{}' ? <span className="dim">{'—'}</span> : <span className="audit-cell" title={JSON.stringify(r.details)}><Tag wrap className="cap">{JSON.stringify(r.details)}</Tag></span>), csv: (r) => JSON.stringify(r.details), wideOnly: true },
    { key: 'address', title: t('audit.address'), cell: (r) => <Tag>{r.address ?? '—'}</Tag>, csv: (r) => r.address, wideOnly: true },
  ];
  return (
    <>
      <PageHead title={t('page.audit')} sub={t('audit.sub')} />
      <div className="row wrap filters">
        <label className="row g1 s">{t('audit.from')}<DayInput value={from} onChange={(v) => filter({ from: v })} /></label>
        <label className="row g1 s">{t('audit.to')}<DayInput value={to} onChange={(v) => filter({ to: v })} /></label>
        <SearchInput label={t('audit.actor')} value={actor} onChange={(v) => filter({ actor: v })} />
        <span className="grow search-grow"><SearchInput label={t('audit.search')} value={q} onChange={(v) => filter({ q: v })} /></span>
      </div>
      <section className="pane">
        <Loaded query={query} what={t('audit.loading')} rows={8}>
          {(page) => <DataTable id="audit" label={t('page.audit')} columns={columns} rows={page.items} rowKey={(r) => `${r.at}${r.actor}${r.action}${r.object}`} csvName="audit" server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="audit" title={t('audit.empty')} />} />}
        </Loaded>
      </section>
    </>
  );
}
