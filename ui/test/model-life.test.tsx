// How long a machine may last: nothing that is not 0 is shown as 0, neither a chance nor an age.
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { AssetLife, Scenario } from '@/api/types';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { Life } from '@/pages/parts/model-facts';
import { runName } from '@/pages/parts/plan-compare';

afterEach(cleanup);

const life = (age_h: number): AssetLife => ({
  horizon_h: 720, age_h, health: null, chance_withheld: null, remaining: null, remaining_withheld: null,
  chance: { p: 0.00073, low: 0.00022, high: 0.0015, base: 0.00073, own_failures: 2, own_exposures: 3, scale_h: 34_000, scale_low_h: 22_000, scale_high_h: 61_000 },
});

it('shows a small chance and a young machine as what they are', async () => {
  await startI18n({ ...DEFAULTS, language: 'en' });
  const { container, rerender } = render(<Life life={life(2.2)} family="centrifugal_compressor" />);
  const said = () => [...container.querySelectorAll('dd')].map((d) => d.textContent);
  expect(said().slice(0, 3)).toEqual(['0.073 %', '0.022 % – 0.15 %', '0.073 %']);
  expect(said().at(-1)).toBe('\u20682\u2069 h \u20680\u2069 min');
  rerender(<Life life={life(700)} family="centrifugal_compressor" />);
  expect(said().at(-1)).toContain('\u206829\u2069 d');
});

it('keeps the direction of the name of a run apart from its key', () => {
  expect(runName({ name: 'خطة', run_key: 'bb9' } as Scenario, 'unnamed')).toBe('\u2068خطة\u2069 · bb9');
});
