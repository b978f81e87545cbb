// Audit: who changed what, when, from where, with which outcome.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { AuditRow } from '@/api/types';
import { DayInput, SearchInput } from '@/components/fields';
import { EmptyState } from '@/components/notices';
import { Loaded, PageHead } from '@/components/page';
import { DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { useParameters } from '@/lib/url';
import { dayStart } from '@/lib/zone';
import { useAuditColumns } from './parts/audit-columns';

const LIMIT = 100;
const DAY = 86_400_000;

export default function AuditPage() {
  const { t } = useText();
  const [parameters, change] = useParameters();
  const [from, to, actor, q] = ['from', 'to', 'actor', 'q'].map((k) => parameters.get(k) ?? '') as [string, string, string, string];
  const offset = useOffset('audit', LIMIT);
  const end = dayStart(to);
  const wanted = { from: dayStart(from), to: end === null ? null : end + DAY, actor, q };
  const query = useQuery({
    queryKey: ['audit', from, to, actor, q, offset], placeholderData: (old) => old,
    queryFn: () => api.audit({ ...wanted, limit: LIMIT, offset }),
  });
  const filter = (changes: Record<string, string | null>) => change({ ...changes, 'audit.page': null });
  const columns = useAuditColumns<AuditRow>();
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
          {(page) => <DataTable id="audit" label={t('page.audit')} columns={columns} rows={page.items} rowKey={(r) => `${r.at}${r.actor}${r.action}${r.object}`} csvName="audit" all={(part) => api.audit({ ...wanted, ...part })} server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="audit" title={t('audit.empty')} />} />}
        </Loaded>
      </section>
    </>
  );
}
