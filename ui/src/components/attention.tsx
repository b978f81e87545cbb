// Rows that need a person: what, why, value in context, since when, one action.
import type { AttentionRow } from '@/api/types';
import { useText } from '@/i18n/text';
import { AnalogIndicator } from './instruments';
import { AppLink } from './link';
import { Quantity, Since, SourceTag, StatusMark, Tag, When } from './marks';
import { useMetricName } from './metrics';
import { EmptyState } from './notices';

const bandOf = (row: AttentionRow) => (row.baseline_low !== null && row.baseline_high !== null ? { low: row.baseline_low, high: row.baseline_high } : null);

export function Attention({ rows, at }: { rows: AttentionRow[]; at: number }) {
  const { t, name } = useText();
  const metric = useMetricName();
  if (rows.length === 0) return <EmptyState icon="check" title={t('dashboard.nothing')}>{t('dashboard.nothing_why')}</EmptyState>;
  return (
    <ul className="list">
      {rows.map((row) => (
        <li key={`${row.asset_id}${row.alert_id ?? row.signal_id ?? ''}`} className="at">
          <StatusMark status={row.status} bare />
          <div className="w1">
            <span className="ell"><AppLink to={`/assets/${row.asset_id}`}><Tag>{row.asset_code}</Tag></AppLink> {name(row.asset_names)}</span>
            <span className="ell s mid" title={row.reason.message}>{row.reason.message}</span>
          </div>
          <div className="w2">
            <span className="row">
              <span className="ell cap dim grow">{row.tag ? <SourceTag tag={row.tag} /> : row.metric ? metric(row.metric) : ''}</span>
              <Quantity value={row.value} unit={row.unit} metric={row.metric} className={row.status === 'critical' ? 'b crit-t' : row.status === 'warning' ? 'b warn-t' : 'b'} />
            </span>
            <AnalogIndicator value={row.value} status={row.status} limits={row.limits} band={bandOf(row)} scaleLow={row.scale_low} scaleHigh={row.scale_high} />
          </div>
          <div className="w3 s"><Since at={row.since} now={at} /><div className="cap dim"><When at={row.since} /></div></div>
          {row.incident_id
            ? <AppLink className="btn" to={`/blackbox/incidents/${row.incident_id}`}>{t('action.incident')}</AppLink>
            : <AppLink className="btn" to={`/assets/${row.asset_id}`}>{t('action.show_asset')}</AppLink>}
        </li>
      ))}
    </ul>
  );
}
