// A connector's form, drawn from its schema: groups, conditions, secrets, lists the source offers, and where each
// value comes from.
import { useId, useState } from 'react';
import type { Choice, EffectiveValue } from '@/api/types';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';
import { fieldsOf, inForce, isShown, type SchemaField, sourceOf, type Values } from '@/lib/schema';
import { Field, Segment } from './fields';
import { Icon, type IconName } from './icons';
import { Tag } from './marks';
import { InlineError } from './notices';

interface Props {
  kind: string;
  schema: unknown;
  values: Values;
  effective: Record<string, EffectiveValue>;
  problems: Record<string, string>;
  disabled?: boolean;
  onChange: (values: Values) => void;
  /** Asks the source what it offers for a field marked with x-choices. */
  choices?: (field: string) => Promise<Choice[]>;
}

const MARK = '***';
const SOURCES: Record<string, IconName> = { tenant: 'edit', environment: 'globe', default: 'gear' };

/** Words of a connector: `field.<name>`, `help.<name>`, `option.<name>.<value>`. */
function connectorText(kind: string, part: string): string | undefined {
  return sentence('ui', `connector.${kind}.${part}`);
}

function Secret({ field, value, set, input }: { field: SchemaField; value: unknown; set: (v: unknown) => void; input: object }) {
  const { t } = useText();
  const stored = value === MARK;
  if (field.widget === 'pem' || field.widget === 'multiline') {
    return <textarea {...input} className="in mono" name={field.name} rows={stored ? 2 : 5} spellCheck={false} maxLength={field.maxLength} placeholder={stored ? t('form.secret_stored') : '-----BEGIN'} value={stored ? '' : String(value ?? '')} onChange={(e) => set(e.target.value)} />;
  }
  return <input {...input} className="in mono" name={field.name} type="password" autoComplete="new-password" maxLength={field.maxLength} placeholder={stored ? '••••••••' : undefined} value={stored ? '' : String(value ?? '')} onChange={(e) => set(e.target.value)} />;
}

/** Every zone the browser knows, for a field that takes one. */
const zones = (): string[] => Intl.supportedValuesOf('timeZone');

