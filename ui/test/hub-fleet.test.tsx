// How an appliance stands in the fleet: one whose files are carried is shown as that, with its last file.
import { MantineProvider } from '@mantine/core';
import { cleanup, render } from '@testing-library/react';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { FleetAppliance } from '@/hub/api';
import { Standing } from '@/hub/fleet';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'en' });
});
afterEach(cleanup);

const FILE = 1_790_000_000_000;

function show(state: FleetAppliance['state']) {
  render(<MantineProvider><Standing of={{ state, last_file_at: FILE } as FleetAppliance} /></MantineProvider>);
  const [time] = document.getElementsByTagName('time');
  return { text: document.body.textContent, file: time?.dateTime, warns: document.querySelector('.st.warning') !== null };
}

describe('how an appliance stands', () => {
  it('names the courier and his last file, and warns only when he is late', () => {
    const known = show('courier');
    expect(known.text).toContain('By courier files');
    expect(Date.parse(known.file ?? '')).toBe(FILE);
    expect(known.warns).toBe(false);
    cleanup();
    const late = show('courier_late');
    expect(late.text).toContain('By courier, late');
    expect(late.warns).toBe(true);
  });

  it('speaks of no file where a line is', () => {
    expect(show('silent').file).toBeUndefined();
  });
});
