// Back from help to the page it was asked on.
import { Link } from 'wouter';
import { useHistoryState } from 'wouter/use-browser-location';
import { Icon } from '@/components/icons';
import { useText } from '@/i18n/text';
import type { CameFrom } from '@/lib/help';

export function BackToPage() {
  const { t } = useText();
  const came = useHistoryState<CameFrom | null>();
  if (!came?.from) return null;
  return <Link className="btn" href={came.from}><Icon name="back" flip />{t('help.back_to', { page: t(came.title) })}</Link>;
}
