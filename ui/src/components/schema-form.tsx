// A connector's form, drawn from its schema: groups, conditions, secrets, and where each value comes from.
import type { EffectiveValue } from '@/api/types';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';
import { fieldsOf, inForce, isShown, type SchemaField, sourceOf, type Values } from '@/lib/schema';
import { Field, Segment } from './fields';
import { Icon, type IconName } from './icons';
import { Tag } from './marks';

interface Props {
  kind: string;
  schema: unknown;
  values: Values;
  effective: Record<string, EffectiveValue>;
  problems: Record<string, string>;
  disabled?: boolean;
  onChange: (values: Values) => void;
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

function Input({ field, label, value, shown, set, input, disabled }: { field: SchemaField; label: string; value: unknown; shown: unknown; set: (v: unknown) => void; input: object; disabled?: boolean }) {
  const { t } = useText();
  if (field.secret) return <Secret field={field} value={value} set={set} input={input} />;
  if (field.options.length > 0 && field.options.length <= 4 && field.options.every((o) => o.length < 20)) {
    return <Segment label={label} value={String(shown ?? '')} disabled={disabled} onChange={set} options={field.options.map((o) => ({ value: o, label: <bdi dir="ltr">{o}</bdi> }))} />;
  }
  if (field.options.length > 0) {
    return <select {...input} className="in mono" name={field.name} disabled={disabled} value={String(shown ?? '')} onChange={(e) => set(e.target.value)}>{!shown && <option value="">{t('form.choose')}</option>}{field.options.map((o) => <option key={o} value={o}>{o}</option>)}</select>;
  }
  if (field.type === 'boolean') return <input {...input} className="chkbox" type="checkbox" name={field.name} disabled={disabled} checked={shown === true} onChange={(e) => set(e.target.checked)} />;
  if (field.widget === 'pem' || field.widget === 'multiline') return <textarea {...input} className="in mono" name={field.name} rows={4} spellCheck={false} disabled={disabled} maxLength={field.maxLength} value={String(value ?? '')} onChange={(e) => set(e.target.value)} />;
  const numeric = field.type === 'integer' || field.type === 'number';
  const write = (text: string) => {
    const plain = normaliseDigits(text).trim();
    set(numeric && plain !== '' && Number.isFinite(Number(plain)) ? Number(plain) : text);
  };
  const prose = field.name === 'none_accepted_reason' || field.widget === 'multiline';
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

export function SchemaForm({ kind, schema, values, effective, problems, disabled, onChange }: Props) {
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
                    {(input) => <Input field={field} label={label} value={values[field.name]} shown={inForce(field, values, effective)} set={set} input={{ ...input, disabled }} disabled={disabled} />}
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
