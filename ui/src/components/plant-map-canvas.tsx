// The map on a canvas: frames of the units, lines of the flow, a symbol per asset with its status by shape and colour.
// Only what is in sight is drawn, and from afar only the shapes, so that ten thousand assets move smoothly.
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { TwinAsset } from '@/api/types';
import { useText } from '@/i18n/text';
import { unitLabel } from '@/lib/format';
import { CELL_X, CELL_Y, fitted, type Look, type Node, nodeAt, nodeToward, pinched, type Place, type PlantMap, takesPress, zoomed } from '@/lib/plant-map';
import { token } from '@/lib/plot';
import { equipmentLines, Icon, iconLines, type IconName } from './icons';
import { Tag } from './marks';
import { stateWord } from './metrics';

/** Below this only shapes are drawn. */
const FAR = 0.34;
/** A press that goes no farther is none: a finger never rests on one pixel. */
const STILL = { mouse: 4, pen: 6, touch: 12 };
/** Below this a symbol has its code, but no value. */
const NO_VALUE = 0.55;

const COLOURS = ['ink', 'ink-2', 'ink-3', 'line', 'line-strong', 'equip', 'crit-fill', 'crit-text', 'on-crit', 'warn-fill', 'warn-edge', 'warn-text', 'on-warn', 'action', 'action-soft', 'surface'] as const;
type Colours = Record<(typeof COLOURS)[number], string>;

const lines = new Map<string, Path2D>();
function path(d: string): Path2D {
  const known = lines.get(d) ?? new Path2D(d);
  lines.set(d, known);
  return known;
}

const LINKS: Partial<Record<TwinAsset['connectivity'], IconName>> = { stale: 'clock', disconnected: 'broken', imported: 'doc', none: 'dash' };

function drawShape(c: CanvasRenderingContext2D, k: Colours, status: TwinAsset['status'], x: number, y: number, r: number): void {
  c.setLineDash([]);
  c.lineWidth = r / 5;
  c.beginPath();
  if (status === 'critical') {
    c.fillStyle = k['crit-fill'];
    c.fillRect(x - r, y - r, 2 * r, 2 * r);
    c.fillStyle = k['on-crit'];
    c.fillRect(x - r / 8, y - r * 0.6, r / 4, r * 0.75);
    c.fillRect(x - r / 8, y + r * 0.4, r / 4, r / 4);
  } else if (status === 'warning') {
    c.moveTo(x, y - r);
    c.lineTo(x + r, y + r);
    c.lineTo(x - r, y + r);
    c.closePath();
    c.fillStyle = k['warn-fill'];
    c.fill();
    c.strokeStyle = k['warn-edge'];
    c.stroke();
  } else {
    c.arc(x, y, r * 0.85, 0, 2 * Math.PI);
    c.strokeStyle = k['ink-3'];
    if (status === 'unknown') c.setLineDash([r / 2.5, r / 3]);
    c.stroke();
    c.setLineDash([]);
  }
}

function drawFlow(c: CanvasRenderingContext2D, a: Node, b: Node): void {
  const [x1, x2] = a.x <= b.x ? [a.x + 24, b.x - 24] : [a.x - 24, b.x + 24];
  const middle = (x1 + x2) / 2;
  c.moveTo(x1, a.y);
  c.lineTo(middle, a.y);
  c.lineTo(middle, b.y);
  c.lineTo(x2, b.y);
}

function drawArrow(c: CanvasRenderingContext2D, a: Node, b: Node): void {
  const way = a.x <= b.x ? 1 : -1;
  const x = b.x - way * 30;
  c.moveTo(x + way * 6, b.y);
  c.lineTo(x - way * 4, b.y - 5);
  c.lineTo(x - way * 4, b.y + 5);
  c.closePath();
}

interface Drawing {
  map: PlantMap;
  look: Look;
  width: number;
  height: number;
  selected: string;
  /** What stands under a code: a value with its unit. */
  value: (asset: TwinAsset) => string;
}

