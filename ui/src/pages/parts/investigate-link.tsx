// The way into an investigation that needs nothing but exported files.
import { useSession } from '@/api/session';
import { Icon } from '@/components/icons';
import { AppLink } from '@/components/link';
import { useText } from '@/i18n/text';

export function InvestigateLink({ small = false }: { small?: boolean }) {
  const { t } = useText();
  const { may } = useSession();
  if (!may('investigations.write')) return null;
  return <AppLink className={small ? 'btn sm' : 'btn'} to="/blackbox/investigation" data-action="investigate-files"><Icon name="upload" />{t('page.investigation')}</AppLink>;
}
