// What a person is told, and by which way.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import type { NotificationChoice, NotificationChoices } from '@/api/types';
import { useToasts } from '@/components/dialog';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';

export function NotificationChoicesPane() {
  const { t, word } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const query = useQuery({ queryKey: ['notification-choices'], queryFn: api.notificationChoices });
  const choose = async (choice: NotificationChoice) => {
    try {
      const kept = await api.chooseNotifications({ choices: [choice] });
      client.setQueryData<NotificationChoices>(['notification-choices'], kept);
      toasts.done(t('toast.saved'));
    } catch (e) {
      toasts.failed(e);
    }
  };
  const box = (choice: NotificationChoice, way: 'in_app' | 'by_mail') => (
    <input type="checkbox" className="chkbox" aria-label={`${word('notification_kind', choice.kind)}: ${t(`notifications.${way}`)}`} checked={choice[way]} onChange={(e) => void choose({ ...choice, [way]: e.target.checked })} />
  );
  return (
    <Pane title={t('notifications.choose')}>
      <Loaded query={query} what={t('state.loading')} rows={3}>
        {({ choices }) => (
          <table className="tb">
            <thead><tr><th scope="col">{t('notifications.kind')}</th><th scope="col">{t('notifications.in_app')}</th><th scope="col">{t('notifications.by_mail')}</th></tr></thead>
            <tbody>{choices.map((c) => <tr key={c.kind}><th scope="row">{word('notification_kind', c.kind)}</th><td>{box(c, 'in_app')}</td><td>{box(c, 'by_mail')}</td></tr>)}</tbody>
          </table>
        )}
      </Loaded>
    </Pane>
  );
}
