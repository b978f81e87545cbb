// The part of ICU MessageFormat the catalogue uses: `{name}`, `{n, number}`, `{n, plural, …}` with `#`, and
// `{x, select, …}`. Strings put into a sentence are isolated (FSI…PDI), so that a tag or a value cannot turn
// Arabic around it.

export type Arguments = Record<string, string | number | null | undefined>;
type Node =
  | { kind: 'text'; text: string }
  | { kind: 'count' }
  | { kind: 'argument'; name: string; number: boolean }
  | { kind: 'choice'; name: string; plural: boolean; branches: Map<string, Node[]> };

const FSI = '\u2068';
const PDI = '\u2069';

class Reader {
  private at = 0;
  constructor(private readonly source: string) {}

  message(inPlural: boolean, nested: boolean): Node[] {
    const nodes: Node[] = [];
    let text = '';
    const flush = () => {
      if (text) nodes.push({ kind: 'text', text });
      text = '';
    };
    while (this.at < this.source.length) {
      const c = this.source[this.at]!;
      if (c === '}' && nested) break;
      if (c === '{') {
        flush();
        nodes.push(this.argument());
        continue;
      }
      if (c === '#' && inPlural) {
        flush();
        nodes.push({ kind: 'count' });
      } else text += c;
      this.at += 1;
    }
    flush();
    return nodes;
  }

  private until(stops: string): string {
    const from = this.at;
    while (this.at < this.source.length && !stops.includes(this.source[this.at]!)) this.at += 1;
    if (this.at >= this.source.length) throw new SyntaxError(`unclosed brace in: ${this.source}`);
    return this.source.slice(from, this.at).trim();
  }

  private argument(): Node {
    this.at += 1;
    const name = this.until(',}');
    if (this.source[this.at] === '}') {
      this.at += 1;
      return { kind: 'argument', name, number: false };
    }
    this.at += 1;
    const type = this.until(',}');
    if (this.source[this.at] === '}') {
      this.at += 1;
      return { kind: 'argument', name, number: type === 'number' };
    }
    if (type !== 'plural' && type !== 'select') throw new SyntaxError(`unknown format “${type}” in: ${this.source}`);
    this.at += 1;
    const branches = new Map<string, Node[]>();
    for (;;) {
      const key = this.until('{}');
      if (this.source[this.at] === '}') break;
      this.at += 1;
      branches.set(key, this.message(type === 'plural', true));
      if (this.source[this.at] !== '}') throw new SyntaxError(`unclosed branch in: ${this.source}`);
      this.at += 1;
    }
    this.at += 1;
    return { kind: 'choice', name, plural: type === 'plural', branches };
  }
}

const parsed = new Map<string, Node[]>();

export function parse(source: string): Node[] {
  let nodes = parsed.get(source);
  if (!nodes) {
    nodes = new Reader(source).message(false, false);
    parsed.set(source, nodes);
  }
  return nodes;
}

/** A sentence as plain text: what leaves the screen carries no marks of direction. */
export const withoutIsolates = (text: string): string => text.replace(/[\u2066-\u2069]/g, '');

function isolate(value: string): string {
  return value === '' || value.startsWith(FSI) ? value : FSI + value + PDI;
}

interface Formatters {
  numbers: Intl.NumberFormat;
  plurals: Intl.PluralRules;
}

/** Making formatters costs far more than a sentence; a page speaks hundreds of them in one or two locales. */
const formatters = new Map<string, Formatters>();

function formattersOf(locale: string): Formatters {
  let found = formatters.get(locale);
  if (!found) {
    found = { numbers: new Intl.NumberFormat(locale), plurals: new Intl.PluralRules(locale) };
    formatters.set(locale, found);
  }
  return found;
}

/** Formats one message. `locale` decides plural branch and digits. */
export function format(source: string, args: Arguments, locale: string): string {
  const { numbers, plurals } = formattersOf(locale);
  const write = (nodes: Node[], count: number): string =>
    nodes
      .map((node) => {
        switch (node.kind) {
          case 'text':
            return node.text;
          case 'count':
            return numbers.format(count);
          case 'argument': {
            const value = args[node.name];
            if (value === null || value === undefined) return '—';
            return typeof value === 'number' ? isolate(numbers.format(value)) : isolate(value);
          }
          case 'choice': {
            const value = args[node.name];
            const n = Number(value);
            const keys = node.plural ? [`=${n}`, plurals.select(n)] : [String(value)];
            const branch = [...keys, 'other'].map((k) => node.branches.get(k)).find(Boolean);
            return branch ? write(branch, n) : '';
          }
        }
      })
      .join('');
  return write(parse(source), 0);
}

/** Names of the values a message needs; both languages must need the same. */
export function argumentsOf(source: string): string[] {
  const names = new Set<string>();
  const walk = (nodes: Node[]) => {
    for (const node of nodes) {
      if (node.kind === 'argument') names.add(node.name);
      if (node.kind === 'choice') {
        names.add(node.name);
        for (const branch of node.branches.values()) walk(branch);
      }
    }
  };
  walk(parse(source));
  return [...names].sort();
}
