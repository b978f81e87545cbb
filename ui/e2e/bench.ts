// Measures the incident page with 50,000 events and the twin with 10,000 assets: how long until they are painted, and
// how many pictures a second playback, scrolling and moving the map have. It prints what it measured and judges nothing: the figures belong to the machine they come from.
import { type Page, test } from '@playwright/test';
import { createServer, request, type Server } from 'node:http';
import { dress, settled, signIn, target } from './target';

const EVENTS = 50_000;
const ASSETS = 10_000;
const SECONDS = 10;

interface TimelineAnswer { from: number; to: number; events: { order: number; first_place: number; last_place: number; order_confidence: string; event: Record<string, unknown> }[] }

/** The events of a real incident, repeated over a shift; every tenth pair can't be told apart. */
function many(real: TimelineAnswer): string {
  const to = real.to;
  const from = to - 8 * 3_600_000;
  let order = 0;
  const events = Array.from({ length: EVENTS }, (_, i) => {
    const sample = real.events[i % real.events.length]!;
    const tied = i % 20 === 1;
    if (!tied) order += 1;
    const time = Math.round(from + ((to - from) * i) / EVENTS);
    const event = { ...sample.event, id: `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`, event_time: time, ingest_time: time, severity: i % 500 === 0 ? 'critical' : i % 25 === 0 ? 'warning' : 'info' };
    const places = { first_place: tied ? i : i + 1, last_place: i % 20 === 0 ? i + 2 : i + 1 };
    return { ...sample, ...places, order, order_confidence: tied ? 'ambiguous' : 'certain', event };
  });
  return JSON.stringify({ ...real, from, to, events });
}

interface TwinAnswer { sites: { units: { id: string }[] }[]; assets: { id: string; code: string; unit_id: string; upstream: string[]; downstream: string[] }[] }

/** The assets of a real plant, repeated; the copies of one plant are joined to each other as the original is. */
function plants(real: TwinAnswer): string {
  const assets = Array.from({ length: ASSETS }, (_, i) => {
    const sample = real.assets[i % real.assets.length]!;
    const copy = Math.floor(i / real.assets.length);
    const named = (code: string) => `${code}.${copy}`;
    return { ...sample, id: `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`, code: named(sample.code), upstream: sample.upstream.map(named), downstream: sample.downstream.map(named) };
  });
  return JSON.stringify({ ...real, assets });
}

/** Pictures a second while something goes on in the page. */
async function framesWhile(page: Page, seconds: number, act: () => Promise<unknown>): Promise<string> {
  const counted = page.evaluate((s) => new Promise<number[]>((done) => {
    const times: number[] = [];
    const tick = (now: number) => {
      times.push(now);
      if (now - times[0]! < s * 1000) requestAnimationFrame(tick);
      else done(times);
    };
    requestAnimationFrame(tick);
  }), seconds);
  await act();
  const frames = await counted;
  const gaps = frames.slice(1).map((at, i) => at - frames[i]!).sort((a, b) => a - b);
  const rate = ((frames.length - 1) * 1000) / (frames.at(-1)! - frames[0]!);
  return `${rate.toFixed(1)} pictures a second, 99 of 100 within ${gaps[Math.floor(gaps.length * 0.99)]!.toFixed(0)} ms, longest ${gaps.at(-1)!.toFixed(0)} ms`;
}