/** A field that offers what the source has; other text may still be written. */
function Picker({ field, value, shown, set, input, disabled, ask }: { field: SchemaField; value: unknown; shown: unknown; set: (v: unknown) => void; input: object; disabled?: boolean; ask: () => Promise<Choice[]> }) {
  const { t } = useText();
  const list = useId();
  const [offers, setOffers] = useState<Choice[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const load = async () => {
    setBusy(true);
    setError(null);
    try {
      setOffers(await ask());
    } catch (e) {
      setOffers(null);
      setError(e);
    }
    setBusy(false);
  };
  return (
    <div className="col g1">
      <div className="row">
        <input {...input} className="in mono grow" dir="ltr" name={field.name} list={list} disabled={disabled} maxLength={field.maxLength} placeholder={isBlank(value) && !isBlank(shown) ? String(shown) : undefined} value={String(value ?? '')} onChange={(e) => set(e.target.value)} spellCheck={false} autoComplete="off" />
        <button type="button" className="btn sm" disabled={disabled || busy} onClick={() => void load()}><Icon name="search" />{t(busy ? 'choices.asking' : 'choices.ask')}</button>
      </div>
      <datalist id={list}>{offers?.map((o) => <option key={o.value} value={o.value} label={[o.label, o.detail].filter(Boolean).join(' · ')} />)}</datalist>
      {offers && offers.length === 0 && <p className="help">{t('choices.none')}</p>}
      {offers && offers.length > 0 && (
        <select className="in mono" dir="ltr" aria-label={t('choices.offered', { n: offers.length })} disabled={disabled} value={offers.some((o) => o.value === value) ? String(value) : ''} onChange={(e) => set(e.target.value)}>
          <option value="" disabled>{t('choices.offered', { n: offers.length })}</option>
          {offers.map((o) => <option key={o.value} value={o.value}>{[o.label, o.detail].filter(Boolean).join(' · ')}</option>)}
        </select>
      )}
      <InlineError error={error} />
    </div>
  );
}

function Input({ kind, field, label, value, shown, set, input, disabled, ask }: { kind: string; field: SchemaField; label: string; value: unknown; shown: unknown; set: (v: unknown) => void; input: object; disabled?: boolean; ask?: () => Promise<Choice[]> }) {
  const { t } = useText();
  const list = useId();
  // Most options are words of their own world (modes, policies); some have a name a person reads.
  const optionName = (option: string) => connectorText(kind, `option.${field.name}.${option}`);
  if (field.secret) return <Secret field={field} value={value} set={set} input={input} />;
  // Side by side only what fits into the narrowest form.
  const across = field.options.reduce((sum, o) => sum + (optionName(o) ?? o).length + 4, 0);
  if (field.options.length > 0 && field.options.length <= 4 && across <= 48) {
    return <Segment label={label} value={String(shown ?? '')} disabled={disabled} onChange={set} options={field.options.map((o) => ({ value: o, label: optionName(o) ?? <bdi dir="ltr">{o}</bdi> }))} />;
  }
  if (field.options.length > 0) {
    return <select {...input} className={field.options.some((o) => optionName(o)) ? 'in' : 'in mono'} name={field.name} disabled={disabled} value={String(shown ?? '')} onChange={(e) => set(e.target.value)}>{!shown && <option value="">{t('form.choose')}</option>}{field.options.map((o) => <option key={o} value={o}>{optionName(o) ?? o}</option>)}</select>;
  }
  if (field.choices && ask) return <Picker field={field} value={value} shown={shown} set={set} input={input} disabled={disabled} ask={ask} />;
  if (field.type === 'boolean') return <input {...input} className="chkbox" type="checkbox" name={field.name} disabled={disabled} checked={shown === true} onChange={(e) => set(e.target.checked)} />;
  if (field.widget === 'pem' || field.widget === 'multiline') return <textarea {...input} className="in mono" name={field.name} rows={4} spellCheck={false} disabled={disabled} maxLength={field.maxLength} value={String(value ?? '')} onChange={(e) => set(e.target.value)} />;
  const numeric = field.type === 'integer' || field.type === 'number';
  const write = (text: string) => {
    const plain = normaliseDigits(text).trim();
    set(numeric && plain !== '' && Number.isFinite(Number(plain)) ? Number(plain) : text);
  };
  const prose = field.name.endsWith('_reason') || field.widget === 'multiline';
  if (field.widget === 'time_zone') return <><input {...input} className="in mono" dir="ltr" name={field.name} list={list} disabled={disabled} maxLength={field.maxLength} placeholder={isBlank(value) && !isBlank(shown) ? String(shown) : undefined} value={String(value ?? '')} onChange={(e) => set(e.target.value)} spellCheck={false} autoComplete="off" /><datalist id={list}>{zones().map((zone) => <option key={zone} value={zone} />)}</datalist></>;
  return <input {...input} className={prose ? 'in' : 'in mono'} dir={prose ? 'auto' : 'ltr'} name={field.name} disabled={disabled} inputMode={numeric ? 'numeric' : undefined} maxLength={field.maxLength} placeholder={isBlank(value) && !isBlank(shown) ? String(shown) : undefined} value={String(value ?? '')} onChange={(e) => write(e.target.value)} spellCheck={false} />;
}

const isBlank = (value: unknown) => value === undefined || value === null || value === '';

function SourceMark({ field, values, effective, onDefault, disabled }: { field: SchemaField; values: Values; effective: Record<string, EffectiveValue>; onDefault: () => void; disabled?: boolean }) {
  const { t } = useText();
  const source = sourceOf(field, values, effective);
  const other = field.env && effective[field.name]?.source === 'environment' ? 'environment' : field.fallback !== null ? 'default' : null;
  const empty = source === 'default' && isBlank(field.fallback);
  return (
    <div className="src-mark cap dim">
      {!empty && <span className="row g1"><Icon name={SOURCES[source]!} />{t(`form.source.${source}`)}</span>}
      {source === 'environment' && field.env && <Tag>{field.env}</Tag>}
      {source === 'tenant' && (other || field.env) && !disabled && <button type="button" className="link" onClick={onDefault}>{t('form.use_default')}</button>}
    </div>
  );
}

export function SchemaForm({ kind, schema, values, effective, problems, disabled, onChange, choices }: Props) {
  const { t } = useText();
  const all = fieldsOf(schema);
  const shown = all.filter((f) => isShown(f, all, values, effective));
  const groups = [...new Set(shown.map((f) => f.group))];
  return (
    <>
      {groups.map((group) => (
        <fieldset key={group} className="sf-group">
          <legend>{sentence('ui', `connector.group.${group}`) ?? group}</legend>
          {shown.filter((f) => f.group === group).map((field) => {
            const label = connectorText(kind, `field.${field.name}`) ?? field.name;
            const help = [connectorText(kind, `help.${field.name}`), field.secret && values[field.name] === MARK ? t('form.secret_stored') : undefined].filter(Boolean).join(' ');
            const set = (value: unknown) => onChange({ ...values, [field.name]: value });
            return (
              <div key={field.name} className="sf-row">
                <div className="sf-field">
                  <Field label={<><span className="m5">{label}</span>{field.required && <span className="req" aria-hidden="true">{' *'}</span>}<Tag className="cap dim api-name">{field.name}</Tag></>} help={help || undefined} error={problems[field.name] ?? null}>
                    {(input) => <Input kind={kind} ask={choices && (() => choices(field.name))} field={field} label={label} value={values[field.name]} shown={inForce(field, values, effective)} set={set} input={{ ...input, disabled }} disabled={disabled} />}
                  </Field>
                </div>
                <SourceMark field={field} values={values} effective={effective} disabled={disabled} onDefault={() => set(null)} />
              </div>
            );
          })}
        </fieldset>
      ))}
    </>
  );
}
