// Starts the real programs for a test: an empty appliance, one with the demo plant, the plant alone, or a database with
// measured values. Each waits for the line `ready …`, uses free ports and a folder of its own, and is stopped with what
// it wrote.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type End, freePort } from './cable';

export interface Running {
  url: string;
  folder: string;
  /** Everything printed so far. */
  output: () => string;
  stop: () => Promise<void>;
}

export function binary(): string {
  const named = process.env.OPTRIA_BIN;
  const built = resolve(process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../target'), 'debug/optria');
  const path = named ?? built;
  if (!existsSync(path)) throw new Error(`no program at ${path}: build it, or set OPTRIA_BIN`);
  return path;
}

/** The example of the test kit that serves a database; it lies beside the program. */
function databaseBinary(): string {
  const path = join(dirname(binary()), 'examples/history_db');
  if (!existsSync(path)) throw new Error(`no program at ${path}: cargo build -p iq-testkit --example history_db`);
  return path;
}

function started(child: ChildProcess, patience: number, output: () => string): Promise<string> {
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`not ready after ${patience} ms:\n${output()}`)), patience);
    const look = () => {
      const address = /^ready (\S+)/m.exec(output())?.[1];
      if (!address) return;
      clearTimeout(late);
      done(address);
    };
    child.stdout!.on('data', look);
    child.once('exit', (code) => {
      clearTimeout(late);
      failed(new Error(`ended with ${code} before it was ready:\n${output()}`));
    });
  });
}

async function run(args: (folder: string) => string[], env: Record<string, string>, patience: number, program = binary(), inside: string[] = []): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'optria-e2e-'));
  const [command, ...rest] = [...inside, program, ...args(folder)];
  const child = spawn(command!, rest, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-200_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  // A program with a child of its own ends when its input closes, so that the child ends with it.
  const stop = async () => {
    child.stdin.end();
    if (program === binary()) child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(force);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const url = (await started(child, patience, () => text)).replace(/\/$/, '');
    return { url, folder, output: () => text, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const serve = (env: Record<string, string> = {}): Promise<Running> => run((folder) => ['serve', '--data-dir', folder, '--port', '0'], env, 60_000);

/** An appliance on one side of a cable; its pages are at the same address as there. */
export async function serveAt(end: End): Promise<Running> {
  const port = await freePort();
  const running = await run((folder) => ['serve', '--data-dir', folder, '--port', String(port)], {}, 60_000, binary(), end.inside);
  await end.door(port);
  return running;
}

/** A demo plant with some minutes of its past; what is usual takes hours to know. */
export const demo = (minutes = 60): Promise<Running> =>
  run((folder) => ['demo', '--data-dir', folder, '--port', '0', '--plant-port', '0', '--history-min', String(minutes)], { DEMO_MODE: 'true' }, 180_000);

/** What the verifier says of an evidence file. */
export function verifyFile(file: string, trust: string): Record<string, unknown> {
  const done = spawnSync(binary(), ['verify', file, '--trust', trust, '--json'], { encoding: 'utf8' });
  const said = JSON.parse(done.stdout) as Record<string, unknown>;
  if (said.exit !== done.status) throw new Error(`it says ${String(said.exit)} and ends with ${done.status}`);
  return said;
}

export const PLANT_PASSWORD = 'read-only-plant-user';

export const plant = (): Promise<Running> =>
  run((folder) => ['plant', 'serve', '--dir', folder, '--port', '0', '--start-ago', '1h', '--no-anonymous'], { OPTRIA_PLANT_PASSWORD: PLANT_PASSWORD }, 120_000);

/** The password of the database's login `reader`. */
export const READER_PASSWORD = 'read-only-7';

export const database = (): Promise<Running> => run((folder) => [folder], {}, 120_000, databaseBinary());

export async function plantCommand(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(binary(), ['plant', ...args, '--dir', folder]);
  return stdout;
}

export interface Account {
  username: string;
  password: string;
  role: string;
}

/** The demo users an appliance has printed: `name  password  (role)`. */
export function accountsIn(output: string): Account[] {
  return [...output.matchAll(/^\s+(\S+@\S+)\s+(\S+)\s+\((\w+)\)\s*$/gm)].map((m) => ({ username: m[1]!, password: m[2]!, role: m[3]! }));
}
