// Mail as its administrator sees it: whether it is on, what waits, and a mail sent step by step.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '@/api/calls';
import type { MailTestReport } from '@/api/types';
import { Field, problemOf } from '@/components/fields';
import { Icon } from '@/components/icons';
import { Tag, When } from '@/components/marks';
import { InlineError, Notice } from '@/components/notices';
import { Loaded, Pane } from '@/components/page';
import { useText } from '@/i18n/text';
import { TestStages } from './test-stages';

export function MailPane() {
  const { t, n, word, p } = useText();
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['mail', p.language], queryFn: api.mail, refetchInterval: 15_000 });
  const [address, setAddress] = useState('');
  const [busy, setBusy] = useState(false);
  const [report, setReport] = useState<MailTestReport | null>(null);
  const [error, setError] = useState<unknown>(null);
  const test = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setReport(null);
    try {
      setReport(await api.testMail(address.trim()));
      await client.invalidateQueries({ queryKey: ['mail'] });
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return (
    <Pane title={t('mail.title')} flush={false}>
      <Loaded query={query} what={t('state.loading')} rows={2}>
        {(mail) => {
          // A test without a server would only say once more what stands above it.
          const isOff = !mail.is_on && !mail.problem;
          return (
          <div className="stack">
            {mail.problem ? <Notice tone="critical">{mail.problem.message}</Notice> : mail.is_on ? (
              <>
                <p className="s">{t('mail.on', { server: mail.server ?? '', security: word('mail_security', mail.security ?? 'plain'), from: mail.from ?? '' })}</p>
                <p className="cap dim">{t('mail.counts', { queued: n(mail.queued, 0), sent: n(mail.sent, 0), failed: n(mail.failed, 0) })}</p>
              </>
            ) : <p className="help" id="mail-off">{t('mail.off')}</p>}
            <form className="stack" onSubmit={(event) => void test(event)}>
              <Field label={t('mail.address')} error={problemOf(error, 'address')}>{(f) => <input {...f} className="in" dir="ltr" type="email" name="address" value={address} onChange={(e) => setAddress(e.target.value)} />}</Field>
              <div><button type="submit" className="btn" disabled={busy || isOff} title={isOff ? t('mail.off') : undefined} aria-describedby={isOff ? 'mail-off' : undefined}><Icon name="upload" />{t('mail.test')}</button></div>
            </form>
            <InlineError error={error} />
            {report && <TestStages words="mail_stage" stages={report.stages} verdict={report.success ? t('mail.passed', { address }) : t('mail.failed')} />}
            {mail.newest.length > 0 && (
              <details><summary className="s">{t('mail.newest')}</summary>
                <ul className="list">{mail.newest.map((m) => <li key={`${m.created_at} ${m.address} ${m.message}`}><div className="grow"><div className="s">{m.message}</div><div className="cap dim"><Tag>{m.address}</Tag> · {word('mail_state', m.state)} · <When at={m.sent_at ?? m.next_at ?? m.created_at} /></div>{m.error && <p className="s">{m.error.message}</p>}</div></li>)}</ul>
              </details>
            )}
          </div>
          );
        }}
      </Loaded>
    </Pane>
  );
}
