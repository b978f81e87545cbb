// The keys that sign the evidence log, and the one that takes over.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { CopyButton } from '@/components/copy';
import { useConfirm, useToasts } from '@/components/dialog';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';

export function EvidenceKeysPane() {
  const { t } = useText();
  const client = useQueryClient();
  const toasts = useToasts();
  const [confirm, dialog] = useConfirm();
  const query = useQuery({ queryKey: ['evidence-keys'], queryFn: api.evidenceKeys });
  const replace = () => confirm({
    title: t('evidence_keys.replace_title'),
    body: t('evidence_keys.replace_body'),
    action: t('evidence_keys.replace'),
    run: async () => {
      const key = await api.replaceEvidenceKey();
      toasts.done(t('evidence_keys.replaced', { fingerprint: key.fingerprint }));
      await Promise.all(['evidence-keys', 'evidence-status'].map((name) => client.invalidateQueries({ queryKey: [name] })));
    },
  });
  return (
    <Pane title={t('evidence_keys.title')} foot={t('evidence_keys.why')} end={<button type="button" className="btn sm" data-action="replace-evidence-key" disabled={!query.data} onClick={replace}><Icon name="refresh" />{t('evidence_keys.replace')}</button>}>
      <Loaded query={query} what={t('state.loading')} rows={2}>
        {(keys) => (keys.length === 0 ? <p className="pb help">{t('evidence_keys.none')}</p> : (
          <ul className="list">
            {[...keys].reverse().map((key) => (
              <li key={key.fingerprint} data-key={key.fingerprint}>
                <div className="grow">
                  <div className="s"><Tag className="b">{key.fingerprint}</Tag>{key.is_current && <> · {t('evidence_keys.current')}</>}</div>
                  <div className="cap dim">{t('evidence_keys.made')} <When at={key.created_at} /></div>
                </div>
                <CopyButton text={key.trust_line} className="btn sm" />
              </li>
            ))}
          </ul>
        ))}
      </Loaded>
      {dialog}
    </Pane>
  );
}
