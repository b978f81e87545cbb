// Form parts: field with label, help and error; segment; search; select.
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import type { FieldProblem } from '@/api/types';
import { RequestFailed } from '@/api/http';
import { sentence } from '@/i18n';
import { useText } from '@/i18n/text';
import { normaliseDigits } from '@/lib/format';
import { Icon, StatusShape } from './icons';

interface InputProps {
  id: string;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string;
  'aria-required'?: boolean;
}

export function Field({ label, help, error, required, children, wide }: { label: ReactNode; help?: ReactNode; error?: string | null; required?: boolean; children: (props: InputProps) => ReactNode; wide?: boolean }) {
  const id = useId();
  const describedBy = [help ? `${id}-help` : '', error ? `${id}-err` : ''].filter(Boolean).join(' ') || undefined;
  return (
    <div className={wide ? 'field wide' : 'field'}>
      <label htmlFor={id}>
        {label}
        {required && <span className="req" aria-hidden="true">{' *'}</span>}
      </label>
      {children({ id, 'aria-invalid': error ? true : undefined, 'aria-describedby': describedBy, 'aria-required': required || undefined })}
      {help && <div className="help" id={`${id}-help`}>{help}</div>}
      {error && <div className="err" id={`${id}-err`}><StatusShape shape="critical" /><span>{error}</span></div>}
    </div>
  );
}

/** Sentence of the problem a refused request reports for one field. */
/** `label` is what the form calls the field, for sentences that name it: the server knows only its name in the interface. */
export function problemOf(error: unknown, field: string, label?: string): string | null {
  if (!(error instanceof RequestFailed)) return null;
  const found: FieldProblem | undefined = error.fields.find((f) => f.field === field);
  if (!found) return null;
  return (label && sentence('errors', found.code, { ...found.params, field: label })) || found.message;
}

export interface Option<V extends string> {
  value: V;
  label: ReactNode;
  disabled?: boolean;
}

/** A day as `2026-11-20`, in one form whatever the browser's language and typed in any digits. */
export function DayInput({ value, onChange, id }: { value: string; onChange: (day: string) => void; id?: string }) {
  const { t } = useText();
  const [text, setText] = useState(value);
  useEffect(() => { setText(value); }, [value]);
  const is = (day: string) => day === '' || (/^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day)));
  return (
    <input
      id={id} className="in mono day" dir="ltr" inputMode="numeric" placeholder={t('field.day_form')} maxLength={10} value={text} aria-invalid={!is(text)}
      onChange={(event) => { const day = normaliseDigits(event.target.value); setText(day); if (is(day)) onChange(day); }}
    />
  );
}

/** Two to four exclusive choices; arrow keys move, in the direction one sees. */
export function Segment<V extends string>({ label, value, options, onChange, small, disabled }: { label: string; value: V; options: Option<V>[]; onChange: (value: V) => void; small?: boolean; disabled?: boolean }) {
  const move = (event: React.KeyboardEvent<HTMLDivElement>) => {
    const forward = document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
    const back = forward === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft';
    const step = event.key === forward || event.key === 'ArrowDown' ? 1 : event.key === back || event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const usable = options.filter((o) => !o.disabled);
    const next = usable[(usable.findIndex((o) => o.value === value) + step + usable.length) % usable.length];
    if (!next) return;
    onChange(next.value);
    const index = options.indexOf(next);
    (event.currentTarget.children[index] as HTMLElement | undefined)?.focus();
  };
  return (
    <div className={small ? 'seg sm' : 'seg'} role="radiogroup" aria-label={label} onKeyDown={move}>
      {options.map((option) => (
        <button key={option.value} type="button" role="radio" aria-checked={option.value === value} tabIndex={option.value === value || !options.some((o) => o.value === value) ? 0 : -1} disabled={disabled || option.disabled} onClick={() => onChange(option.value)}>
          {option.label}
        </button>
      ))}
    </div>
  );
}

/** The browser's own clear button goes by the direction of what is typed, the magnifier by that of the page: this one goes by the page too. */
export function SearchInput({ label, value, onChange, placeholder }: { label: string; value: string; onChange: (value: string) => void; placeholder?: string }) {
  const { t } = useText();
  const input = useRef<HTMLInputElement>(null);
  const clear = () => { onChange(''); input.current?.focus(); };
  return (
    <span className="search">
      <Icon name="search" />
      <input ref={input} className="in" type="search" dir="auto" aria-label={label} placeholder={placeholder ?? label} value={value} onChange={(event) => onChange(event.target.value)} />
      {value !== '' && <button type="button" aria-label={t('action.empty_field')} onClick={clear}><Icon name="close" /></button>}
    </span>
  );
}

/** A select that says what it filters: "Unit: all". */
export function Select<V extends string>({ label, value, options, onChange, auto = true, disabled }: { label: string; value: V; options: { value: V; label: string }[]; onChange: (value: V) => void; auto?: boolean; disabled?: boolean }) {
  return (
    <select className={auto ? 'in auto' : 'in'} aria-label={label} value={value} disabled={disabled} onChange={(event) => onChange(event.target.value as V)}>
      {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
    </select>
  );
}
