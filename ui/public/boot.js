// Runs before the module, as a classic script. Two jobs: give the web view a usable language tag when the
// system has none (LANG=C makes navigator.language "C", and Intl refuses it while modules load, leaving a blank
// window), and set language, direction and theme before the first paint.
(function () {
  'use strict';
  var html = document.documentElement;
  try {
    Intl.getCanonicalLocales(navigator.language);
    if (!navigator.language) throw new RangeError('empty');
  } catch (_) {
    Object.defineProperty(navigator, 'language', { get: function () { return 'ar-SA'; }, configurable: true });
    Object.defineProperty(navigator, 'languages', { get: function () { return ['ar-SA', 'en']; }, configurable: true });
  }
  function stored(key) {
    try { return localStorage.getItem(key); } catch (_) { return null; }
  }
  // Nothing chosen yet: the first of the system's languages that the program speaks, else Arabic. i18n/locale.ts
  // does the same.
  var language = stored('optria.language');
  if (language !== 'ar' && language !== 'en') {
    var spoken = Array.prototype.map.call(navigator.languages || [], function (tag) {
      return String(tag).toLowerCase().split(/[-_]/)[0];
    });
    language = spoken.filter(function (tag) { return tag === 'ar' || tag === 'en'; })[0] || 'ar';
  }
  html.lang = language;
  html.dir = language === 'ar' ? 'rtl' : 'ltr';
  var theme = stored('optria.theme');
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  html.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
