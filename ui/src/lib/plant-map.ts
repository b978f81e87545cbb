// Where assets stand on the map: along the flow inside their unit, units beside each other; what somebody has moved
// stays where it was put. Left to right like the drawing of the process, in both languages.
import type { Names, Twin, TwinAsset } from '@/api/types';

export interface Place {
  x: number;
  y: number;
}

export interface Node extends Place {
  asset: TwinAsset;
  /** The corner of its unit, from which a place given by hand counts: it goes where its unit goes. */
  corner: Place;
}

export interface Frame {
  id: string;
  code: string;
  names: Names;
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface PlantMap {
  nodes: Node[];
  byId: Map<string, Node>;
  frames: Frame[];
  /** Pairs of nodes the flow goes between. */
  flows: [Node, Node][];
  w: number;
  h: number;
}

/** Room of one asset, and around a unit. */
export const CELL_X = 132;
export const CELL_Y = 112;
const PAD = 34;
const GAP = 18;

/** Column of each asset: one behind the farthest that feeds it. A loop is cut where it closes. */
export function columnsOf(assets: TwinAsset[]): Map<string, number> {
  const here = new Map(assets.map((a) => [a.code, a]));
  const column = new Map<string, number>();
  const open = new Set<string>();
  const place = (code: string): number => {
    const known = column.get(code);
    if (known !== undefined) return known;
    if (open.has(code)) return -1;
    open.add(code);
    const feeders = new Set([...here.get(code)!.upstream, ...assets.filter((a) => a.downstream.includes(code)).map((a) => a.code)]);
    let at = 0;
    for (const feeder of feeders) if (feeder !== code && here.has(feeder)) at = Math.max(at, place(feeder) + 1);
    open.delete(code);
    column.set(code, at);
    return at;
  };
  for (const asset of assets) place(asset.code);
  return column;
}

/** Places inside a unit, from 0. A unit whose assets are not joined is a block. */
function inUnit(assets: TwinAsset[]): Map<string, Place> {
  const joined = assets.some((a) => a.upstream.length + a.downstream.length > 0);
  const places = new Map<string, Place>();
  // The search for a flow is quadratic; a unit this large is no drawing any more.
  if (!joined || assets.length > 400) {
    const columns = Math.ceil(Math.sqrt(assets.length * 1.6));
    assets.forEach((a, i) => places.set(a.id, { x: (i % columns) * CELL_X, y: Math.floor(i / columns) * CELL_Y }));
    return places;
  }
  const column = columnsOf(assets);
  const rows = new Map<number, number>();
  for (const asset of assets) {
    const at = column.get(asset.code)!;
    const row = rows.get(at) ?? 0;
    rows.set(at, row + 1);
    places.set(asset.id, { x: at * CELL_X, y: row * CELL_Y });
  }
  return places;
}

/** Assets of a unit in a fixed order: the map must not change when a status does. */
const inOrder = (assets: TwinAsset[]): TwinAsset[] => [...assets].sort((a, b) => (a.code < b.code ? -1 : 1));

/** Breadths that are tried for the whole; the one whose shape is nearest to a screen's is taken. */
const BREADTHS = [1, 1.4, 1.8, 2.3, 2.9, 3.6, 4.5];
const SCREEN = 2;

/** The drawing of these assets; `moved` are places given by hand, from the corner of the asset's unit. */
export function plantMap(twin: Twin, assets: TwinAsset[], moved: Map<string, Place>): PlantMap {
  const byUnit = new Map<string, TwinAsset[]>();
  for (const asset of assets) {
    const unit = byUnit.get(asset.unit_id);
    if (unit) unit.push(asset);
    else byUnit.set(asset.unit_id, [asset]);
  }
  const units = twin.sites.flatMap((site) => site.units).flatMap((unit) => {
    const own = inOrder(byUnit.get(unit.id) ?? []);
    if (own.length === 0) return [];
    const places = inUnit(own);
    const at = [...places.values()];
    const reach = (of: (p: Place) => number) => at.reduce((most, p) => Math.max(most, of(p)), 0);
    return [{ unit, own, places, w: reach((p) => p.x) + CELL_X + PAD, h: reach((p) => p.y) + CELL_Y + PAD }];
  });
  const packed = BREADTHS.map((b) => shelves(units, Math.sqrt(assets.length) * CELL_X * b));
  const corners = packed.reduce((best, p) => (Math.abs(Math.log(p.w / p.h / SCREEN)) < Math.abs(Math.log(best.w / best.h / SCREEN)) ? p : best)).corners;
  const nodes: Node[] = [];
  const frames = units.map(({ unit, own, places, w, h }, i) => {
    const corner = corners[i]!;
    const frame: Frame = { id: unit.id, code: unit.code, names: unit.names, ...corner, w, h };
    for (const asset of own) {
      const free = places.get(asset.id)!;
      const inside = moved.get(asset.id) ?? { x: PAD / 2 + free.x + CELL_X / 2, y: PAD + free.y + CELL_Y / 2 - 10 };
      const at = { x: corner.x + inside.x, y: corner.y + inside.y };
      nodes.push({ asset, corner, ...at });
      grow(frame, at);
    }
    return frame;
  });
  const byId = new Map(nodes.map((n) => [n.asset.id, n]));
  const byCode = new Map(nodes.map((n) => [n.asset.code, n]));
  return { nodes, byId, frames, flows: flowsOf(nodes, byCode), w: Math.max(1, ...frames.map((f) => f.x + f.w)), h: Math.max(1, ...frames.map((f) => f.y + f.h)) };
}

/** Units side by side, in a new row where they would be wider than that; the corner of each, and the whole. */
function shelves(units: { w: number; h: number }[], wide: number): { corners: Place[]; w: number; h: number } {
  let [left, top, tall, w] = [0, 0, 0, 1];
  const corners = units.map((unit) => {
    if (left > 0 && left + unit.w > wide) [left, top, tall] = [0, top + tall + GAP, 0];
    const corner = { x: left, y: top };
    left += unit.w + GAP;
    tall = Math.max(tall, unit.h);
    w = Math.max(w, left);
    return corner;
  });
  return { corners, w, h: top + tall + 1 };
}

/** A frame holds what was moved out of it. */
function grow(frame: Frame, at: Place): void {
  const [right, bottom] = [Math.max(frame.x + frame.w, at.x + CELL_X / 2), Math.max(frame.y + frame.h, at.y + CELL_Y / 2 + 10)];
  frame.x = Math.min(frame.x, at.x - CELL_X / 2);
  frame.y = Math.min(frame.y, at.y - CELL_Y / 2);
  frame.w = right - frame.x;
  frame.h = bottom - frame.y;
}

/** Each connection once, whichever of its two ends names it. */
function flowsOf(nodes: Node[], byCode: Map<string, Node>): [Node, Node][] {
  const seen = new Set<string>();
  const flows: [Node, Node][] = [];
  const add = (from: Node | undefined, to: Node | undefined) => {
    if (!from || !to || from === to) return;
    const key = `${from.asset.id} ${to.asset.id}`;
    if (seen.has(key)) return;
    seen.add(key);
    flows.push([from, to]);
  };
  for (const node of nodes) {
    for (const code of node.asset.downstream) add(node, byCode.get(code));
    for (const code of node.asset.upstream) add(byCode.get(code), node);
  }
  return flows;
}

export interface Look {
  /** Pixels per unit of the map. */
  scale: number;
  /** Where the map's origin stands, in pixels. */
  x: number;
  y: number;
}

/** The whole map in a window of that size, never larger than life. */
export function fitted(map: PlantMap, width: number, height: number): Look {
  const [left, top] = [Math.min(0, ...map.frames.map((f) => f.x)), Math.min(0, ...map.frames.map((f) => f.y))];
  const scale = Math.min(1.25, (width - 16) / (map.w - left), (height - 16) / (map.h - top));
  return { scale, x: (width - (map.w + left) * scale) / 2, y: 8 - top * scale };
}

/** Closer or farther with one point of the window staying where it is. */
export function zoomed(look: Look, factor: number, x: number, y: number): Look {
  const scale = Math.min(3, Math.max(0.03, look.scale * factor));
  const real = scale / look.scale;
  return { scale, x: x - (x - look.x) * real, y: y - (y - look.y) * real };
}

/** Whether the map takes a press, and the page does not scroll by it: a lone finger is the page's, unless it holds an asset that is being moved. */
export const takesPress = (kind: string, fingers: number, holdsAsset: boolean): boolean => kind !== 'touch' || fingers > 1 || holdsAsset;

/** Where the map stands after two fingers went from one pair of places to another: what lay between them still does. */
export function pinched(look: Look, from: readonly [Place, Place], to: readonly [Place, Place]): Look {
  const apart = ([a, b]: readonly [Place, Place]) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  const middle = ([a, b]: readonly [Place, Place]): Place => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const [was, is] = [middle(from), middle(to)];
  const closer = zoomed(look, apart(to) / apart(from), was.x, was.y);
  return { ...closer, x: closer.x + is.x - was.x, y: closer.y + is.y - was.y };
}

/** The asset under a point of the map. */
export function nodeAt(map: PlantMap, x: number, y: number): Node | null {
  return map.nodes.find((n) => Math.abs(n.x - x) <= CELL_X / 2 - 8 && y - n.y >= -34 && y - n.y <= 52) ?? null;
}

/** The nearest asset in a direction, what lies straight ahead first. */
export function nodeToward(map: PlantMap, from: Node, dx: -1 | 0 | 1, dy: -1 | 0 | 1): Node | null {
  let best: Node | null = null;
  let least = Infinity;
  for (const node of map.nodes) {
    const [x, y] = [node.x - from.x, node.y - from.y];
    const ahead = x * dx + y * dy;
    if (ahead <= 1) continue;
    const cost = ahead + 2.5 * Math.abs(dx === 0 ? x : y);
    if (cost < least) [best, least] = [node, cost];
  }
  return best;
}
