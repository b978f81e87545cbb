// Words of records. An appliance may be newer than this program: a word it does not know is shown as it came.
import type { Severity } from '@/api/types';
import { StatusShape } from '@/components/icons';
import { severityShape, Tag } from '@/components/marks';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';

const SEVERITIES: readonly string[] = ['info', 'warning', 'critical'] satisfies Severity[];

export function Word({ list, value }: { list: string; value: string | null }) {
  if (value === null) return <span className="dim">{'—'}</span>;
  return <>{sentence('ui', `enum.${list}.${value}`) ?? <Tag>{value}</Tag>}</>;
}

export function SeverityWord({ value }: { value: string | null }) {
  const shape = value && SEVERITIES.includes(value) ? severityShape(value as Severity) : 'unknown';
  return <span className={`st ${shape}`}><StatusShape shape={shape} /><span><Word list="severity" value={value} /></span></span>;
}

/** What kind of event it was: `event.alert_activated.limit_high` is "Alert raised: above the high limit". */
export function EventWord({ code }: { code: string | null }) {
  const [, what, kind] = /^event\.([a-z_]+)(?:\.([a-z_]+))?$/.exec(code ?? '') ?? [];
  const words = what && sentence('ui', `hub.event.${what}`);
  if (!words) return <Tag wrap>{code ?? '—'}</Tag>;
  const more = kind && sentence('ui', `hub.alert.${kind}`);
  return <>{more ? `${words}: ${more}` : words}</>;
}

export function DemoChip({ is }: { is: boolean }) {
  const { t } = useText();
  return is ? <span className="chip demo">{t('hub.demo')}</span> : null;
}
