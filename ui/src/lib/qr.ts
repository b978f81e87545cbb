// Receipts as QR codes: drawn, and read out of a picture, both here and without a network.
import encodeQR from 'qr';
import { type Pixels, textIn } from './qr-look';

/** The squares of a code with its quiet border; capitals and digits are packed tightly. */
export function squaresOf(text: string): boolean[][] {
  return encodeQR(text, 'raw', { ecc: 'medium', border: 4 });
}

/** The dark squares as one path, a unit each; neighbours in a row are one stroke. */
export function pathOf(squares: boolean[][]): string {
  let path = '';
  squares.forEach((row, y) => {
    for (let x = 0; x < row.length; x += 1) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x += 1;
      path += `M${from} ${y}h${x - from + 1}v1h-${x - from + 1}z`;
    }
  });
  return path;
}

/** Longer side of the picture at each look: a photograph has more pixels than a code needs. */
const SIDES = [1_600, 1_000, 2_600];

/** What looks at pictures, one after the other, and is let go when it is done. */
export interface Looker {
  look: (pixels: Pixels) => Promise<string | null>;
  close: () => void;
}

/** In the page itself, after it was drawn: where no worker starts, a late answer is better than none. */
const inPage = (pixels: Pixels) => new Promise<string | null>((done) => {
  setTimeout(() => done(textIn(pixels)), 30);
});

/** Beside the page. The policy of the servers lets a worker come from themselves alone. */
export function besideThePage(start: () => Worker = () => new Worker(new URL('./qr-worker.ts', import.meta.url), { type: 'module' })): Looker {
  let worker: Worker | null = null;
  try {
    worker = start();
  } catch {
    return { look: inPage, close: () => undefined };
  }
  const close = () => {
    worker?.terminate();
    worker = null;
  };
  const look = (pixels: Pixels) => new Promise<string | null>((done) => {
    if (!worker) {
      void inPage(pixels).then(done);
      return;
    }
    worker.onmessage = (event: MessageEvent<string | null>) => done(event.data);
    worker.onerror = () => {
      close();
      void inPage(pixels).then(done);
    };
    worker.postMessage(pixels);
  });
  return { look, close };
}

/** The first text that a look at one of the sizes finds; says before each look which it is, of how many. */
export async function lookAt<T>(sides: T[], pixelsOf: (side: T) => Pixels | null, looker: Looker, onLook: (look: number, of: number) => void): Promise<string | null> {
  for (const [at, side] of sides.entries()) {
    onLook(at + 1, sides.length);
    const pixels = pixelsOf(side);
    if (!pixels) return null;
    const text = await looker.look(pixels);
    if (text !== null) return text;
  }
  return null;
}

/** The text of the code in a photograph; null where none is found. Fails where it is no picture. */
export async function readPicture(file: Blob, onLook: (look: number, of: number) => void = () => undefined): Promise<string | null> {
  const bitmap = await createImageBitmap(file);
  const looker = besideThePage();
  const longest = Math.max(bitmap.width, bitmap.height);
  const sides = [...new Set(SIDES.map((side) => Math.min(side, longest)))];
  const pixelsOf = (side: number): Pixels | null => {
    const scale = side / longest;
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return null;
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return { width, height, data };
  };
  try {
    return await lookAt(sides, pixelsOf, looker, onLook);
  } finally {
    looker.close();
    bitmap.close();
  }
}

/** Which part of how many a receipt as text is; null where it is none. What it says, the server reads. */
export function partOf(text: string): { part: number; of: number } | null {
  const found = /^\s*OQR1\.(\d{1,2})-(\d{1,2})\./i.exec(text);
  return found ? { part: Number(found[1]), of: Number(found[2]) } : null;
}
