// i18next with our own small ICU formatter. The catalogue's sections are the namespaces; keys are flat.
import i18next, { type i18n as I18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import ar from 'virtual:messages/ar';
import en from 'virtual:messages/en';
import { type Arguments, argumentsOf, format } from './icu';
import { setZone } from '@/lib/zone';
import { directionOf, intlLocale, type Preferences, storePreferences } from './locale';

let current: Preferences;

export function preferences(): Preferences {
  return current;
}

/** How a missing sentence shows itself: tests look for the brackets. */
export function missing(key: string): string {
  return `⟦${key}⟧`;
}

const icu = {
  type: 'i18nFormat' as const,
  name: 'icu',
  init() {},
  parse(message: string, options: Arguments & { defaultValue?: string }, language: string) {
    return format(message, options, intlLocale({ ...current, language: language === 'en' ? 'en' : 'ar' }));
  },
  addLookupKeys: (keys: string[]) => keys,
};

export async function startI18n(p: Preferences): Promise<I18n> {
  current = p;
  setZone(p.zone);
  await i18next
    .use(icu)
    .use(initReactI18next)
    .init({
      lng: p.language,
      fallbackLng: false,
      supportedLngs: ['ar', 'en'],
      resources: { ar, en },
      ns: Object.keys(en),
      defaultNS: 'ui',
      keySeparator: false,
      nsSeparator: ':',
      parseMissingKeyHandler: (key) => missing(key),
      interpolation: { escapeValue: false },
      react: { useSuspense: false },
    });
  applyToDocument(p);
  return i18next;
}

export async function changePreferences(p: Preferences): Promise<void> {
  current = p;
  setZone(p.zone);
  storePreferences(p);
  applyToDocument(p);
  await i18next.changeLanguage(p.language);
}

function applyToDocument(p: Preferences): void {
  document.documentElement.lang = p.language;
  document.documentElement.dir = directionOf(p.language);
}

/** A sentence of another section, or `undefined` where the catalogue has none. */
export function sentence(section: string, key: string, args: Arguments = {}): string | undefined {
  return i18next.exists(key, { ns: section }) ? i18next.t(key, { ...args, ns: section }) : undefined;
}

/** A sentence that needs no values of its moment: one that does can't be said again later. */
export function wholeSentence(section: string, key: string): string | undefined {
  const text: unknown = i18next.getResource(i18next.language, section, key);
  return typeof text === 'string' && argumentsOf(text).length === 0 ? sentence(section, key) : undefined;
}
