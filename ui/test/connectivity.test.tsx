// What the mark of connectivity says about an asset that only files feed.
import { cleanup, render } from '@testing-library/react';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { Connectivity } from '@/components/marks';
import { lastSampleAt } from '@/components/signals';
import type { SignalDetail } from '@/api/types';
import { changePreferences, startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';

const LAST = Date.UTC(2024, 1, 1, 10);

beforeAll(() => startI18n({ ...DEFAULTS, language: 'en' }));
afterEach(cleanup);

it('names no live source and the moment of the last sample, in both languages', async () => {
  for (const [language, ...words] of [['en', 'No live source', 'last sample'], ['ar', 'بلا مصدر مباشر', 'آخر عيّنة']] as const) {
    await changePreferences({ ...DEFAULTS, language });
    const { container } = render(<Connectivity link="imported" ageMs={86_400_000} lastAt={LAST} />);
    for (const word of words) expect(container.textContent).toContain(word);
    expect(container.querySelector('time')?.dateTime).toMatch(/^2024-02-01/);
    expect(container.querySelector('.crit-t, .warn-t')).toBeNull();
    cleanup();
  }
  await changePreferences({ ...DEFAULTS, language: 'en' });
});

it('takes the newest sample, and no score for one', () => {
  const signal = (observed_at: number | null, is_derived = false) => ({ observed_at, is_derived }) as SignalDetail;
  expect(lastSampleAt([signal(LAST), signal(LAST - 1), signal(null), signal(LAST + 1, true)])).toBe(LAST);
  expect(lastSampleAt([signal(null)])).toBeNull();
});
