// One look at a picture for a QR code. Apart from what starts the worker: a worker that could start itself is not built.
import { decodeQR } from 'qr/decode.js';

export interface Pixels {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** Milliseconds that one look at a picture may take. */
const PATIENCE = 4_000;

/** What the code in a picture says; null where none is found. */
export function textIn(pixels: Pixels): string | null {
  try {
    return decodeQR(pixels, { effort: Infinity, timeLimit: PATIENCE });
  } catch {
    return null;
  }
}
