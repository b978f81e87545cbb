// Changes of the hub that wait for a person: nothing takes the last admin away by itself.
import { api } from '@/api/calls';
import { useSession } from '@/api/session';
import type { SyncQuestion } from '@/api/types';
import { useConfirm, useToasts } from '@/components/dialog';
import { Tag, When } from '@/components/marks';
import { Pane } from '@/components/page';
import { useText } from '@/i18n/text';

export function Questions({ questions, onChanged }: { questions: SyncQuestion[]; onChanged: () => void }) {
  const { t, word } = useText();
  const toasts = useToasts();
  const { may } = useSession();
  const [confirm, dialog] = useConfirm();
  if (questions.length === 0) return null;
  const side = (role: string | null, is_active: boolean | null) => (role ? `${word('role', role)}, ${is_active ? t('sync.active') : t('sync.inactive')}` : t('sync.not_here'));
  const keep = (id: string) => void api.decideSync(id, false).then(onChanged, toasts.failed);
  const apply = (id: string) => confirm({ title: t('sync.apply'), body: t('sync.apply_body'), action: t('sync.apply'), danger: true, run: async () => { await api.decideSync(id, true); onChanged(); } });
  return (
    <Pane title={t('sync.questions')} flush={false}>
      <ul className="stack">
        {questions.map((q) => (
          <li key={q.id} className="stack">
            <div className="row wrap"><Tag>{q.username}</Tag><span>{t(`sync.question.${q.kind}`)}</span><When at={q.at} /></div>
            <dl className="kv"><dt>{t('sync.here')}</dt><dd>{side(q.role_here, q.is_active_here)}</dd><dt>{t('sync.wanted')}</dt><dd>{side(q.role_wanted, q.is_active_wanted)}</dd></dl>
            {may('sync.write') && <div className="actions">{q.kind === 'confirm' && <button type="button" className="btn danger" onClick={() => apply(q.id)}>{t('sync.apply')}</button>}<button type="button" className="btn" onClick={() => keep(q.id)}>{t('sync.keep')}</button></div>}
          </li>
        ))}
      </ul>
      {dialog}
    </Pane>
  );
}
