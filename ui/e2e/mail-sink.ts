// A mail server that takes everything and shows it to the test.
import { createServer, type Server, type Socket } from 'node:net';

export interface Sink {
  url: string;
  /** Texts of the mails so far, decoded. */
  texts: () => string[];
  stop: () => Promise<void>;
}

function decoded(mail: string): string {
  const [head = '', ...rest] = mail.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  if (/transfer-encoding: base64/i.test(head)) return `${head}\n\n${Buffer.from(body.replace(/\s/g, ''), 'base64').toString('utf8')}`;
  const bytes = body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return `${head}\n\n${Buffer.from(bytes, 'latin1').toString('utf8')}`;
}

export async function mailSink(): Promise<Sink> {
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    let text = '';
    let data = false;
    socket.write('220 sink\r\n');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (;;) {
        const end = data ? text.indexOf('\r\n.\r\n') : text.indexOf('\r\n');
        if (end < 0) return;
        const part = text.slice(0, end);
        text = text.slice(end + (data ? 5 : 2));
        if (data) {
          mails.push(decoded(part));
          data = false;
          socket.write('250 taken\r\n');
        } else if (part.startsWith('DATA')) {
          data = true;
          socket.write('354 go on\r\n');
        } else socket.write(part.startsWith('QUIT') ? '221 bye\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the sink has no port');
  const stop = () => new Promise<void>((done) => { sockets.forEach((s) => s.destroy()); server.close(() => done()); });
  return { url: `smtp://127.0.0.1:${address.port}?from=optria@plant.example`, texts: () => mails, stop };
}
