// On the way to an incident of the demo plant and through it: the plant reaches the present, a fault is found, the
// timeline plays.
import { expect, type Page } from '@playwright/test';
import type { IncidentRow, PlantStatus, RootCause, Timeline } from '../src/api/types';
import { read } from './steps';

/** While the demo plant replays its past, a fault would begin in that past. */
export const plantIsNow = (page: Page, url: string) =>
  expect.poll(async () => Date.now() - (await read<PlantStatus>(page, `${url}/api/plant`)).plant_time, { timeout: 300_000 }).toBeLessThan(10_000);

/** The incident of a machine, once its cause is named; answers with its id. */
export async function named(page: Page, url: string, machine: string, rule: string): Promise<string> {
  let id = '';
  await expect(async () => {
    const { items } = await read<{ items: IncidentRow[] }>(page, `${url}/api/blackbox/incidents?q=${machine}`);
    id = items.find((x) => x.asset_code === machine)?.id ?? '';
    expect(id, `an incident of ${machine}`).not.toBe('');
    const cause = await read<RootCause>(page, `${url}/api/blackbox/incidents/${id}/root-cause`);
    expect(cause.hypotheses[0]?.id).toBe(rule);
    expect(cause.verdict).toBe('named');
  }).toPass({ timeout: 180_000, intervals: [2_000] });
  return id;
}

/** Plays from the first critical event on: its moment by the corrected clock, and by the clock of its source. */
export async function play(page: Page, url: string, incident: string): Promise<{ at: number; atSource: number[] }> {
  const { events } = await read<Timeline>(page, `${url}/api/blackbox/incidents/${incident}/timeline`);
  const corrected = (e: Timeline['events'][number]['event']) => Math.round(e.event_time - e.time_offset_ms);
  const at = Math.min(...events.filter((x) => x.event.severity === 'critical').map((x) => corrected(x.event)));
  await page.locator('.tl').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+ArrowRight');
  await expect(page.locator('.pastnote')).toBeVisible();
  await expect.poll(() => Number(new URL(page.url()).searchParams.get('t'))).toBe(at);
  await page.keyboard.press('Space');
  await expect.poll(() => Number(new URL(page.url()).searchParams.get('t')), { timeout: 20_000 }).not.toBe(at);
  await page.keyboard.press('Space');
  return { at, atSource: events.map((x) => x.event).filter((e) => corrected(e) === at).map((e) => e.event_time) };
}
