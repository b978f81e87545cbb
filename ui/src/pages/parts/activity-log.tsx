// What was done with this connection: tests, decisions, starts and stops.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { ActionLogRow } from '@/api/types';
import { Icon, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';

const LIMIT = 50;

export function ActivityLog({ id }: { id: string }) {
  const { t, n, word, p } = useText();
  const action = (r: ActionLogRow) => sentence('ui', `enum.action_type.${r.action_type}`) ?? r.action_type;
  const offset = useOffset('activity', LIMIT);
  const query = useQuery({ queryKey: ['activity', id, offset, p.language], queryFn: () => api.actionLog(id, { limit: LIMIT, offset }), placeholderData: (old) => old });
  const columns: Column<ActionLogRow>[] = [
    { key: 'at', title: t('event.time'), cell: (r) => <When at={r.at} full />, csv: (r) => new Date(r.at).toISOString() },
    { key: 'action_type', title: t('activity.action'), cell: (r) => <span title={r.action_type}>{action(r)}</span>, csv: (r) => r.action_type },
    { key: 'status', title: t('activity.outcome'), cell: (r) => <span className="st mid">{r.status === 'failure' ? <StatusShape shape="critical" /> : <Icon name={r.status === 'success' ? 'check' : 'clock'} />}{word('action_status', r.status)}</span>, csv: (r) => r.status },
    { key: 'actor', title: t('activity.actor'), cell: (r) => (r.actor === null ? <span className="dim">{t('activity.system')}</span> : <bdi>{r.actor}</bdi>), csv: (r) => r.actor },
    { key: 'ms', title: t('activity.ms'), end: true, wideOnly: true, cell: (r) => (r.ms === null ? <span className="dim">{'—'}</span> : <Tag>{`${n(r.ms, 0)} ms`}</Tag>), csv: (r) => r.ms },
    { key: 'message', title: t('activity.message'), cell: (r) => r.message, csv: (r) => r.message },
  ];
  return (
    <Pane title={t('integrations.tab_activity')}>
      <Loaded query={query} what={t('integrations.loading')}>
        {(page) => <DataTable id="activity" label={t('integrations.tab_activity')} columns={columns} rows={page.items} rowKey={(r) => `${r.at}${r.action_type}`} csvName="activity" all={(part) => api.actionLog(id, part)} server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="clock" title={t('activity.empty')} />} />}
      </Loaded>
    </Pane>
  );
}
