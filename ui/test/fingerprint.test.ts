// A certificate's file on its way to the server.
import { describe, expect, it } from 'vitest';
import { fileText } from '@/lib/fingerprint';

describe('the file of a certificate', () => {
  it('is sent as it is in PEM form', () => {
    const pem = '\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    expect(fileText(new TextEncoder().encode(pem))).toBe(pem);
  });

  it('is sent in Base64 in DER form, each byte kept', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(Uint8Array.from(atob(fileText(bytes)), (c) => c.charCodeAt(0))).toEqual(bytes);
  });
});
