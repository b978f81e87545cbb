// What is configured and what is switched on, at an appliance and at the hub; never a value of the configuration.
import type { ReactNode } from 'react';
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

/** Names and values are those of the configuration; what has words is said in them, the rest stands as it is. */
function useFacts() {
  const { t } = useText();
  const value = (of: unknown): ReactNode => {
    if (typeof of === 'boolean') return t(of ? 'diagnostics.yes' : 'diagnostics.no');
    if (of === null || of === undefined) return t('diagnostics.none');
    const text = Array.isArray(of) ? of.join(', ') : typeof of === 'object' ? JSON.stringify(of) : String(of);
    return sentence('ui', `diagnostics.value.${text}`) ?? <Tag wrap>{text}</Tag>;
  };
  const fact = (of: string): ReactNode => sentence('ui', `diagnostics.fact.${of}`) ?? <Tag>{of}</Tag>;
  const flag = (of: string): ReactNode => sentence('ui', `diagnostics.flag.${of}`) ?? <Tag>{of}</Tag>;
  return { fact, flag, value };
}

export function ConfiguredParts({ subsystems }: { subsystems: Record<string, Record<string, unknown>> }) {
  const { t } = useText();
  const { fact, value: valueOf } = useFacts();
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
                <td><span className="row wrap">{Object.entries(facts).filter(([key]) => key !== 'status').map(([key, value]) => <span key={key} className="fact">{fact(key)}: {valueOf(value)}</span>)}</span></td>
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
  const { flag, value } = useFacts();
  return <Pane title={t('diagnostics.flags')} flush={false}><ul className="col">{Object.entries(flags).map(([name, on]) => <li key={name}>{flag(name)}: {value(on)}</li>)}</ul></Pane>;
}
