// The line a score carries about its model ("method/1 v2 from/to", in UTC), taken apart so that a page can say it in its own words.
export interface ScoreModel {
  method: string;
  version: number | null;
  from: number | null;
  to: number | null;
}

const LINE = /^(\S+)(?: v(\d+))?(?: (\S+Z)\/(\S+Z))?$/;

export function scoreModel(line: string): ScoreModel {
  const [, method, version, from, to] = LINE.exec(line) ?? [];
  const at = (text: string | undefined) => {
    const ms = text === undefined ? NaN : Date.parse(text);
    return Number.isNaN(ms) ? null : ms;
  };
  if (method === undefined) return { method: line, version: null, from: null, to: null };
  return { method, version: version === undefined ? null : Number(version), from: at(from), to: at(to) };
}
