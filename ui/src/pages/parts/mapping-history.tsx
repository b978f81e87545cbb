// What was changed in the mapping, by whom, and taking it back.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { MappingChange } from '@/api/types';
import { Dialog, useConfirm, useToasts } from '@/components/dialog';
import { When } from '@/components/marks';
import { EmptyState } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { type Column, DataTable, useOffset } from '@/components/table';
import { useText } from '@/i18n/text';
import { DiffView } from './mapping-diff';

const LIMIT = 50;

function Details({ change, onClose }: { change: MappingChange; onClose: () => void }) {
  const { t, p } = useText();
  const query = useQuery({ queryKey: ['mapping-change', change.id, p.language], queryFn: () => api.mappingChange(change.id) });
  return (
    <Dialog title={t('mapping.change_details')} onClose={onClose} size="80%">
      <Loaded query={query} what={t('mapping.loading')}>{(diff) => <DiffView diff={diff} />}</Loaded>
    </Dialog>
  );
}

export function MappingHistory({ onDone }: { onDone: () => void }) {
  const { t } = useText();
  const { may } = useSession();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const [shown, setShown] = useState<MappingChange | null>(null);
  const offset = useOffset('changes', LIMIT);
  const query = useQuery({ queryKey: ['mapping-changes', offset], queryFn: () => api.mappingChanges({ limit: LIMIT, offset }), placeholderData: (old) => old });
  const undo = (change: MappingChange) => confirm({
    title: t('mapping.undo_title'), body: t('mapping.undo_body', { n: change.added + change.changed + change.removed }), action: t('mapping.undo'),
    run: async () => { await api.undoMappingChange(change.id); toasts.done(t('mapping.undone')); onDone(); },
  });
  const columns: Column<MappingChange>[] = [
    { key: 'at', title: t('mapping.change_at'), cell: (c) => <When at={c.at} full /> },
    { key: 'actor', title: t('mapping.change_actor'), cell: (c) => <bdi>{c.actor}</bdi> },
    { key: 'origin', title: t('mapping.change_origin'), cell: (c) => t(`mapping.origin_${c.origin}`) },
    { key: 'counts', title: t('mapping.change_counts'), cell: (c) => t('mapping.change_numbers', { added: c.added, changed: c.changed, removed: c.removed }) },
    { key: 'state', title: t('mapping.change_state'), cell: (c) => (c.undone_by ? <span className="chip">{t('mapping.is_undone')}</span> : null) },
    { key: 'actions', title: '', end: true, cell: (c) => (
      <span className="nw">
        <button type="button" className="btn quiet sm" onClick={() => setShown(c)}>{t('action.show')}</button>
        {may('mappings.write') && !c.undone_by && <button type="button" className="btn sm" data-action="undo" onClick={() => undo(c)}>{t('action.undo')}</button>}
      </span>
    ) },
  ];
  return (
    <>
      <Pane title={t('mapping.history')} caption={t('mapping.history_sub')}>
        <Loaded query={query} what={t('mapping.loading')}>
          {(page) => <DataTable id="changes" label={t('mapping.history')} columns={columns} rows={page.items} rowKey={(c) => c.id} server={{ total: page.total, offset, limit: LIMIT }} empty={<EmptyState icon="audit" title={t('mapping.history_empty')} />} />}
        </Loaded>
      </Pane>
      {shown && <Details change={shown} onClose={() => setShown(null)} />}
      {dialog}
    </>
  );
}
