// What is configured and what is switched on, at an appliance and at the hub; never a value of the configuration.
import { Icon, StatusShape } from '@/components/icons';
import { Tag } from '@/components/marks';
import { Pane } from '@/components/page';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';

function Status({ value }: { value: unknown }) {
  const { t } = useText();
  const text = String(value);
  const word = sentence('ui', `diagnostics.status.${text}`) ?? text;
  if (text === 'error') return <span className="st critical"><StatusShape shape="critical" />{word}</span>;
  return <span className="st mid">{text === 'missing' || text === 'empty' || text === 'disabled' ? <Icon name="dash" /> : <Icon name="check" />}{word}<span className="sr">{t('field.status')}</span></span>;
}

const shown = (value: unknown) => (Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? JSON.stringify(value) : String(value));

export function ConfiguredParts({ subsystems }: { subsystems: Record<string, Record<string, unknown>> }) {
  const { t } = useText();
  return (
    <Pane title={t('diagnostics.parts')}>
      <div className="scroll" tabIndex={0} role="region" aria-label={t('diagnostics.parts')}>
        <table className="tb">
          <thead><tr><th scope="col">{t('diagnostics.part')}</th><th scope="col">{t('field.state')}</th><th scope="col">{t('diagnostics.more')}</th></tr></thead>
          <tbody>
            {Object.entries(subsystems).map(([name, facts]) => (
              <tr key={name}>
                <td className="two">{sentence('ui', `diagnostics.part.${name}`) ?? name}<small><Tag>{name}</Tag></small></td>
                <td><Status value={facts.status} /></td>
                <td><span className="row wrap">{Object.entries(facts).filter(([key]) => key !== 'status').map(([key, value]) => <Tag key={key} className="fact">{`${key}=${shown(value)}`}</Tag>)}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Pane>
  );
}

export function FeatureFlags({ flags }: { flags: Record<string, unknown> }) {
  const { t } = useText();
  return <Pane title={t('diagnostics.flags')} flush={false}><ul className="col">{Object.entries(flags).map(([name, value]) => <li key={name}><Tag wrap>{`${name}=${shown(value)}`}</Tag></li>)}</ul></Pane>;
}
