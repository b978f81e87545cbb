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
  var language = stored('optria.language') === 'en' ? 'en' : 'ar';
  html.lang = language;
  html.dir = language === 'ar' ? 'rtl' : 'ltr';
  var theme = stored('optria.theme');
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  html.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