/** Stands before the appliance, passes everything on, and answers one question with very much. */
async function before(url: string, question: RegExp, answer: () => string | null): Promise<{ url: string; server: Server }> {
  const { host, origin } = new URL(url);
  const server = createServer((asked, reply) => {
    const large = question.test(new URL(asked.url!, url).pathname) ? answer() : null;
    if (large !== null) {
      reply.writeHead(200, { 'content-type': 'application/json' }).end(large);
      return;
    }
    const headers = { ...asked.headers, host, ...(asked.headers.origin ? { origin } : {}) };
    const passed = request(new URL(asked.url!, url), { method: asked.method, headers }, (found) => {
      reply.writeHead(found.statusCode ?? 502, found.headers);
      found.pipe(reply);
    });
    passed.on('error', () => reply.destroy());
    asked.pipe(passed);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, server };
}

test('fifty thousand events', async ({ browser }) => {
  const t = await target();
  let large: string | null = null;
  const { url, server } = await before(t.url, /\/timeline$/, () => large);
  try {
    const context = await browser.newContext();
    await dress(context, 'ar', 'light');
    const page = await context.newPage();
    await signIn(page, { ...t, url });
    const incidents = (await (await page.request.get(`${t.url}/api/blackbox/incidents?limit=1`)).json()) as { items: { id: string }[] };
    const path = `/blackbox/incidents/${incidents.items[0]!.id}`;
    large = many((await (await page.request.get(`${t.url}/api${path}/timeline`)).json()) as TimelineAnswer);
    console.log(`answer: ${(large.length / 1e6).toFixed(1)} MB`);

    const painted = () => page.evaluate((events) => new Promise<number>((done) => {
      const look = () => {
        if (document.querySelector(`.lanes canvas[data-events="${events}"]`)) requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
        else requestAnimationFrame(look);
      };
      look();
    }), EVENTS);
    for (let round = 1; round <= 3; round += 1) {
      await page.goto(`${url}${path}`);
      console.log(`opened by address, round ${round}: painted after ${Math.round(await painted())} ms`);
    }
    await page.goto(`${url}/blackbox`);
    await settled(page);
    await page.evaluate(() => { document.addEventListener('click', () => { (window as unknown as { began: number }).began = performance.now(); }, { capture: true, once: true }); });
    await page.locator(`a[href*="${path}"]`).first().click();
    const end = await painted();
    console.log(`opened by a press in the list: painted after ${Math.round(end - (await page.evaluate(() => (window as unknown as { began: number }).began)))} ms`);

    // What the machine gives at this moment, with nothing to draw: the others are read against it.
    console.log(`nothing moves: ${await framesWhile(page, 5, async () => undefined)}`);
    for (const speed of ['60', '1000']) {
      await page.locator('.speed select').selectOption(speed);
      await page.locator('.tl').focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('Space');
      console.log(`playback at ${speed}×: ${await framesWhile(page, SECONDS, async () => undefined)}`);
      await page.keyboard.press('Space');
    }
    const search = page.locator('.filters input[type="search"]');
    const began = Date.now();
    await search.fill('no-such-word');
    await page.locator('.lanes canvas[data-events="0"]').waitFor();
    console.log(`search through all: ${Date.now() - began} ms`);
    await context.close();
  } finally {
    server.closeAllConnections();
    server.close();
    await t.stop();
  }
});

test('ten thousand assets', async ({ browser }) => {
  const t = await target();
  let large: string | null = null;
  const { url, server } = await before(t.url, /^\/api\/twin$/, () => large);
  try {
    const context = await browser.newContext();
    await dress(context, 'ar', 'light');
    const page = await context.newPage();
    await signIn(page, { ...t, url });
    large = plants((await (await page.request.get(`${t.url}/api/twin`)).json()) as TwinAnswer);
    console.log(`answer: ${(large.length / 1e6).toFixed(1)} MB`);
    await page.goto(`${url}/digital-twin`);
    await page.locator('.long-grid .card').first().waitFor();
    console.log(`cards: painted after ${Math.round(await page.evaluate(() => performance.now()))} ms, cards in the page: ${await page.locator('.card').count()}`);
    await page.locator('.long-grid').hover();
    console.log(`scrolling cards: ${await framesWhile(page, 5, async () => { for (let i = 0; i < 40; i += 1) await page.mouse.wheel(0, 600); })}`);
    await page.goto(`${url}/digital-twin?view=map`);
    const map = page.locator('.plant-map canvas');
    await page.waitForFunction((n) => document.querySelector<HTMLElement>('.plant-map canvas')?.dataset.drawn === String(n), ASSETS);
    console.log(`map: painted after ${Math.round(await page.evaluate(() => performance.now()))} ms`);
    const box = (await map.boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    console.log(`moving the whole map: ${await framesWhile(page, 5, async () => {
      await page.mouse.move(x, y);
      await page.mouse.down();
      for (let i = 0; i < 60; i += 1) await page.mouse.move(x + 3 * i, y + i);
      await page.mouse.up();
    })}`);
    await context.close();
  } finally {
    server.closeAllConnections();
    server.close();
    await t.stop();
  }
});
