// A cable between a plant and a hub that a test can pull: each of them lives in a network namespace of its own, a veth pair
// joins the two, and neither has any other network. Their pages are reached past all that, through a socket in the file
// system, so that a person can look on while the cable is out.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One side of the cable. */
export interface End {
  /** Its address on the cable. */
  address: string;
  /** What a command begins with to run there. */
  inside: string[];
  /** Makes a port there answer at the same port of 127.0.0.1 here. */
  door: (port: number) => Promise<void>;
}

export interface Cable {
  plant: End;
  hub: End;
  pull: () => void;
  plug: () => void;
  end: () => Promise<void>;
}

function ip(...args: string[]): void {
  const done = spawnSync('ip', args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`ip ${args.join(' ')}: ${done.stderr}`);
}

/** Whether this machine lets us: it needs the right to make network namespaces. */
export function canLayCable(): boolean {
  const name = `oq-try-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return false;
  return spawnSync('ip', ['netns', 'del', name]).status === 0;
}

/** A port that is free here; in a namespace that was just made it is free as well. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? done(address.port) : failed(new Error('no port'))));
    });
  });
}

/** Runs on the other side: from the socket to the port, until its input ends. */
const RELAY = `
const net = require('node:net');
const [, socket, port] = process.argv;
net.createServer((a) => {
  const b = net.connect(Number(port), '127.0.0.1');
  a.pipe(b).pipe(a);
  a.on('error', () => b.destroy());
  b.on('error', () => a.destroy());
}).listen(socket, () => console.log('ready'));
process.stdin.resume().on('end', () => process.exit(0));
`;

export function layCable(): Cable {
  const folder = mkdtempSync(join(tmpdir(), 'optria-cable-'));
  const relays: ChildProcess[] = [];
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const side = (what: 'plant' | 'hub', address: string) => {
    const name = `oq-${what}-${process.pid}`;
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    const inside = ['ip', 'netns', 'exec', name];
    const door = async (port: number) => {
      const socket = join(folder, `${what}-${port}`);
      const relay = spawn('ip', ['netns', 'exec', name, process.execPath, '-e', RELAY, socket, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
      relays.push(relay);
      await new Promise<void>((done, failed) => {
        relay.stdout.once('data', () => done());
        relay.once('exit', (code) => failed(new Error(`the way to ${what} ended with ${code}`)));
      });
      const server = createServer((near) => {
        const far = connect(socket);
        for (const one of [near, far]) open.add(one.on('close', () => open.delete(one)));
        near.pipe(far).pipe(near);
        near.on('error', () => far.destroy());
        far.on('error', () => near.destroy());
      });
      servers.push(server);
      await new Promise<void>((done, failed) => {
        server.once('error', failed);
        server.listen(port, '127.0.0.1', done);
      });
    };
    return { name, end: { address, inside, door } };
  };
  const plant = side('plant', '10.77.0.1');
  const hub = side('hub', '10.77.0.2');
  ip('-n', plant.name, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', hub.name);
  for (const one of [plant, hub]) {
    ip('-n', one.name, 'address', 'add', `${one.end.address}/24`, 'dev', 'cable');
    ip('-n', one.name, 'link', 'set', 'cable', 'up');
  }
  return {
    plant: plant.end,
    hub: hub.end,
    pull: () => ip('-n', plant.name, 'link', 'set', 'cable', 'down'),
    plug: () => ip('-n', plant.name, 'link', 'set', 'cable', 'up'),
    end: async () => {
      for (const socket of open) socket.destroy();
      await Promise.all(servers.map((server) => new Promise<void>((done) => server.close(() => done()))));
      for (const relay of relays) relay.stdin?.end();
      for (const one of [plant, hub]) ip('netns', 'del', one.name);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
