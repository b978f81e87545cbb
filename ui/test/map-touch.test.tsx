// A finger on the map: one scrolls the page, two move the map, and one that holds an asset being moved moves that.
import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Twin, TwinAsset } from '@/api/types';
import { PlantMapCanvas } from '@/components/plant-map-canvas';
import { startI18n } from '@/i18n';
import { DEFAULTS } from '@/i18n/locale';
import { plantMap, takesPress } from '@/lib/plant-map';

const HINT = 'Two fingers move the map.';
const asset = { id: 'a1', code: 'P-1', site_id: 's1', unit_id: 'u1', family: 'centrifugal_pump', status: 'normal', connectivity: 'live', key_signal: null, upstream: [], downstream: [] } as unknown as TwinAsset;
const twin = { sites: [{ id: 's1', code: 'S', units: [{ id: 'u1', code: 'U1' }] }], assets: [asset] } as unknown as Twin;
const map = plantMap(twin, [asset], new Map());
const node = map.nodes[0]!;

/** The events of a finger, which this window does not have. */
class Press extends MouseEvent {
  readonly pointerId: number;
  readonly pointerType: string;
  constructor(type: string, init: PointerEventInit = {}) {
    super(type, init);
    this.pointerId = init.pointerId ?? 0;
    this.pointerType = init.pointerType ?? '';
  }
}

beforeAll(async () => {
  vi.stubGlobal('PointerEvent', Press);
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }));
  vi.stubGlobal('ResizeObserver', class { observe = () => undefined; unobserve = () => undefined; disconnect = () => undefined; });
  HTMLCanvasElement.prototype.getContext = (() => null) as typeof HTMLCanvasElement.prototype.getContext;
  HTMLElement.prototype.setPointerCapture = () => undefined;
  await startI18n({ ...DEFAULTS, language: 'en' });
});
beforeEach(() => { vi.useFakeTimers({ shouldAdvanceTime: true }); });
afterEach(() => { cleanup(); vi.useRealTimers(); });

function shown(onMove?: (id: string) => void) {
  const picked: string[] = [];
  render(<MantineProvider><PlantMapCanvas map={map} selected="" onPick={(id) => picked.push(id)} onMove={onMove} /></MantineProvider>);
  const canvas = screen.getByRole('application');
  const at = (id: number, x: number, y: number, pointerType = 'touch') => ({ pointerId: id, pointerType, clientX: x, clientY: y });
  /** Whether the page may scroll by it. */
  const scrolls = () => fireEvent.touchMove(canvas);
  return { canvas, at, scrolls, picked };
}

it('leaves a lone finger to the page and says what moves the map', () => {
  const { canvas, at, scrolls } = shown();
  fireEvent.pointerDown(canvas, at(1, 900, 900));
  expect(scrolls()).toBe(true);
  expect(screen.queryByText(HINT)).toBeNull();
  fireEvent.pointerCancel(canvas, at(1, 900, 930));
  expect(screen.getByText(HINT)).toBeTruthy();
});

it('takes two fingers, and what is left of them moves nothing', () => {
  const { canvas, at, scrolls } = shown();
  fireEvent.pointerDown(canvas, at(1, 900, 900));
  fireEvent.pointerDown(canvas, at(2, 950, 900));
  expect(scrolls()).toBe(false);
  fireEvent.pointerMove(canvas, at(2, 990, 940));
  expect(screen.queryByText(HINT)).toBeNull();
  fireEvent.pointerUp(canvas, at(2, 990, 940));
  expect(scrolls()).toBe(true);
});

it('moves an asset by one finger while assets are moved, and opens its panel by a tap', () => {
  const moved: string[] = [];
  const { canvas, at, scrolls, picked } = shown((id) => moved.push(id));
  fireEvent.pointerDown(canvas, at(1, node.x, node.y));
  expect(scrolls()).toBe(false);
  fireEvent.pointerMove(canvas, at(1, node.x + 40, node.y));
  fireEvent.pointerUp(canvas, at(1, node.x + 40, node.y));
  expect([moved, picked]).toEqual([['a1'], []]);
  fireEvent.pointerDown(canvas, at(1, node.x, node.y));
  fireEvent.pointerUp(canvas, at(1, node.x, node.y));
  expect(picked).toEqual(['a1']);
});

it('keeps mouse and pen as they were', () => {
  expect([takesPress('mouse', 1, false), takesPress('pen', 1, false), takesPress('touch', 1, false), takesPress('touch', 2, false), takesPress('touch', 1, true)]).toEqual([true, true, false, true, true]);
  const { canvas, at } = shown();
  fireEvent.pointerDown(canvas, at(1, 900, 900, 'mouse'));
  fireEvent.pointerMove(canvas, at(1, 950, 900, 'mouse'));
  expect(screen.queryByText(HINT)).toBeNull();
});