function draw(c: CanvasRenderingContext2D, k: Colours, { map, look, width, height, selected, value }: Drawing): number {
  const seen = { left: -look.x / look.scale - CELL_X, top: -look.y / look.scale - CELL_Y, right: (width - look.x) / look.scale + CELL_X, bottom: (height - look.y) / look.scale + CELL_Y };
  const near = look.scale >= FAR;
  c.save();
  c.clearRect(0, 0, width, height);
  c.translate(look.x, look.y);
  c.scale(look.scale, look.scale);
  c.textAlign = 'left';
  c.strokeStyle = k['line-strong'];
  c.lineWidth = 1 / look.scale;
  for (const f of map.frames) {
    if (f.x > seen.right || f.y > seen.bottom || f.x + f.w < seen.left || f.y + f.h < seen.top) continue;
    c.setLineDash([4 / look.scale, 3 / look.scale]);
    c.strokeRect(f.x, f.y, f.w, f.h);
    c.setLineDash([]);
    c.font = `600 ${Math.max(13, 11 / look.scale)}px "IBM Plex Mono", monospace`;
    c.fillStyle = k['ink-2'];
    c.fillText(f.code, f.x + 10, f.y + Math.max(20, 14 / look.scale));
  }
  c.strokeStyle = k.equip;
  c.fillStyle = k.equip;
  c.lineWidth = Math.max(2, 1 / look.scale);
  c.beginPath();
  const inSight = (n: Node) => n.x >= seen.left && n.x <= seen.right && n.y >= seen.top && n.y <= seen.bottom;
  const flows = map.flows.filter(([a, b]) => inSight(a) || inSight(b));
  for (const [a, b] of flows) drawFlow(c, a, b);
  c.stroke();
  if (near) {
    c.beginPath();
    for (const [a, b] of flows) drawArrow(c, a, b);
    c.fill();
  }
  let drawn = 0;
  const far: Node[] = [];
  for (const node of map.nodes) {
    if (!inSight(node)) continue;
    drawn += 1;
    if (!near) far.push(node);
    else drawNode(c, k, node, node.asset.id === selected, look.scale < NO_VALUE ? '' : value(node.asset), look.scale);
  }
  drawDots(c, k, far, selected, look.scale);
  c.restore();
  return drawn;
}

/** Shapes from afar: all normal ones are one line, and so are all unknown ones. */
function drawDots(c: CanvasRenderingContext2D, k: Colours, nodes: Node[], selected: string, scale: number): void {
  const r = Math.min(26, Math.max(10, 5 / scale));
  for (const status of ['normal', 'unknown'] as const) {
    c.beginPath();
    for (const { asset, x, y } of nodes) {
      if (asset.status !== status) continue;
      c.moveTo(x + r * 0.85, y);
      c.arc(x, y, r * 0.85, 0, 2 * Math.PI);
    }
    c.lineWidth = r / 5;
    c.strokeStyle = k['ink-3'];
    c.setLineDash(status === 'unknown' ? [r / 2.5, r / 3] : []);
    c.stroke();
  }
  for (const { asset, x, y } of nodes) {
    if (asset.status === 'critical' || asset.status === 'warning') drawShape(c, k, asset.status, x, y, r);
    if (asset.id !== selected) continue;
    c.setLineDash([]);
    c.strokeStyle = k.action;
    c.lineWidth = 2 / scale;
    c.strokeRect(x - r * 1.8, y - r * 1.8, r * 3.6, r * 3.6);
  }
}

function drawNode(c: CanvasRenderingContext2D, k: Colours, { asset, x, y }: Node, selected: boolean, value: string, scale: number): void {
  c.fillStyle = selected ? k['action-soft'] : k.surface;
  c.fillRect(x - 26, y - 26, 52, 52);
  if (selected) {
    c.strokeStyle = k.action;
    c.lineWidth = 1.5;
    c.strokeRect(x - CELL_X / 2 + 10, y - 36, CELL_X - 20, 92);
  }
  c.save();
  c.translate(x - 22, y - 22);
  c.scale(2.2, 2.2);
  c.lineWidth = 0.9;
  c.strokeStyle = asset.status === 'critical' ? k['crit-text'] : asset.status === 'warning' ? k['warn-text'] : k['ink-2'];
  if (asset.status === 'unknown') c.setLineDash([1.6, 1.2]);
  c.stroke(path(equipmentLines(asset.family)));
  c.restore();
  if (asset.status !== 'normal') drawShape(c, k, asset.status, x + 24, y - 26, 7);
  const link = LINKS[asset.connectivity];
  if (link) {
    c.save();
    c.translate(x - 36, y - 34);
    c.lineWidth = 1.4;
    c.strokeStyle = link === 'broken' ? k['crit-text'] : link === 'clock' ? k['warn-text'] : k['ink-3'];
    c.stroke(path(iconLines(link)));
    c.restore();
  }
  c.textAlign = 'center';
  // Never smaller than can be read, never wider than its place.
  const size = Math.min(Math.max(13, 10 / scale), (CELL_X - 8) / (asset.code.length * 0.6));
  c.font = `500 ${size}px "IBM Plex Mono", monospace`;
  c.fillStyle = k.ink;
  c.fillText(asset.code, x, y + 25 + size);
  c.font = '400 12px "IBM Plex Mono", "IBM Plex Sans Arabic", monospace';
  c.fillStyle = k['ink-2'];
  c.fillText(value, x, y + 53);
}

