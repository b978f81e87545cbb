import { describe, expect, it } from 'vitest';
import { fieldsOf, inForce, isShown, sourceOf, toConfig } from '@/lib/schema';

const schema = {
  type: 'object',
  properties: {
    password: { type: 'string', 'x-secret': true, 'x-order': 40, 'x-show-when': { auth: ['UserName'] } },
    url: { type: 'string', 'x-order': 10, 'x-env': 'SOURCE_URL', 'x-required': true },
    mode: { type: 'string', enum: ['None', 'Sign'], default: 'Sign', 'x-order': 20 },
    reason: { type: 'string', 'x-order': 25, 'x-show-when': { mode: ['None'] } },
    auth: { type: 'string', enum: ['Anonymous', 'UserName'], default: 'Anonymous', 'x-order': 30 },
    interval: { type: 'integer', minimum: 50, default: 1000, 'x-order': 50 },
  },
};
const fields = fieldsOf(schema);
const field = (name: string) => fields.find((f) => f.name === name)!;

describe('form of a connector', () => {
  it('follows the order the connector gives', () => {
    expect(fields.map((f) => f.name)).toEqual(['url', 'mode', 'reason', 'auth', 'password', 'interval']);
  });

  it('shows a field only when the other field has one of the named values', () => {
    expect(isShown(field('password'), fields, {})).toBe(false);
    expect(isShown(field('password'), fields, { auth: 'UserName' })).toBe(true);
    expect(isShown(field('reason'), fields, {})).toBe(false);
    expect(isShown(field('reason'), fields, { mode: 'None' })).toBe(true);
  });

  it('takes the global default into account when it decides what to show', () => {
    expect(isShown(field('password'), fields, {}, { auth: { value: 'UserName', source: 'environment' } })).toBe(true);
  });

  it('lets the own value win over the environment, and that over the default', () => {
    const effective = { mode: { value: 'None', source: 'environment' } };
    expect(inForce(field('mode'), { mode: 'Sign' }, effective)).toBe('Sign');
    expect(inForce(field('mode'), {}, effective)).toBe('None');
    expect(inForce(field('mode'), {}, {})).toBe('Sign');
    expect([sourceOf(field('mode'), { mode: 'Sign' }, effective), sourceOf(field('mode'), {}, effective), sourceOf(field('mode'), {}, {})]).toEqual(['tenant', 'environment', 'default']);
  });

  it('falls back to the default once the own value is given up', () => {
    expect(inForce(field('mode'), { mode: null }, { mode: { value: 'None', source: 'tenant' } })).toBe('Sign');
  });

  it('sends neither empty nor hidden fields', () => {
    expect(toConfig(fields, { url: 'opc.tcp://x', auth: 'Anonymous', password: 'old', reason: '', interval: 500 })).toEqual({ url: 'opc.tcp://x', auth: 'Anonymous', interval: 500 });
  });

  it('keeps the mark of a stored secret, which means unchanged', () => {
    expect(toConfig(fields, { auth: 'UserName', password: '***' })).toEqual({ auth: 'UserName', password: '***' });
  });

  it('reads a schema without properties as an empty form', () => expect(fieldsOf({})).toEqual([]));
});
