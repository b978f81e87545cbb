// Runs the script of the verifier page outside a browser: one line of JSON per file.
//   node page.mjs VERIFY.JS KEYS FILE...
import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';

const [script, keys, ...files] = process.argv.slice(2);
runInThisContext(readFileSync(script, 'utf8'), { filename: script });
const { verify, parseTrust } = globalThis.optriaVerify;
const trust = parseTrust(readFileSync(keys, 'utf8'));
for (const file of files) {
  console.log(JSON.stringify(verify(new Uint8Array(readFileSync(file)), trust)));
}
