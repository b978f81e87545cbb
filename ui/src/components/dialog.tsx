// Dialogs, confirmations and toasts.
import { Modal } from '@mantine/core';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';
import { useText } from '@/i18n/text';
import { Icon, StatusShape } from './icons';
import { errorSentence, InlineError } from './notices';

export function Dialog({ title, onClose, children, size = 'md' }: { title: string; onClose: () => void; children: ReactNode; size?: string }) {
  const { t } = useText();
  return (
    <Modal opened onClose={onClose} title={title} size={size} centered closeButtonProps={{ 'aria-label': t('action.close') }}>
      {children}
    </Modal>
  );
}

export interface Confirmation {
  title: string;
  body: ReactNode;
  /** The act itself, as a verb with its object; never "yes". */
  action: string;
  danger?: boolean;
  run: () => Promise<unknown>;
}

export function ConfirmDialog({ ask, onClose }: { ask: Confirmation; onClose: () => void }) {
  const { t } = useText();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await ask.run();
      onClose();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <Dialog title={ask.title} onClose={onClose}>
      <div className="stack">
        <div className="prose">{ask.body}</div>
        <InlineError error={error} />
        <div className="actions">
          <button type="button" className={ask.danger ? 'btn danger' : 'btn pri'} disabled={busy} onClick={() => void run()}>{ask.action}</button>
          <button type="button" className="btn" data-autofocus onClick={onClose}>{t('action.cancel')}</button>
        </div>
      </div>
    </Dialog>
  );
}

/** Asks before a destructive step: `const [confirm, dialog] = useConfirm()`. */
export function useConfirm(): [(ask: Confirmation) => void, ReactNode] {
  const [ask, setAsk] = useState<Confirmation | null>(null);
  return [setAsk, ask && <ConfirmDialog ask={ask} onClose={() => setAsk(null)} />];
}

interface Toast {
  id: number;
  text: string;
  failed: boolean;
}
interface Toasts {
  done: (text: string) => void;
  failed: (error: unknown) => void;
}
const Context = createContext<Toasts>({ done: () => undefined, failed: () => undefined });
export const useToasts = (): Toasts => useContext(Context);

/** A confirmation leaves by itself; a failure stays until it is closed. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const { t } = useText();
  const [list, setList] = useState<Toast[]>([]);
  const drop = useCallback((id: number) => setList((all) => all.filter((x) => x.id !== id)), []);
  const value = useMemo<Toasts>(() => {
    let next = 1;
    const add = (text: string, failed: boolean) => {
      const id = next++;
      setList((all) => [...all.slice(-3), { id, text, failed }]);
      if (!failed) setTimeout(() => drop(id), 4000);
    };
    return { done: (text) => add(text, false), failed: (error) => add(typeof error === 'string' ? error : errorSentence(error), true) };
  }, [drop]);
  return (
    <Context.Provider value={value}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {list.map((x) => (
          <div key={x.id} className={x.failed ? 'toast critical' : 'toast'}>
            {x.failed ? <StatusShape shape="critical" /> : <Icon name="check" />}
            <span className="grow">{x.text}</span>
            <button type="button" className="btn quiet sm icon" aria-label={t('action.close')} onClick={() => drop(x.id)}><Icon name="close" /></button>
          </div>
        ))}
      </div>
    </Context.Provider>
  );
}
