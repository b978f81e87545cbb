// What is configured is said in words of the page's language; what has none stands as it is.
import { MantineProvider } from '@mantine/core';
import { cleanup, render } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { ConfiguredParts, FeatureFlags } from '@/pages/parts/configured-parts';

beforeAll(async () => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
  await startI18n({ ...DEFAULTS, language: 'ar' });
});
afterEach(cleanup);

/** As an appliance and a hub answer; the names are those of `config_status`. */
const SUBSYSTEMS = {
  database: { status: 'ok', source: 'embedded' },
  optimization_engine: { status: 'disabled', flag: false },
  pi_default_config: { status: 'empty', has_url: false },
  opcua_default_creds: { status: 'configured', has_creds: true },
  opcua_default_endpoint: { status: 'configured', has_opcua_endpoint: true },
  tls: { status: 'enabled', mode: 'self_signed', open_without_tls: false, fingerprint: null },
};

it('says every fact in Arabic', () => {
  render(<MantineProvider><ConfiguredParts subsystems={SUBSYSTEMS} /></MantineProvider>);
  const facts = [...document.querySelectorAll('.fact')].map((fact) => fact.textContent);
  expect(facts).toHaveLength(8);
  expect(facts.filter((fact) => /[A-Za-z=]/.test(fact))).toEqual([]);
  expect(facts).toContain('اسم الدخول وكلمة المرور مضبوطان: نعم');
});

it('says every flag in Arabic, and names connectors as they are', () => {
  render(<MantineProvider><FeatureFlags flags={{ demo_mode: false, optimization_engine_enabled: true, external_db_enable: false, connectors: ['opcua', 'pi'] }} /></MantineProvider>);
  const flags = [...document.querySelectorAll('li')].map((flag) => flag.textContent);
  expect(flags).toEqual(['الوضع التجريبي: لا', 'محرك التحسين: نعم', 'قواعد البيانات الخارجية: لا', expect.stringMatching(/^[^a-z]+: opcua, pi$/)]);
});
