// Starts a whole hub for a test: a throw-away Postgres with its roles, the tables, the first platform owner, and an
// instance on a free port. All of it goes when it is stopped.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { binary } from './appliance';
import { type End, freePort } from './cable';

export interface RunningHub {
  url: string;
  /** Where appliances reach it. */
  forAppliances: string;
  owner: { username: string; password: string };
  /** What `sql` finds, read as the role that owns the tables, bound to a tenant. */
  rows: (tenant: string, sql: string) => string;
  stop: () => Promise<void>;
}

const SECRETS = { SESSION_SECRET: 'session secret of a hub in a test', OPTRIA_HUB_KEY: 'sealing key of a hub in a test, 32 or more', OPTRIA_SSO_NETWORKS: '127.0.0.0/8' };
const OWNER = 'owner@hub.example';

function beside(name: string, how: string): string {
  const path = join(dirname(binary()), name);
  if (!existsSync(path)) throw new Error(`no program at ${path}: ${how}`);
  return path;
}

/** Waits until a program prints what `says` finds in it. */
function said(child: ChildProcess, says: RegExp): Promise<string> {
  let text = '';
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`not ready after a minute:\n${text}`)), 60_000);
    const take = (chunk: Buffer) => {
      text += chunk.toString();
      const found = says.exec(text)?.[1];
      if (!found) return;
      clearTimeout(late);
      done(found);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.once('exit', (code) => {
      clearTimeout(late);
      failed(new Error(`ended with ${code} before it was ready:\n${text}`));
    });
  });
}

function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((done) => {
    const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.once('exit', () => {
      clearTimeout(force);
      done();
    });
    end();
  });
}

/** With `at`, on one side of a cable: its pages are at the same address as there. */
export async function startHub(at?: End): Promise<RunningHub> {
  const program = beside('optria-hub', 'cargo build --workspace --bins');
  const within = (name: string, args: string[] = []): [string, string[]] => {
    const [command, ...rest] = [...(at?.inside ?? []), name, ...args];
    return [command!, rest];
  };
  const database = spawn(...within(beside('examples/hub_db', 'cargo build --workspace --example hub_db')), { stdio: ['pipe', 'pipe', 'pipe'] });
  const folder = mkdtempSync(join(tmpdir(), 'optria-hub-e2e-'));
  const children = [() => ended(database, () => database.stdin.end())];
  const stop = async () => {
    // What was started last goes first: an instance ends what it does before the database goes.
    for (const end of children.reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await said(database, /^ready (\d+)/m);
    const as = (login: string) => ({ ...process.env, ...SECRETS, OPTRIA_DATA_DIR: folder, OPTRIA_LOG: 'warn', DATABASE_URL: `postgres://${login}@127.0.0.1:${port}/plant?sslmode=disable` });
    const once = (login: string, ...args: string[]): string => {
      const done = spawnSync(...within(program, ['--lang', 'en', ...args]), { env: as(login), encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`optria-hub ${args.join(' ')}: ${done.stderr}`);
      return done.stdout;
    };
    once('hub_owner:owner-7', 'migrate');
    const password = /shown once\): (\S+)/.exec(once('optria_hub:hub-7', 'bootstrap', '--username', OWNER))?.[1];
    if (!password) throw new Error('the platform owner got no password');
    const own = at && (await freePort());
    const where = at ? ['--listen', `0.0.0.0:${own}`, '--public-url', `http://${at.address}:${own}`] : ['--listen', '127.0.0.1:0'];
    const instance = spawn(...within(program, ['--lang', 'en', 'serve', ...where]), { env: as('optria_hub:hub-7'), stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(() => ended(instance, () => instance.kill('SIGTERM')));
    const announced = await said(instance, /(http:\/\/[\d.]+:\d+)/);
    if (at && own) await at.door(own);
    const url = own ? `http://127.0.0.1:${own}` : announced;
    const forAppliances = at ? `http://${at.address}:${own}` : url;
    const rows = (tenant: string, sql: string): string => {
      const bound = `BEGIN; SET LOCAL app.tenant = '${tenant}'; ${sql}; COMMIT;`;
      const done = spawnSync(...within('psql', ['-qAt', '-v', 'ON_ERROR_STOP=1', '-d', as('hub_owner:owner-7').DATABASE_URL, '-c', bound]), { encoding: 'utf8' });
      if (done.status !== 0) throw new Error(done.stderr);
      return done.stdout;
    };
    return { url, forAppliances, owner: { username: OWNER, password }, rows, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The code an authenticator shows for a secret (RFC 6238: SHA-1, 30 seconds, six digits). */
export function totp(base32: string, at = Date.now()): string {
  const bits = [...base32.replace(/\s/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(step).digest();
  const offset = mac[19]! & 15;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}
