// Money of a plan: amount and currency in one isolate; no cost model means a dash, never zero.
import { useText } from '@/i18n/text';

export function Money({ value, currency, strong = false }: { value: number | null | undefined; currency: string | null; strong?: boolean }) {
  const { n } = useText();
  if (value === null || value === undefined || !currency) return <span className="dim">{'—'}</span>;
  const text = <bdi dir="ltr" className="nw">{`${currency} ${n(value, 0)}`}</bdi>;
  return strong ? <b>{text}</b> : text;
}

/** A heading, or the head of a column in a file, that says in which currency its amounts are. */
export const inCurrency = (title: string, currency: string | null | undefined): string => (currency ? `${title} (\u2068${currency}\u2069)` : title);
export const csvInCurrency = (key: string, currency: string | null | undefined): string => (currency ? `${key}_${currency}` : key);
