// Black Box, incident and map in both languages: playback, deep link, brush, export, moving an asset.
import { type Browser, expect, type Page, test } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { dress, type Language, settled, signIn, type Target, target } from './target';

let t: Target;
test.describe.configure({ mode: 'serial' });
test.beforeAll(async () => { t = await target(); });
test.afterAll(async () => { await t?.stop(); });

interface Incident { id: string; number: string; started_at: number }

async function opened(browser: Browser, language: Language): Promise<Page> {
  const context = await browser.newContext();
  await dress(context, language, 'light');
  const page = await context.newPage();
  await signIn(page, t);
  return page;
}

const read = async <T>(page: Page, path: string): Promise<T> => (await (await page.request.get(t.url + path)).json()) as T;
const parameter = (page: Page, name: string) => new URL(page.url()).searchParams.get(name);
const timeOf = (page: Page) => Number(parameter(page, 't'));

async function anIncident(page: Page): Promise<Incident> {
  const { items } = await read<{ items: Incident[] }>(page, '/api/blackbox/incidents?limit=1');
  return items[0]!;
}

for (const language of ['ar', 'en'] as const) {
  test(`an incident plays, steps and stops by the keyboard, ${language}`, async ({ browser }) => {
    const page = await opened(browser, language);
    const incident = await anIncident(page);
    await page.goto(`${t.url}/blackbox/incidents/${incident.id}`);
    await settled(page);
    const timeline = page.locator('.tl');
    await expect(page.locator('.lanes canvas')).toHaveAttribute('data-events', /^[1-9]/);
    await timeline.focus();
    // The first step stands on the first event; the address follows.
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => timeOf(page)).toBeGreaterThan(0);
    const first = timeOf(page);
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => timeOf(page)).toBeGreaterThan(first);
    await expect(page.locator('tr[aria-current="true"]')).toHaveCount(1);
    const before = timeOf(page);
    await page.keyboard.press('Space');
    await expect.poll(() => timeOf(page), { timeout: 20_000 }).toBeGreaterThan(before + 20_000);
    await page.keyboard.press('Space');
    const speed = page.locator('.speed select');
    const was = Number(await speed.inputValue());
    await page.keyboard.press('Minus');
    expect(Number(await speed.inputValue())).toBeLessThan(was);
    await page.keyboard.press('KeyL');
    await expect(page.locator('.player [aria-pressed="true"]')).toHaveCount(2);
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog').locator('.kbd').first()).toBeVisible();
    await page.context().close();
  });

  test(`a link leads to one moment, ${language}`, async ({ browser }) => {
    const page = await opened(browser, language);
    const incident = await anIncident(page);
    const { from, to } = await read<{ from: number; to: number }>(page, `/api/blackbox/incidents/${incident.id}/timeline`);
    await page.goto(`${t.url}/blackbox/incidents/${incident.id}?t=${incident.started_at}`);
    await settled(page);
    const line = page.locator('[data-cursor]');
    await expect(line).toBeVisible();
    const share = await line.evaluate((e) => (Number.parseFloat(e.style.transform.replace('translateX(', '')) / e.parentElement!.clientWidth) * 100);
    // Another event may have come since the window was read: the end moves, the place only a little.
    expect(Math.abs(share - ((incident.started_at - from) / (to - from)) * 100)).toBeLessThan(15);
    await expect(page.locator('.event-detail')).toBeVisible();
    await expect(page.locator('.pastnote')).toBeVisible();
    // A search leaves what matches, and its place in the order stays.
    await page.locator('.filters input[type="search"]').fill('no-such-word-anywhere');
    await expect(page.locator('.lanes canvas')).toHaveAttribute('data-events', '0');
    await expect.poll(() => parameter(page, 'find')).toBe('no-such-word-anywhere');
    await page.context().close();
  });

  test(`a window drawn over the slices filters the explorer, and its export has as many rows, ${language}`, async ({ browser }) => {
    const page = await opened(browser, language);
    await page.goto(`${t.url}/blackbox?range=1h&q=no-such-word-anywhere`);
    await settled(page);
    // Cleared filters stay cleared, also the one in a field.
    await page.locator('main section.pane .state .btn').first().click();
    await expect.poll(() => parameter(page, 'q')).toBeNull();
    await expect(page.locator('.filters input[type="search"]')).toHaveValue('');
    const strip = page.locator('.hist');
    const box = (await strip.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60);
    await page.mouse.down();
    // Up to the present: what the test did is seconds old.
    await page.mouse.move(box.x + box.width - 1, box.y + 60, { steps: 6 });
    await page.mouse.up();
    await expect.poll(() => parameter(page, 'to')).not.toBeNull();
    const [from, to] = [Number(parameter(page, 'from')), Number(parameter(page, 'to'))];
    expect(to).toBeGreaterThan(from);
    const handle = page.locator('.brush-handle[data-edge="from"]');
    await handle.focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => Number(parameter(page, 'from'))).toBeGreaterThan(from);
    const shownFrom = Number(parameter(page, 'from'));
    const { total } = await read<{ total: number }>(page, `/api/blackbox/events?from=${shownFrom}&to=${Math.min(to, Date.now())}&limit=1`);
    expect(total).toBeGreaterThan(0);

    const events = page.locator('section.pane').last();
    await events.getByRole('button', { name: language === 'ar' ? 'تصدير' : 'Export', exact: true }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: 'JSON' }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^DEMO-events-.*\.json$/);
    const whole = JSON.parse(await readFile(await file.path(), 'utf8')) as { demo: boolean; rows: number; items: { event_time: number }[] };
    expect([whole.demo, whole.items.length]).toEqual([true, whole.rows]);
    expect(whole.rows).toBeGreaterThanOrEqual(total);
    for (const item of whole.items) expect(item.event_time >= shownFrom && item.event_time < to).toBe(true);
    const url = `${t.url}/api/blackbox/events/export?from=${shownFrom}&to=${to}&format=csv`;
    const csv = await (await page.request.get(url)).text();
    expect(csv.startsWith('\ufeffevent_time,')).toBe(true);
    expect(parameter(page, 'q')).toBeNull();
    await page.context().close();
  });

  test(`the past is looked through for incidents, and says what it found, ${language}`, async ({ browser }) => {
    const page = await opened(browser, language);
    await page.goto(`${t.url}/blackbox`);
    await settled(page);
    await page.locator('[data-action="detect"]').click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('.btn.pri').click();
    await expect(dialog.locator('.note')).toBeVisible({ timeout: 60_000 });
    await expect(dialog.locator('.note')).not.toHaveText('');
    await page.context().close();
  });

  test(`an asset is found on the map and stays where it is put, ${language}`, async ({ browser }) => {
    const page = await opened(browser, language);
    const { assets } = await read<{ assets: { id: string; code: string }[] }>(page, '/api/twin');
    const asset = assets.find((a) => a.code === 'P-102A')!;
    await page.goto(`${t.url}/digital-twin?view=map&asset=${asset.id}`);
    await settled(page);
    const map = page.locator('.plant-map canvas');
    await expect(map).toHaveAttribute('data-drawn', String(assets.length));
    await expect(page.locator('.side h2').first()).toHaveText('P-102A');
    await page.getByRole('button', { name: language === 'ar' ? 'نقل الأصول' : 'Move assets' }).click();
    await map.focus();
    await page.keyboard.press('Shift+ArrowRight');
    const placeOf = async () => (await read<{ places: { asset_id: string; x: number }[] }>(page, '/api/twin/layout')).places.find((p) => p.asset_id === asset.id)?.x ?? null;
    const before = await placeOf();
    await page.locator('.pt .btn.pri').first().click();
    await expect.poll(placeOf).not.toBe(before);
    await map.focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => parameter(page, 'asset')).not.toBe(asset.id);
    await page.context().close();
  });
}
