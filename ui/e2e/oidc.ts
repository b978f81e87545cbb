// The OpenID provider of the tests, as it is published: a certified implementation from npm, with its own pages.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';

const PEERS = resolve(import.meta.dirname, '../../tests/peers');
const HOME = resolve(import.meta.dirname, '../node_modules/.cache/optria-peers');

export interface Provider {
  issuer: string;
  stop: () => Promise<void>;
}

const freePort = (): Promise<number> => new Promise((done, failed) => {
  const server = createServer();
  server.once('error', failed);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => done(typeof address === 'object' && address ? address.port : 0));
  });
});

function installed(): string {
  mkdirSync(HOME, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'oidc_provider.mjs']) copyFileSync(join(PEERS, name), join(HOME, name));
  if (!existsSync(join(HOME, 'node_modules/oidc-provider/package.json'))) {
    const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: HOME, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`the peers can't be installed:\n${done.stderr}`);
  }
  return join(HOME, 'oidc_provider.mjs');
}

export async function provider(redirect: string): Promise<Provider> {
  const port = await freePort();
  const child = spawn('node', [installed(), `--port=${port}`, `--redirect=${redirect}`], { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  await new Promise<void>((done, failed) => {
    child.stderr.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    child.stdout.on('data', (chunk: Buffer) => { if (chunk.toString().includes('ready')) done(); });
    child.once('exit', (code) => failed(new Error(`the provider ended with ${code}:\n${text}`)));
  });
  const stop = () => new Promise<void>((done) => {
    child.once('exit', () => done());
    child.stdin.end();
  });
  return { issuer: `http://127.0.0.1:${port}`, stop };
}
