// The page around the verifier: takes a file and a list of keys, shows the verdict in either language.
(function () {
  'use strict';

  const { verify, parseTrust } = globalThis.optriaVerify;
  const sentences = JSON.parse(document.getElementById('sentences').textContent);
  const element = (id) => document.getElementById(id);
  let language = /^ar\b/.test(navigator.language) || !/^en\b/.test(navigator.language) ? 'ar' : 'en';
  let file = null;

  const say = (key, params = {}) =>
    (sentences[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => params[name] ?? '');

  /** What was left out and why; a kind this page does not know as the file calls it. */
  function leftOut(what, why) {
    const key = `enum.evidence_left.${what}_${why}`;
    return Object.hasOwn(sentences[language], key) ? say(key) : `${what} (${why})`;
  }

  function translate() {
    document.documentElement.lang = language;
    document.documentElement.dir = language === 'ar' ? 'rtl' : 'ltr';
    document.title = say('page.title');
    for (const node of document.querySelectorAll('[data-say]')) {
      node.textContent = say(node.dataset.say);
    }
  }

  const instant = (ms) => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms));

  function rows(answer) {
    const where = say(`place.${answer.part}`, { n: answer.n });
    const found = [['where', where], ['file', file.name]];
    if (answer.tenant === null) return found;
    found.push(
      ['incident', answer.incident],
      ['window', `${instant(answer.from_ms)} – ${instant(answer.to_ms)}`],
      ['records', answer.records],
      ['size', answer.size],
      ['checkpoint', instant(answer.checkpoint_ms)],
      ['protected_to', answer.protected_to ?? say('fact.none')],
      ['signer', answer.signer ?? say('fact.none')],
    );
    if (answer.cosigners.length > 0) found.push(['cosigners', answer.cosigners.join(', ')]);
    found.push(['log', [answer.tenant, answer.appliance, answer.epoch].join(' / ')]);
    for (const { what, why, count } of answer.omissions) {
      // What an earlier epoch holds goes along as documents.
      const name = why === 'other_epoch' ? 'enclosed' : 'omitted';
      found.push([name, `${leftOut(what, why)}: ${count}`]);
    }
    return found;
  }

  function node(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  /** Words from the file are only ever put in as text, each isolated from its surroundings. */
  function show(answer) {
    const shades = { 0: ['good', '✔'], 1: ['warn', '▲'], 5: ['warn', '?'] };
    const [shade, mark] = shades[answer.exit] ?? ['bad', '✖'];
    const card = node('div', undefined, `answer ${shade}`);
    card.dataset.exit = answer.exit;
    card.dataset.reason = answer.reason;
    card.append(node('h2', `${mark} ${say(`verdict.${answer.verdict}`)}`));
    card.append(node('p', say(`reason.${answer.reason}`)));
    if (answer.demo) card.append(node('p', say('fact.demo')));
    const facts = node('dl');
    for (const [name, value] of rows(answer)) {
      const cell = node('dd');
      cell.append(node('bdi', String(value)));
      facts.append(node('dt', say(`fact.${name}`)), cell);
    }
    const details = node('details');
    details.append(node('summary', say('page.details')), node('pre', JSON.stringify(answer, null, 2)));
    card.append(facts, details);
    element('answer').replaceChildren(card);
  }

  function check() {
    let trust;
    element('trust-problem').textContent = '';
    try {
      trust = parseTrust(element('trust').value);
    } catch (problem) {
      element('trust-problem').textContent = say('page.bad_line', { line: problem.line });
      element('answer').replaceChildren();
      return;
    }
    if (file === null) return;
    element('answer').replaceChildren(node('p', say('page.working')));
    // Lets the page paint before the work begins.
    requestAnimationFrame(() => setTimeout(() => show(verify(file.bytes, trust))));
  }

  async function open(chosen) {
    if (!chosen) return;
    // One byte more than a verifier reads is enough to say that it is too large.
    const bytes = new Uint8Array(await chosen.slice(0, 268435457).arrayBuffer());
    file = { name: chosen.name, bytes };
    check();
  }

  element('file').addEventListener('change', (event) => open(event.target.files[0]));
  element('trust').addEventListener('input', check);
  element('trust-file').addEventListener('change', async (event) => {
    const [chosen] = event.target.files;
    if (!chosen) return;
    element('trust').value = await chosen.slice(0, 1048576).text();
    check();
  });
  element('language').addEventListener('click', () => {
    language = language === 'ar' ? 'en' : 'ar';
    translate();
    check();
  });
  for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      element('drop').classList.toggle('over', name === 'dragenter' || name === 'dragover');
      if (name === 'drop') open(event.dataTransfer.files[0]);
    });
  }
  translate();
})();
