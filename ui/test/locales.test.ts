import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { argumentsOf, parse } from '@/i18n/icu';
import { type Catalogue, localesFolder, readCatalogue } from '../vite/locales';

const ar = readCatalogue(localesFolder(), 'ar');
const en = readCatalogue(localesFolder(), 'en');
const source = resolve(import.meta.dirname, '../src');

const flat = (catalogue: Catalogue) => Object.entries(catalogue).flatMap(([section, messages]) => Object.entries(messages).map(([key, text]) => [`${section}:${key}`, text] as const));

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

describe('catalogue', () => {
  it('has the same keys in both languages', () => {
    const keys = (c: Catalogue) => flat(c).map(([key]) => key).sort();
    expect(keys(ar)).toEqual(keys(en));
  });

  it('has sentences that parse and need the same values in both languages', () => {
    const english = new Map(flat(en));
    for (const [key, text] of flat(ar)) {
      expect(() => parse(text), key).not.toThrow();
      expect(argumentsOf(text), key).toEqual(argumentsOf(english.get(key) ?? ''));
    }
  });

  it('gives all six branches to every Arabic plural', () => {
    for (const [key, text] of flat({ ui: ar.ui ?? {} })) {
      if (!text.includes(', plural,')) continue;
      for (const branch of ['zero', 'one', 'two', 'few', 'many', 'other']) expect(text, key).toMatch(new RegExp(`${branch} \\{`));
    }
  });

  it('calls an incident «حادثة», never the «حادث» of traffic', () => {
    const traffic = /(?<!\p{L})(?:[وف]?(?:[بكل]?ال|لل|[بكل])?)حادث(?:ا|ان|ين)?(?!\p{L})/u;
    expect(traffic.test('دمج حادثين'), 'the pattern itself').toBe(true);
    expect(traffic.test('الحادثة حدث'), 'the pattern itself').toBe(false);
    expect(flat(ar).filter(([, text]) => traffic.test(text.replace(/\p{M}/gu, ''))).map(([key]) => key)).toEqual([]);
  });

  it('writes sizes at the hub with the Latin unit, and calls a connection that fails «متعثّر», not broken down as a machine', () => {
    const wrong = (pattern: RegExp, keys = '') => flat(ar).filter(([key, text]) => key.startsWith(keys) && pattern.test(text.replace(/\p{M}/gu, ''))).map(([key]) => key);
    expect(wrong(/بايت/u, 'ui:hub.')).toEqual([]);
    expect(wrong(/تكامل(?:ات|ا|ان)?(?: واحد)? متعطل/u)).toEqual([]);
  });

  it('calls a stretch of time «فترة», not a window of the screen, and what our rules raise «تنبيه», not «إنذار»', () => {
    const texts = (keys: RegExp) => Object.entries(ar.ui ?? {}).filter(([key]) => keys.test(key)).map(([, text]) => text);
    for (const text of texts(/^(?:blackbox|detect|histogram|incident|keys|play)\./)) expect(text).not.toContain('النافذة');
    for (const text of texts(/^twin\.(?:no_)?open_alerts$/)) expect(text).toContain('تنبيه');
    // A number that is given as text takes no noun after it.
    expect(ar.ui?.['histogram.label']).not.toMatch(/\{total\} \p{L}/u);
  });

  it('calls what an authenticator is given «القيمة السرية»', () => {
    const texts = ['begin', 'type', 'picture'].map((step) => ar.ui?.[`hub.totp_${step}`]);
    for (const text of texts) expect(text).toContain('القيمة السرية');
  });

  it('knows every key that the pages name', () => {
    const known = en.ui ?? {};
    const missing = files(source).flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      return [...text.matchAll(/\bt\(\s*'([^']+)'/g)].map((m) => m[1]!).filter((key) => !(key in known)).map((key) => `${file.slice(source.length)}: ${key}`);
    });
    expect(missing).toEqual([]);
  });

  it('names every word of the closed lists', () => {
    const lists: Record<string, string[]> = {
      severity: ['info', 'warning', 'critical'], status: ['unknown', 'normal', 'warning', 'critical'],
      connectivity: ['live', 'stale', 'disconnected', 'demo', 'none'], criticality: ['low', 'medium', 'high', 'critical'],
      alert_state: ['active_unacknowledged', 'active_acknowledged', 'cleared_unacknowledged', 'cleared'],
      incident_status: ['open', 'investigating', 'resolved', 'closed'], incident_type: ['trip', 'critical_alert', 'failure'],
      relation: ['trigger', 'same_asset', 'neighbour'], order: ['certain', 'probable', 'ambiguous'],
      category: ['SENSOR', 'ALERT', 'MAINTENANCE', 'OPERATOR_ACTION', 'OPTIMISATION', 'SYSTEM'],
      role: ['viewer', 'engineer', 'optimization_engineer', 'tenant_admin', 'platform_owner'],
      trust: ['pending', 'trusted', 'rejected'], action_status: ['success', 'failure', 'pending'], auth_source: ['local', 'sso'],
    };
    for (const [list, words] of Object.entries(lists)) for (const word of words) expect(en.ui, list).toHaveProperty([`enum.${list}.${word}`]);
  });
});
