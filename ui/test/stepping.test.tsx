// Playing the time cursor: a step a second, however often the page draws itself meanwhile.
import { act, cleanup, renderHook } from '@testing-library/react';
import { useEffect } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useCursor } from '@/lib/cursor';

beforeEach(() => {
  vi.useFakeTimers();
  window.history.replaceState(null, '', `/?t=${Date.now() - 3_600_000}`);
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

it('is not begun anew by a render', () => {
  let steps = 0;
  const { rerender } = renderHook(() => {
    const { t, setT } = useCursor();
    useEffect(() => {
      const timer = setTimeout(() => {
        steps += 1;
        setT(t! + 60_000);
      }, 1_000);
      return () => clearTimeout(timer);
    }, [t, setT]);
  });
  for (let i = 0; i < 50; i += 1) {
    act(() => { vi.advanceTimersByTime(100); });
    rerender();
  }
  expect(steps).toBe(5);
});
