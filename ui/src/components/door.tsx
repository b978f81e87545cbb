// Frame of the pages before sign-in: what this appliance is, beside the form.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '@/api/calls';
import { useText } from '@/i18n/text';
import { Brand } from '@/shell/brand';
import { LanguageSwitch, ThemeSwitch } from '@/shell/header';
import { DoorMotif } from './door-motif';
import { Icon } from './icons';
import { Tag } from './marks';

export function useSetupStatus() {
  return useQuery({ queryKey: ['setup'], queryFn: api.setup, staleTime: 60_000 });
}

export function Door({ children }: { children: ReactNode }) {
  const { t } = useText();
  const { data } = useSetupStatus();
  return (
    <div className="door">
      <aside>
        <span className="brand"><Brand />{t('brand')}</span>
        <p className="claim">{t('door.claim')}</p>
        <p className="prose">{t('door.what')}</p>
        <DoorMotif />
        <dl className="kv">
          {data && <><dt>{t('door.appliance')}</dt><dd><Tag>{data.appliance}</Tag></dd><dt>{t('door.version')}</dt><dd><Tag>{data.version}</Tag></dd></>}
          <dt>{t('door.data')}</dt><dd>{t('door.data_local')}</dd>
        </dl>
      </aside>
      <main id="main">
        <div className="row">
          <span className="chip"><Icon name="lock" />{t('door.local')}</span>
          <span className="grow" />
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
        {children}
      </main>
    </div>
  );
}
