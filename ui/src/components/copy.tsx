// Copying text. Browsers give `navigator.clipboard` to https and to this machine alone; on a plant's plain http the older
// way is tried, and where that is refused as well the text stands selected, ready for the keyboard.
import { useState } from 'react';
import { useText } from '@/i18n/text';
import { Icon } from './icons';

function copiedBySelection(text: string): boolean {
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.className = 'sr';
  document.body.append(field);
  field.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    field.remove();
  }
}

/** Whether the text is in the clipboard now. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text);
  }
}

export function CopyButton({ text, label, className = 'btn' }: { text: string; label?: string; className?: string }) {
  const { t } = useText();
  const [outcome, setOutcome] = useState<boolean | null>(null);
  return (
    <>
      <button type="button" className={className} onClick={() => void copyText(text).then(setOutcome)}><Icon name={outcome ? 'check' : 'doc'} />{outcome ? t('action.copied') : (label ?? t('action.copy'))}</button>
      <span className="sr" role="status">{outcome ? t('action.copied') : ''}</span>
      {outcome === false && (
        <div className="col grow by-hand">
          <p className="help" role="status">{t('copy.by_hand')}</p>
          <textarea className="in mono" dir="auto" readOnly rows={Math.min(8, text.split('\n').length)} aria-label={t('copy.by_hand')} value={text} ref={(field) => field?.select()} onFocus={(e) => e.target.select()} />
        </div>
      )}
    </>
  );
}
