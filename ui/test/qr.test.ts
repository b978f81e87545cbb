import { describe, expect, it } from 'vitest';
import { besideThePage, lookAt, partOf, pathOf, squaresOf } from '@/lib/qr';
import { type Pixels, textIn } from '@/lib/qr-look';

/** As long as a signed receipt with two marks gets. */
const RECEIPT = `OQR1.1-2.${'0123456789ABCDEFGHJKMNPQRSTVWXYZ'.repeat(15)}.7K3Q`;

/** A picture of a code: squares of so many pixels, on a ground, with what a camera adds. */
function picture(text: string, scale: number, disturb: (x: number, y: number, light: number) => number = (_x, _y, light) => light): Pixels {
  const squares = squaresOf(text);
  const edge = 40;
  const side = squares.length * scale + 2 * edge;
  const data = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const dark = squares[Math.floor((y - edge) / scale)]?.[Math.floor((x - edge) / scale)] ?? false;
      const light = disturb(x, y, dark ? 30 : 220);
      data.set([light, light, light, 255], (y * side + x) * 4);
    }
  }
  return { width: side, height: side, data };
}

function turned({ width, height, data }: Pixels, angle: number): Pixels {
  const out = new Uint8ClampedArray(data.length).fill(220);
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [dx, dy] = [x - width / 2, y - height / 2];
      const [fx, fy] = [Math.round(cos * dx + sin * dy + width / 2), Math.round(cos * dy - sin * dx + height / 2)];
      if (fx < 0 || fy < 0 || fx >= width || fy >= height) continue;
      const from = (fy * width + fx) * 4;
      out.set(data.subarray(from, from + 4), (y * width + x) * 4);
    }
  }
  return { width, height, data: out };
}

describe('a receipt as a QR code', () => {
  it('is packed: version 14 at most, and read from its squares', () => {
    expect(squaresOf(RECEIPT).length).toBeLessThanOrEqual(73 + 8);
    expect(textIn(picture(RECEIPT, 4))).toBe(RECEIPT);
  });

  it('is read out of a turned, unevenly lit and noisy picture', () => {
    let seed = 7;
    const noise = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return (seed / 2_147_483_648 - 0.5) * 50;
    };
    const lit = picture(RECEIPT, 6, (x, _y, light) => light * (0.6 + x / 1_400) + noise());
    expect(textIn(turned(lit, 0.21))).toBe(RECEIPT);
  });

  it('is not found where there is none, or where most of it is gone', () => {
    expect(textIn({ width: 200, height: 200, data: new Uint8ClampedArray(160_000).fill(200) })).toBeNull();
    expect(textIn(picture(RECEIPT, 4, (x, y, light) => (x > 150 && y > 150 ? 220 : light)))).toBeNull();
  });

  it('is drawn as strokes that cover the dark squares and no other', () => {
    expect(pathOf([[true, true, false], [false, false, true]])).toBe('M0 0h2v1h-2zM2 1h1v1h-1z');
  });

  it('says which part of how many it is', () => {
    expect(partOf(` ${RECEIPT}`)).toEqual({ part: 1, of: 2 });
    expect(partOf('oqr1.3-12.XYZ')).toEqual({ part: 3, of: 12 });
    for (const other of ['', 'https://hub.example', 'OQR2.1-1.A.B', 'OQR1.1-1']) expect(partOf(other)).toBeNull();
  });
});

/** A worker that answers a moment later, or breaks. */
class Beside {
  onmessage: ((event: { data: string | null }) => void) | null = null;
  onerror: (() => void) | null = null;
  ended = false;
  seen: Pixels[] = [];
  constructor(private readonly answers: (string | null | Error)[]) {}
  postMessage(pixels: Pixels) {
    this.seen.push(pixels);
    const answer = this.answers.shift() ?? null;
    setTimeout(() => (answer instanceof Error ? this.onerror?.() : this.onmessage?.({ data: answer })), 0);
  }
  terminate() { this.ended = true; }
}

describe('looking beside the page', () => {
  const blank: Pixels = { width: 8, height: 8, data: new Uint8ClampedArray(256) };

  it('goes on to the next size until a text is found, and says which it is at', async () => {
    const worker = new Beside([null, RECEIPT, 'never asked']);
    const looker = besideThePage(() => worker as unknown as Worker);
    const said: string[] = [];
    expect(await lookAt([3, 2, 1], () => blank, looker, (look, of) => said.push(`${look}/${of}`))).toBe(RECEIPT);
    expect(said).toEqual(['1/3', '2/3']);
    expect(worker.seen).toHaveLength(2);
    looker.close();
    expect(worker.ended).toBe(true);
  });

  it('lets the page go on between two looks', async () => {
    const looker = besideThePage(() => new Beside([null, null]) as unknown as Worker);
    let turns = 0;
    const timer = setInterval(() => { turns += 1; }, 0);
    expect(await lookAt([1, 2], () => blank, looker, () => undefined)).toBeNull();
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('looks in the page where a worker does not start, or breaks', async () => {
    const code = picture(RECEIPT, 4);
    const never = besideThePage(() => { throw new Error('refused'); });
    expect(await never.look(code)).toBe(RECEIPT);
    const broken = new Beside([new Error('gone')]);
    const looker = besideThePage(() => broken as unknown as Worker);
    expect(await looker.look(code)).toBe(RECEIPT);
    expect(broken.ended).toBe(true);
  });
});
