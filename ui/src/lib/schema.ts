// The flat JSON schema a connector describes itself with, as the form reads it.

export interface SchemaField {
  name: string;
  group: string;
  order: number;
  type: string;
  widget: string;
  options: string[];
  secret: boolean;
  required: boolean;
  choices: boolean;
  env: string | null;
  showWhen: Record<string, string[]>;
  fallback: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
}

type Raw = Record<string, unknown>;
export type Values = Record<string, unknown>;

const text = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);
const amount = (value: unknown) => (typeof value === 'number' ? value : undefined);

export function fieldsOf(schema: unknown): SchemaField[] {
  const properties = ((schema as Raw | null)?.properties ?? {}) as Record<string, Raw>;
  return Object.entries(properties)
    .map(([name, p]) => ({
      name,
      group: text(p['x-group'], 'connection'),
      order: amount(p['x-order']) ?? 1000,
      type: text(p.type, 'string'),
      widget: text(p['x-widget'], Array.isArray(p.enum) ? 'select' : 'text'),
      options: Array.isArray(p.enum) ? p.enum.filter((o) => o !== null).map(String) : [],
      secret: p['x-secret'] === true,
      required: p['x-required'] === true,
      choices: p['x-choices'] === true,
      env: typeof p['x-env'] === 'string' ? p['x-env'] : null,
      showWhen: (p['x-show-when'] ?? {}) as Record<string, string[]>,
      fallback: p.default ?? null,
      minimum: amount(p.minimum),
      maximum: amount(p.maximum),
      maxLength: amount(p.maxLength),
    }))
    .sort((a, b) => a.order - b.order);
}

const isSet = (value: unknown) => value !== undefined && value !== null && value !== '';

/** The value in force: the tenant's, else what the server says is in force, else the field's default. */
export function inForce(field: SchemaField, values: Values, effective: Record<string, { value: unknown; source: string }> = {}): unknown {
  if (isSet(values[field.name])) return values[field.name];
  const known = effective[field.name];
  // What the server knows as the tenant's value is what the form is changing just now.
  if (known && known.source !== 'tenant' && isSet(known.value)) return known.value;
  return field.fallback;
}

export function isShown(field: SchemaField, fields: SchemaField[], values: Values, effective: Record<string, { value: unknown; source: string }> = {}): boolean {
  return Object.entries(field.showWhen).every(([name, allowed]) => {
    const other = fields.find((f) => f.name === name);
    const value = other ? inForce(other, values, effective) : values[name];
    return allowed.map(String).includes(String(value));
  });
}

export type Source = 'tenant' | 'environment' | 'default';

export function sourceOf(field: SchemaField, values: Values, effective: Record<string, { value: unknown; source: string }> = {}): Source {
  if (isSet(values[field.name])) return 'tenant';
  return effective[field.name]?.source === 'environment' ? 'environment' : 'default';
}

/** What is sent: only what the tenant set and what is shown; a hidden field's old value would be refused later. */
export function toConfig(fields: SchemaField[], values: Values, effective: Record<string, { value: unknown; source: string }> = {}): Values {
  const config: Values = {};
  for (const field of fields) {
    if (isSet(values[field.name]) && isShown(field, fields, values, effective)) config[field.name] = values[field.name];
  }
  return config;
}
