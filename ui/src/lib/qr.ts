// Receipts as QR codes: drawn, and read out of a picture, both here and without a network.
import encodeQR from 'qr';
import { decodeQR } from 'qr/decode.js';

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

/** Longer side of the picture at each look: a photograph has more pixels than a code needs. */
const SIDES = [1_600, 1_000, 2_600];

/** The text of the code in a photograph; null where none is found. Fails where it is no picture. */
export async function readPicture(file: Blob): Promise<string | null> {
  const bitmap = await createImageBitmap(file);
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    const sides = [...new Set(SIDES.map((side) => Math.min(side, longest)))];
    for (const side of sides) {
      const scale = side / longest;
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      const context = canvas.getContext('2d', { willReadFrequently: true });
      if (!context) return null;
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const text = textIn(context.getImageData(0, 0, canvas.width, canvas.height));
      if (text !== null) return text;
    }
    return null;
  } finally {
    bitmap.close();
  }
}

/** Which part of how many a receipt as text is; null where it is none. What it says, the server reads. */
export function partOf(text: string): { part: number; of: number } | null {
  const found = /^\s*OQR1\.(\d{1,2})-(\d{1,2})\./i.exec(text);
  return found ? { part: Number(found[1]), of: Number(found[2]) } : null;
}
