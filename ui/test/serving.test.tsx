// What the diagnostics page says of the way the pages are served, and when it warns.
import { MantineProvider } from '@mantine/core';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Diagnostics } from '@/api/types';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { Serving } from '@/pages/parts/serving';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

const NOW = 1_790_000_000_000;
const DAY = 86_400_000;
const PLAIN: Diagnostics['serving'] = {
  address: '127.0.0.1:8090', tls: 'off', open_without_tls: false, fingerprint: null, names: [], not_after: null, problem: null, allow_from: false, refused: 0, crowded: 0, failed_handshakes: 0,
};
const TLS = { ...PLAIN, address: '0.0.0.0:8090', tls: 'self_signed', fingerprint: 'AB:CD', names: ['optria.plant', '10.0.0.5'], not_after: NOW + 400 * DAY };
const show = (facts: Diagnostics['serving']) => {
  render(<MantineProvider><Serving facts={facts} at={NOW} /></MantineProvider>);
  return document.body.textContent;
};

describe('how the pages are served', () => {
  it('says that nothing leaves the machine, and does not warn', () => {
    const text = show(PLAIN);
    expect(text).toContain('none; on this machine alone');
    expect(text).not.toContain('without encryption');
  });

  it('warns of an open port without encryption', () => {
    const text = show({ ...PLAIN, address: '0.0.0.0:8090', open_without_tls: true });
    expect(text).toContain('Open to the network without encryption');
    expect(text).not.toContain('on this machine alone');
  });

  it('shows the certificate people compare', () => {
    const text = show({ ...TLS, allow_from: true, refused: 3, failed_handshakes: 2 });
    for (const part of ['AB:CD', 'optria.plant, 10.0.0.5', 'certificate of this installation', '2027', 'chosen addresses alone']) expect(text).toContain(part);
    expect(screen.getByText('Refused connections').nextElementSibling?.textContent).toBe('5');
    expect(text).not.toContain('renewed');
  });

  it('warns before the certificate ends, after it, and when a newer one does not fit', () => {
    expect(show({ ...TLS, not_after: NOW + 12.5 * DAY })).toContain('ends in 12 days');
    cleanup();
    expect(show({ ...TLS, not_after: NOW - DAY, problem: 'tls.expired' })).toContain('The certificate ended');
    cleanup();
    expect(show({ ...TLS, problem: 'tls.key_mismatch' })).toContain('tls.key_mismatch');
  });
});
