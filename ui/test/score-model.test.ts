// A page states the model of a score by its name and its window, never as a raw line.
import { describe, expect, it } from 'vitest';
import { scoreModel } from '@/lib/score-model';

describe('the model of a score', () => {
  it('has a name and a window', () => {
    expect(scoreModel('robust-baseline/1 2026-11-21T18:25:00.000Z/2026-11-22T00:42:00.000Z')).toEqual({ method: 'robust-baseline/1', version: null, from: Date.UTC(2026, 10, 21, 18, 25), to: Date.UTC(2026, 10, 22, 0, 42) });
  });

  it('has a version where it was trained, and no window where nothing was learned', () => {
    expect(scoreModel('multivariate/1 v12 2026-11-21T18:25:00.000Z/2026-11-22T00:42:00.000Z')).toMatchObject({ method: 'multivariate/1', version: 12, to: Date.UTC(2026, 10, 22, 0, 42) });
    expect(scoreModel('robust-baseline/1')).toEqual({ method: 'robust-baseline/1', version: null, from: null, to: null });
  });

  it('stays as it is where it is written in another way', () => {
    expect(scoreModel('something else entirely').method).toBe('something else entirely');
  });
});
