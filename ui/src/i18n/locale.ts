// Language, digits and calendar of the person, and the explicit Intl locale they lead to. A locale is never left
// to the machine: bare "ar" and "ar-SA" give other digits and calendars on other systems.

export type Language = 'ar' | 'en';
export type Digits = 'latn' | 'arab';
export type Calendar = 'gregory' | 'islamic-umalqura';
export interface Preferences {
  language: Language;
  digits: Digits;
  calendar: Calendar;
  /** IANA name of the zone times are written in; null: the zone of this machine. */
  zone: string | null;
}

export const DEFAULTS: Preferences = { language: 'ar', digits: 'latn', calendar: 'gregory', zone: null };

export function intlLocale(p: Preferences): string {
  const base = p.language === 'ar' ? 'ar-SA' : 'en-GB';
  const digits = p.language === 'ar' ? p.digits : 'latn';
  return `${base}-u-ca-gregory-nu-${digits}`;
}

export function directionOf(language: Language): 'rtl' | 'ltr' {
  return language === 'ar' ? 'rtl' : 'ltr';
}

const KEYS = { language: 'optria.language', digits: 'optria.digits', calendar: 'optria.calendar', zone: 'optria.zone' } as const;

/** A zone this browser knows, else null: a wrong name must not stop every page. */
export function knownZone(zone: string | null | undefined): string | null {
  if (!zone) return null;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    return null;
  }
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** The first of the system's languages that this program speaks; Arabic where it speaks none of them. */
export function systemLanguage(tags: readonly string[]): Language {
  const spoken = tags.map((tag) => tag.toLowerCase().split(/[-_]/, 1)[0]);
  return spoken.find((language): language is Language => language === 'ar' || language === 'en') ?? DEFAULTS.language;
}

/** What a person chose on this machine, else the language of the system; boot.js does the same before the first paint. */
export function storedPreferences(): Preferences {
  const language = read(KEYS.language);
  return {
    language: language === 'ar' || language === 'en' ? language : systemLanguage(navigator.languages),
    digits: read(KEYS.digits) === 'arab' ? 'arab' : 'latn',
    calendar: read(KEYS.calendar) === 'islamic-umalqura' ? 'islamic-umalqura' : 'gregory',
    zone: knownZone(read(KEYS.zone)),
  };
}

export function storePreferences(p: Preferences): void {
  try {
    for (const name of ['language', 'digits', 'calendar'] as const) localStorage.setItem(KEYS[name], p[name]);
    localStorage.setItem(KEYS.zone, p.zone ?? '');
  } catch {
    // Private windows may refuse storage; the choice then lasts until the page closes.
  }
}
