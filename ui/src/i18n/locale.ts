// Language, digits and calendar of the person, and the explicit Intl locale they lead to. A locale is never left
// to the machine: bare "ar" and "ar-SA" give other digits and calendars on other systems.

export type Language = 'ar' | 'en';
export type Digits = 'latn' | 'arab';
export type Calendar = 'gregory' | 'islamic-umalqura';
export interface Preferences {
  language: Language;
  digits: Digits;
  calendar: Calendar;
}

export const DEFAULTS: Preferences = { language: 'ar', digits: 'latn', calendar: 'gregory' };

export function intlLocale(p: Preferences): string {
  const base = p.language === 'ar' ? 'ar-SA' : 'en-GB';
  const digits = p.language === 'ar' ? p.digits : 'latn';
  return `${base}-u-ca-gregory-nu-${digits}`;
}

export function directionOf(language: Language): 'rtl' | 'ltr' {
  return language === 'ar' ? 'rtl' : 'ltr';
}

const KEYS = { language: 'optria.language', digits: 'optria.digits', calendar: 'optria.calendar' } as const;

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function storedPreferences(): Preferences {
  return {
    language: read(KEYS.language) === 'en' ? 'en' : 'ar',
    digits: read(KEYS.digits) === 'arab' ? 'arab' : 'latn',
    calendar: read(KEYS.calendar) === 'islamic-umalqura' ? 'islamic-umalqura' : 'gregory',
  };
}

export function storePreferences(p: Preferences): void {
  try {
    for (const name of ['language', 'digits', 'calendar'] as const) localStorage.setItem(KEYS[name], p[name]);
  } catch {
    // Private windows may refuse storage; the choice then lasts until the page closes.
  }
}
