// What the deletion of a connection takes along and what stays, before anybody agrees to it.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { Tag } from '@/components/marks';
import { InlineError, LoadingState } from '@/components/notices';
import { useText } from '@/i18n/text';

export function DeletionBody({ id, name }: { id: string; name: string }) {
  const { t } = useText();
  const query = useQuery({ queryKey: ['deletion', id], queryFn: () => api.deletion(id), staleTime: 0 });
  if (query.isError) return <InlineError error={query.error} />;
  if (!query.data) return <LoadingState what={t('integrations.loading')} rows={3} />;
  const d = query.data;
  const goes = ([['mappings', d.mappings], ['certificates', d.certificates], ['secrets', d.secrets], ['cursors', d.cursors], ['technical_objects', d.technical_objects], ['actions', d.actions]] as const).filter(([, n]) => n > 0);
  const stays = ([['signals', d.signals], ['work_orders', d.work_orders]] as const).filter(([, n]) => n > 0);
  return (
    <div className="col" data-deletion="">
      <p>{t('deletion.question', { name })}</p>
      {goes.length > 0 && <><h3>{t('deletion.goes')}</h3><ul>{goes.map(([key, n]) => <li key={key}>{t(`deletion.${key}`, { n })}</li>)}</ul></>}
      <h3>{t('deletion.stays')}</h3>
      <ul><li>{t('deletion.history')}</li>{stays.map(([key, n]) => <li key={key}>{t(`deletion.${key}`, { n })}</li>)}</ul>
      {d.assets_left_alone.length > 0 && <div><p>{t('deletion.alone', { n: d.assets_left_alone.length })}</p><div className="row wrap">{d.assets_left_alone.slice(0, 12).map((code) => <Tag key={code}>{code}</Tag>)}{d.assets_left_alone.length > 12 && <span className="dim">{'…'}</span>}</div></div>}
    </div>
  );
}
