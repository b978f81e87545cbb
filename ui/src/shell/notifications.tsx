// The bell: how many notifications are unread, the newest of them, and the way to what each is about.
import { Popover } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '@/api/calls';
import { useRefresh } from '@/api/live';
import type { Notification, NotificationPage } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Icon, type IconName } from '@/components/icons';
import { AppLink } from '@/components/link';
import { When } from '@/components/marks';
import { Loaded } from '@/components/page';
import { useText } from '@/i18n/text';
import { useGo } from '@/lib/url';

const SHOWN = 20;
const ICONS: Record<Notification['kind'], IconName> = { assignment: 'wrench', overdue: 'clock', critical_incident: 'blackbox', job_failed: 'broken', certificate_expiring: 'key', backup_failed: 'broken' };

export function NotificationBell() {
  const { t, n, word, p } = useText();
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  const toasts = useToasts();
  const go = useGo();
  // Notifications are of now, whatever moment the pages look at.
  const refetchInterval = useRefresh(null);
  const query = useQuery({ queryKey: ['notifications', p.language], refetchInterval, queryFn: () => api.notifications({ limit: SHOWN }) });
  const unread = query.data?.unread ?? 0;
  const read = async (ids?: string[]) => {
    try {
      await api.readNotifications(ids);
      await client.invalidateQueries({ queryKey: ['notifications'] });
    } catch (e) {
      toasts.failed(e);
    }
  };
  const follow = (item: Notification) => {
    setOpen(false);
    if (item.read_at === null) void read([item.id]);
    go(item.link);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" width={380} shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <button type="button" className="btn quiet icon bell" aria-label={t('notifications.open', { n: unread })} aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="bell" />
          {unread > 0 && <span className="bell-n" aria-hidden="true">{n(Math.min(unread, 99), 0)}</span>}
        </button>
      </Popover.Target>
      <Popover.Dropdown className="told">
        <div className="pt"><h2>{t('notifications.title')}</h2><div className="row end"><button type="button" className="btn quiet sm" disabled={unread === 0} onClick={() => void read()}>{t('notifications.all_read')}</button></div></div>
        <Loaded query={query} what={t('notifications.loading')} rows={3}>
          {(page: NotificationPage) => (page.items.length === 0 ? <p className="pb help">{t('notifications.empty')}</p> : (
            <ul className="list told-list" tabIndex={0} aria-label={t('notifications.title')}>
              {page.items.map((item) => (
                <li key={item.id} className={item.read_at === null ? 'unread' : undefined}>
                  <Icon name={ICONS[item.kind]} />
                  <div className="grow">
                    <button type="button" className="link told-text" onClick={() => follow(item)}>{item.message}</button>
                    <div className="cap dim">{word('notification_kind', item.kind)} · <When at={item.at} />{item.read_at === null && <> · <b>{t('notifications.new')}</b></>}</div>
                  </div>
                  {item.read_at === null && <button type="button" className="btn quiet sm icon" aria-label={t('notifications.mark_read')} onClick={() => void read([item.id])}><Icon name="check" /></button>}
                </li>
              ))}
            </ul>
          ))}
        </Loaded>
        <div className="pf"><AppLink to="/settings" onClick={() => setOpen(false)}>{t('notifications.settings')}</AppLink></div>
      </Popover.Dropdown>
    </Popover>
  );
}