interface Props {
  map: PlantMap;
  selected: string;
  onPick: (id: string) => void;
  /** Present while assets are being moved. */
  onMove?: (id: string, place: Place) => void;
}

/** What a press began: nothing yet, moving the map, or moving an asset. */
interface Drag {
  x: number;
  y: number;
  look: Look;
  node: Node | null;
  far: boolean;
  /** Mouse, pen or touch. */
  kind: string;
}

/** How long it stays in sight that the map is moved by two fingers. */
const HINT_MS = 2500;

/** Two fingers on the map: where they came down, and what was seen then. */
interface Pinch {
  look: Look;
  fingers: [number, number];
  places: [Place, Place];
}

export function PlantMapCanvas({ map, selected, onPick, onMove }: Props) {
  const { t, n, word, p } = useText();
  const scheme = useComputedColorScheme('light');
  const { ref, width, height } = useElementSize();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [chosen, setLook] = useState<Look | null>(null);
  const [spoken, setSpoken] = useState('');
  const [lone, setLone] = useState(false);
  const drag = useRef<Drag | null>(null);
  const fingers = useRef(new Map<number, Place>());
  const pinch = useRef<Pinch | null>(null);
  const look = useMemo(() => chosen ?? (width > 0 ? fitted(map, width, height) : { scale: 1, x: 0, y: 0 }), [chosen, map, width, height]);
  const value = useCallback((asset: TwinAsset) => {
    const key = asset.key_signal;
    if (!key) return '';
    const state = key.text || stateWord(key.metric, key.value);
    return state || (key.value === null ? '—' : `\u2066${n(key.value)} ${unitLabel(key.unit)}\u2069`);
  }, [n]);
  useEffect(() => {
    const c = canvas.current?.getContext('2d');
    if (!c || width < 40) return;
    let alive = true;
    const paint = () => {
      if (!alive) return;
      const ratio = devicePixelRatio;
      if (c.canvas.width !== Math.round(width * ratio) || c.canvas.height !== Math.round(height * ratio)) {
        c.canvas.width = Math.round(width * ratio);
        c.canvas.height = Math.round(height * ratio);
      }
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
      const colours = Object.fromEntries(COLOURS.map((name) => [name, token(name)])) as Colours;
      c.canvas.dataset.drawn = String(draw(c, colours, { map, look, width, height, selected, value }));
    };
    const frame = requestAnimationFrame(paint);
    // Text of a face that is still loading would stay in the fallback.
    void document.fonts.ready.then(paint);
    return () => {
      alive = false;
      cancelAnimationFrame(frame);
    };
    // The scheme and the language are part of what is read from the page.
  }, [map, look, width, height, selected, value, scheme, p]);

  const pointOf = (event: { clientX: number; clientY: number }) => {
    const box = canvas.current!.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const onMap = (at: Place): Place => ({ x: (at.x - look.x) / look.scale, y: (at.y - look.y) / look.scale });
  const isTaken = (began: Drag) => takesPress(began.kind, fingers.current.size, Boolean(onMove && began.node));
  const down = (event: PointerEvent<HTMLCanvasElement>) => {
    const at = pointOf(event);
    const place = onMap(at);
    event.currentTarget.setPointerCapture(event.pointerId);
    fingers.current.set(event.pointerId, at);
    const [one, other] = [...fingers.current];
    if (one && other) {
      // The second finger ends what the first began; a third changes nothing.
      drag.current = null;
      setLone(false);
      pinch.current ??= { look, fingers: [one[0], other[0]], places: [one[1], other[1]] };
      return;
    }
    drag.current = { ...at, look, node: nodeAt(map, place.x, place.y), far: false, kind: event.pointerType };
  };
  const move = (event: PointerEvent<HTMLCanvasElement>) => {
    const began = drag.current;
    const at = pointOf(event);
    if (fingers.current.has(event.pointerId)) fingers.current.set(event.pointerId, at);
    if (pinch.current) {
      const [a, b] = pinch.current.fingers.map((id) => fingers.current.get(id));
      if (a && b) setLook(pinched(pinch.current.look, pinch.current.places, [a, b]));
      return;
    }
    if (!began) {
      const place = onMap(at);
      event.currentTarget.style.cursor = nodeAt(map, place.x, place.y) ? 'pointer' : 'grab';
      return;
    }
    if (!began.far && Math.hypot(at.x - began.x, at.y - began.y) < (STILL[event.pointerType as keyof typeof STILL] ?? STILL.mouse)) return;
    began.far = true;
    if (!isTaken(began)) setLone(true);
    else if (onMove && began.node) onMove(began.node.asset.id, { x: Math.round(onMap(at).x), y: Math.round(onMap(at).y) });
    else setLook({ ...began.look, x: began.look.x + at.x - began.x, y: began.look.y + at.y - began.y });
  };
  const lift = (event: PointerEvent<HTMLCanvasElement>) => {
    fingers.current.delete(event.pointerId);
    if (!pinch.current?.fingers.includes(event.pointerId)) return;
    pinch.current = null;
    // The finger that stays moves nothing: it takes two.
    drag.current = null;
  };
  // The browser took the finger to scroll the page.
  const cancel = (event: PointerEvent<HTMLCanvasElement>) => {
    if (event.pointerType === 'touch' && drag.current) setLone(true);
    drag.current = null;
    lift(event);
  };
  const up = (event: PointerEvent<HTMLCanvasElement>) => {
    const wasPinched = pinch.current !== null;
    lift(event);
    if (wasPinched) return;
    const began = drag.current;
    drag.current = null;
    if (began && !began.far && began.node) choose(began.node);
  };
  const choose = (node: Node) => {
    onPick(node.asset.id);
    setSpoken(t('map.spoken', { code: node.asset.code, status: word('status', node.asset.status), link: word('connectivity', node.asset.connectivity) }));
    const [x, y] = [node.x * look.scale + look.x, node.y * look.scale + look.y];
    if (x < 40 || y < 40 || x > width - 40 || y > height - 60) setLook({ ...look, x: look.x + width / 2 - x, y: look.y + height / 2 - y });
  };
  const zoom = (factor: number, x = width / 2, y = height / 2) => setLook(zoomed(look, factor, x, y));
  const onKey = (event: KeyboardEvent) => {
    const step: Record<string, [-1 | 0 | 1, -1 | 0 | 1]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = step[event.key];
    if (way) {
      const from = map.byId.get(selected);
      const next = from ? nodeToward(map, from, way[0], way[1]) : map.nodes[0];
      if (from && onMove && event.shiftKey) onMove(from.asset.id, { x: from.x + way[0] * 12, y: from.y + way[1] * 12 });
      else if (next) choose(next);
    } else if (event.key === '+' || event.key === '=') zoom(1.25);
    else if (event.key === '-') zoom(0.8);
    else if (event.key === '0') setLook(null);
    else return;
    event.preventDefault();
  };
  // Ctrl and the wheel, as a touch pad pinches; the wheel alone scrolls the page.
  const wheel = useRef<(event: WheelEvent) => void>(() => undefined);
  useEffect(() => {
    wheel.current = (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const at = pointOf(event);
      zoom(Math.exp(-event.deltaY / 300), at.x, at.y);
    };
  });
  useEffect(() => {
    const host = canvas.current;
    const turn = (event: WheelEvent) => wheel.current(event);
    // Not passive: the browser would zoom the whole page.
    host?.addEventListener('wheel', turn, { passive: false });
    return () => host?.removeEventListener('wheel', turn);
  }, []);
  // What the map takes must not scroll the page as well; all else does, so that a finger comes past the map.
  const taken = useRef<() => boolean>(() => false);
  useEffect(() => {
    taken.current = () => pinch.current !== null || (drag.current !== null && isTaken(drag.current));
  });
  useEffect(() => {
    const host = canvas.current;
    const hold = (event: TouchEvent) => { if (event.cancelable && taken.current()) event.preventDefault(); };
    for (const name of ['touchstart', 'touchmove'] as const) host?.addEventListener(name, hold, { passive: false });
    return () => { for (const name of ['touchstart', 'touchmove'] as const) host?.removeEventListener(name, hold); };
  }, []);
  useEffect(() => {
    const timer = lone ? setTimeout(() => setLone(false), HINT_MS) : undefined;
    return () => clearTimeout(timer);
  }, [lone]);
  return (
    <div className="plant-map" ref={ref}>
      <canvas ref={canvas} tabIndex={0} role="application" aria-label={t(onMove ? 'map.label_moving' : 'map.label', { n: map.nodes.length })} aria-describedby="map-spoken" onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={cancel} onKeyDown={onKey} />
      <p id="map-spoken" className="sr" aria-live="polite">{spoken}</p>
      <p className="map-hint" role="status" dir="auto">{lone && <span>{t('map.two_fingers')}</span>}</p>
      <div className="map-keys">
        <button type="button" className="btn sm icon" aria-label={t('play.zoom_in')} onClick={() => zoom(1.25)}><Tag>{'+'}</Tag></button>
        <button type="button" className="btn sm icon" aria-label={t('play.zoom_out')} onClick={() => zoom(0.8)}><Tag>{'−'}</Tag></button>
        <button type="button" className="btn sm icon" aria-label={t('map.fit')} onClick={() => setLook(null)}><Icon name="map" /></button>
      </div>
    </div>
  );
}
