// How an appliance reads in a list: by its receipts and by what it says of itself.
import { Icon, type Shape, StatusShape } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import type { Column } from '@/components/table';
import { useText } from '@/i18n/text';
import type { FleetAppliance } from './api';
import { DemoChip } from './words';

const SHAPES: Record<FleetAppliance['state'], Shape> = { registered: 'unknown', synced: 'normal', behind: 'warning', silent: 'warning', courier: 'unknown', courier_late: 'warning', fork: 'critical', revoked: 'unknown' };

export const STATES = Object.keys(SHAPES) as FleetAppliance['state'][];

/** Whether the hub takes no more of an appliance, or no more epochs of its logs. */
const isFull = (a: FleetAppliance) => (a.max_bytes > 0 && a.stored_bytes >= a.max_bytes) || (a.max_epochs > 0 && a.epochs >= a.max_epochs);

/** What the hub holds of an appliance, against what it may hold. */
function Held({ of: a }: { of: FleetAppliance }) {
  const { t, n } = useText();
  const gb = (bytes: number) => n(bytes / 1e9, 1);
  const text = a.max_bytes > 0 ? t('hub.gb_of', { n: gb(a.stored_bytes), most: gb(a.max_bytes) }) : t('hub.gb', { n: gb(a.stored_bytes) });
  const epochs = a.max_epochs > 0 ? t('hub.epochs_of', { n: n(a.epochs, 0), most: n(a.max_epochs, 0) }) : t('hub.epochs', { n: n(a.epochs, 0) });
  return (
    <span className="two">
      {isFull(a) ? <span className="st warning" title={t('hub.full_what')}><StatusShape shape="warning" />{t('hub.full')}</span> : null}
      <span>{text}</span>
      <small>{epochs}</small>
    </span>
  );
}

/** How it stands; where files are carried, when the last of them came. */
export function Standing({ of: a }: { of: FleetAppliance }) {
  const { t } = useText();
  const word = <span className={`st ${SHAPES[a.state]}`}><StatusShape shape={SHAPES[a.state]} />{t(`hub.state.${a.state}`)}</span>;
  if (a.state !== 'courier' && a.state !== 'courier_late') return word;
  return <span className="two">{word}<small>{t('hub.last_file')} <When at={a.last_file_at} /></small></span>;
}

/** `ofAll` names the organisation of each. */
export function useFleetColumns(ofAll: boolean): Column<FleetAppliance>[] {
  const { t, n, span } = useText();
  return [
    { key: 'name', title: t('field.name'), sort: (a) => a.name, csv: (a) => a.name, cell: (a) => <span className="two"><b className="b"><bdi>{a.name}</bdi></b><small>{ofAll && <Tag>{a.tenant_code}</Tag>} <Tag>{a.fingerprint}</Tag> <DemoChip is={a.is_demo} /></small></span> },
    { key: 'state', title: t('field.state'), sort: (a) => a.state, csv: (a) => a.state, cell: (a) => <Standing of={a} /> },
    { key: 'receipt', title: t('hub.last_receipt'), sort: (a) => a.last_receipt_at, cell: (a) => <When at={a.last_receipt_at} /> },
    { key: 'backlog', title: t('hub.backlog'), end: true, sort: (a) => a.backlog, csv: (a) => a.backlog, cell: (a) => (a.backlog === null ? '—' : n(a.backlog, 0)) },
    { key: 'oldest', title: t('hub.oldest'), sort: (a) => a.oldest_unsent_at, cell: (a) => (a.oldest_unsent_at === null ? '—' : <When at={a.oldest_unsent_at} />), wideOnly: true },
    { key: 'clock', title: t('hub.clock'), end: true, sort: (a) => a.clock_offset_ms, csv: (a) => a.clock_offset_ms, cell: (a) => (a.clock_offset_ms === null ? '—' : span(Math.abs(a.clock_offset_ms))), wideOnly: true },
    { key: 'disk', title: t('hub.disk'), end: true, sort: (a) => a.disk_free_bytes, csv: (a) => a.disk_free_bytes, cell: (a) => (a.disk_free_bytes === null ? '—' : t('hub.gb', { n: n(a.disk_free_bytes / 1e9, 1) })), wideOnly: true },
    { key: 'stored', title: t('hub.stored'), end: true, sort: (a) => a.stored_bytes, csv: (a) => a.stored_bytes, cell: (a) => <Held of={a} />, wideOnly: true },
    { key: 'integrations', title: t('hub.integrations'), csv: (a) => a.integrations?.error ?? null, cell: (a) => (!a.integrations ? '—' : a.integrations.error ? <span className="st warning"><StatusShape shape="warning" />{t('hub.integrations_failing', { n: a.integrations.error })}</span> : <span className="st mid"><Icon name="check" />{n(a.integrations.active ?? 0, 0)}</span>), wideOnly: true },
    { key: 'version', title: t('hub.version'), csv: (a) => a.version, cell: (a) => (a.version ? <Tag>{a.version}</Tag> : '—'), wideOnly: true },
  ];
}
