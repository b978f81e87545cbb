// A password input that can be looked at while typing. Only for passwords being typed, never for stored secrets.
import { type InputHTMLAttributes, useState } from 'react';
import { useText } from '@/i18n/text';

export function PasswordInput(props: InputHTMLAttributes<HTMLInputElement>) {
  const { t } = useText();
  const [shown, setShown] = useState(false);
  return (
    <span className="row g1">
      <input {...props} className="in mono grow" type={shown ? 'text' : 'password'} />
      <button type="button" className="btn quiet sm" aria-pressed={shown} onClick={() => setShown(!shown)}>{t(shown ? 'action.hide' : 'action.show')}</button>
    </span>
  );
}
