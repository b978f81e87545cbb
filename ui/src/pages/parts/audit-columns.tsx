// How a row of an audit log reads, at the plant and at the hub.
import type { AuditRow } from '@/api/types';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import type { Column } from '@/components/table';
import { sentence, wholeSentence } from '@/i18n';
import { useText } from '@/i18n/text';

function Outcome({ row }: { row: AuditRow }) {
  const { t } = useText();
  if (row.outcome === 'success') return <span className="st mid"><Icon name="check" />{t('audit.success')}</span>;
  // The sentence for who is refused names role and permission, which no record keeps.
  const said = row.outcome === 'request.forbidden' ? t('audit.refused_role') : wholeSentence('errors', row.outcome);
  const words = said ? <span className="audit-cell" title={row.outcome}>{said}</span> : <Tag>{row.outcome}</Tag>;
  return <span className="row"><StatusShape shape="warning" />{words}</span>;
}

export function useAuditColumns<R extends AuditRow>(): Column<R>[] {
  const { t } = useText();
  return [
    { key: 'at', title: t('event.time'), cell: (r) => <When at={r.at} full />, csv: (r) => new Date(r.at).toISOString() },
    { key: 'actor', title: t('audit.actor'), cell: (r) => <Tag>{r.actor}</Tag>, csv: (r) => r.actor },
    { key: 'action', title: t('audit.action'), cell: (r) => <span className="audit-cell" title={r.action}>{sentence('action', r.action) ?? <Tag>{r.action}</Tag>}</span>, csv: (r) => r.action },
    { key: 'object', title: t('audit.object'), cell: (r) => <span className="audit-cell" title={r.object}><Tag wrap>{r.object}</Tag></span>, csv: (r) => r.object },
    { key: 'outcome', title: t('activity.outcome'), cell: (r) => <Outcome row={r} />, csv: (r) => r.outcome },
    { key: 'details', title: t('audit.details'), cell: (r) => (r.details === null || JSON.stringify(r.details) === '{}' ? <span className="dim">{'—'}</span> : <span className="audit-cell" title={JSON.stringify(r.details)}><Tag wrap className="cap">{JSON.stringify(r.details)}</Tag></span>), csv: (r) => JSON.stringify(r.details), wideOnly: true },
    { key: 'address', title: t('audit.address'), cell: (r) => <Tag>{r.address ?? '—'}</Tag>, csv: (r) => r.address, wideOnly: true },
  ];
}
