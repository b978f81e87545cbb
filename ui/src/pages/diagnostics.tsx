// Diagnostics: which part is configured, from where; never a value.
import { useQuery } from '@tanstack/react-query';
import { api } from '@/api/calls';
import { Icon, StatusShape } from '@/components/icons';
import { Tag } from '@/components/marks';
import { Loaded, PageHead, Pane } from '@/components/page';
import { useSignedIn } from '@/api/session';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';

function Status({ value }: { value: unknown }) {
  const { t } = useText();
  const text = String(value);
  const word = sentence('ui', `diagnostics.status.${text}`) ?? text;
  if (text === 'error') return <span className="st critical"><StatusShape shape="critical" />{word}</span>;
  return <span className="st mid">{text === 'missing' || text === 'empty' || text === 'disabled' ? <Icon name="dash" /> : <Icon name="check" />}{word}<span className="sr">{t('field.status')}</span></span>;
}

const shown = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

export default function DiagnosticsPage() {
  const { t } = useText();
  const session = useSignedIn();
  const query = useQuery({ queryKey: ['config-status'], queryFn: api.configStatus, refetchInterval: 30_000 });
  return (
    <>
      <PageHead title={t('page.diagnostics')} sub={t('diagnostics.sub')} />
      <Loaded query={query} what={t('diagnostics.loading')} rows={8}>
        {(status) => (
          <div className="grid">
            <Pane className="c8" title={t('diagnostics.parts')}>
              <div className="scroll" tabIndex={0} role="region" aria-label={t('diagnostics.parts')}>
                <table className="tb">
                  <thead><tr><th scope="col">{t('diagnostics.part')}</th><th scope="col">{t('field.state')}</th><th scope="col">{t('diagnostics.more')}</th></tr></thead>
                  <tbody>
                    {Object.entries(status.subsystems).map(([name, facts]) => (
                      <tr key={name}>
                        <td className="two">{sentence('ui', `diagnostics.part.${name}`) ?? name}<small><Tag>{name}</Tag></small></td>
                        <td><Status value={facts.status} /></td>
                        <td>{Object.entries(facts).filter(([key]) => key !== 'status').map(([key, value]) => <Tag key={key} className="fact">{`${key}=${shown(value)}`}</Tag>)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </Pane>
            <div className="c4 stack">
              <Pane title={t('diagnostics.appliance')} flush={false}><dl className="kv"><dt>{t('door.appliance')}</dt><dd><Tag>{session.appliance}</Tag></dd><dt>{t('door.version')}</dt><dd><Tag>{session.version}</Tag></dd></dl></Pane>
              <Pane title={t('diagnostics.flags')} flush={false}><ul className="col">{Object.entries(status.feature_flags).map(([name, value]) => <li key={name}><Tag wrap>{`${name}=${shown(value)}`}</Tag></li>)}</ul></Pane>
              <Pane title={t('diagnostics.api')} flush={false}><a href="/api/docs" target="_blank" rel="noopener">{t('header.api_docs')}</a></Pane>
            </div>
          </div>
        )}
      </Loaded>
    </>
  );
}
