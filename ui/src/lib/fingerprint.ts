// Fingerprints as people read them to each other.

/** Hex pairs in capitals: `E7 13 5D …`. */
export function pairs(hex: string): string[] {
  return (hex.replace(/[^0-9a-f]/gi, '').toUpperCase().match(/../g) ?? []);
}

/** What a person typed, reduced to its hex digits. */
export const typedHex = (text: string): string => text.replace(/[^0-9a-f]/gi, '').toLowerCase();

/** A certificate's file as it is sent: PEM as it is, DER in Base64. */
export function fileText(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return binary.trimStart().startsWith('-----BEGIN') ? binary : btoa(binary);
}

export const TAIL_DIGITS = 8;

/** Whether the typed digits are the last four pairs. */
export function tailMatches(sha256: string, typed: string): boolean {
  const digits = typedHex(typed);
  return digits.length === TAIL_DIGITS && typedHex(sha256).endsWith(digits);
}
