// What a component needs to speak: `t`, names of things, numbers, moments, durations in the person's language.
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Names } from '@/api/types';
import * as format from '@/lib/format';
import { preferences } from '.';
import type { Arguments } from './icu';
import type { Preferences } from './locale';

export interface Text {
  t: (key: string, args?: Arguments) => string;
  /** A word of a closed list: `enum.<list>.<value>`. */
  word: (list: string, value: string) => string;
  name: (names: Names | null | undefined) => string;
  /** What stands between the words of a list. */
  comma: string;
  n: (value: number, decimals?: number) => string;
  span: (ms: number) => string;
  moment: (t: number) => string;
  p: Preferences;
}

export function useText(): Text {
  const { t: translate, i18n } = useTranslation();
  const language = i18n.language;
  const p = preferences();
  return useMemo(() => {
    const t = (key: string, args: Arguments = {}) => translate(key, args as Record<string, unknown>) as string;
    return {
      t,
      p,
      word: (list, value) => t(`enum.${list}.${value}`),
      name: (names) => (language === 'en' ? names?.en || names?.ar : names?.ar || names?.en) ?? '',
      comma: language === 'en' ? ', ' : '، ',
      n: (value, decimals) => format.number(p, value, decimals),
      span: (ms) => {
        const s = format.span(p, ms);
        return t(s.key, s.args);
      },
      moment: (at) => format.moment(p, at, Date.now()),
    };
    // Preferences are replaced as a whole when they change, and the language event re-renders.
  }, [translate, language, p]);
}
