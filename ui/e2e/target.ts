// The appliance that the page-by-page checks look at: one that is named by OPTRIA_URL, OPTRIA_USER and
// OPTRIA_PASSWORD, else a demo appliance started for them.
import type { APIRequestContext, BrowserContext, Page } from '@playwright/test';
import { fillPath, ROUTES } from '../src/routes';
import { accountsIn, demo } from './appliance';

export interface Target {
  url: string;
  username: string;
  password: string;
  stop: () => Promise<void>;
}

/** How a demo appliance comes to its incident. */
export interface Story {
  /** Of its past it knows so much: what is usual takes hours to know. */
  minutes: number;
  /** The bearing wears for so long until protection stops the pump: long enough to be told apart, or short for a test. */
  over_s: number;
}

export async function target({ minutes, over_s }: Story = { minutes: 60, over_s: 120 }): Promise<Target> {
  const { OPTRIA_URL: url, OPTRIA_USER: username, OPTRIA_PASSWORD: password } = process.env;
  if (url && username && password) return { url: url.replace(/\/$/, ''), username, password, stop: async () => undefined };
  const running = await demo(minutes);
  const owner = accountsIn(running.output()).find((a) => a.role === 'platform_owner');
  if (!owner) throw new Error(`the demo appliance printed no owner:\n${running.output()}`);
  try {
    await haveAnIncident(running.url, owner.username, owner.password, over_s);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return { url: running.url, username: owner.username, password: owner.password, stop: running.stop };
}

/** A healthy plant has no incident to look at: a bearing wears until protection stops the pump. */
async function haveAnIncident(url: string, username: string, password: string, over_s: number): Promise<void> {
  const json = { 'Content-Type': 'application/json', Origin: url };
  const signedIn = await fetch(`${url}/api/session`, { method: 'POST', headers: json, body: JSON.stringify({ username, password }) });
  const { csrf_token: token } = (await signedIn.json()) as { csrf_token: string };
  const headers = { ...json, Cookie: (signedIn.headers.get('set-cookie') ?? '').split(';')[0]!, 'X-CSRF-Token': token };
  if (over_s > 120) {
    await waitUntil('the plant has come to the present', 300_000, async () => {
      const answer = await fetch(`${url}/api/plant`, { headers });
      return Date.now() - ((await answer.json()) as { plant_time: number }).plant_time < 10_000;
    });
  }
  const fault = { asset: 'P-102A', fault: 'bearing_wear', over_s };
  const injected = await fetch(`${url}/api/plant/inject`, { method: 'POST', headers, body: JSON.stringify(fault) });
  if (!injected.ok) throw new Error(`the fault was refused: ${await injected.text()}`);
  await waitUntil('an incident is open', 300_000 + over_s * 1_000, async () => {
    const answer = await fetch(`${url}/api/blackbox/incidents?limit=1`, { headers });
    return ((await answer.json()) as { total: number }).total > 0;
  });
}

async function waitUntil(what: string, within: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + within;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not reached: ${what}`);
    await new Promise((next) => setTimeout(next, 1_000));
  }
}

export type Language = 'ar' | 'en';
export type Theme = 'light' | 'dark' | 'auto';

/** As if a person had picked both at the door: they count more than what the account has stored. */
export async function dress(context: BrowserContext, language: Language, theme: Theme): Promise<void> {
  await context.addInitScript(
    ([l, t]) => {
      localStorage.setItem('optria.language', l!);
      localStorage.setItem('optria.theme', t!);
      sessionStorage.setItem('optria.picked', 'language theme');
    },
    [language, theme],
  );
}

/** Signs in by the page, and changes a temporary password on the way if one is asked for. */
export async function signIn(page: Page, t: Target): Promise<void> {
  await page.goto(`${t.url}/login`);
  await page.locator('input[name="username"]').fill(t.username);
  await page.locator('input[name="password"]').fill(t.password);
  await page.locator('button[type="submit"]').click();
  await page.locator('nav.nv').waitFor();
}

const get = async <T>(request: APIRequestContext, url: string): Promise<T> => (await (await request.get(url)).json()) as T;

/** Every route with real ids in place of its parameters. */
export async function addresses(request: APIRequestContext, base: string): Promise<{ route: string; path: string }[]> {
  const session = await get<{ tenant_id: string }>(request, `${base}/api/session`);
  const assets = await get<{ items: { id: string; code: string }[] }>(request, `${base}/api/assets?limit=200`);
  const integrations = await get<{ id: string }[]>(request, `${base}/api/integrations/`);
  const incidents = await get<{ items: { id: string }[] }>(request, `${base}/api/blackbox/incidents?limit=1`);
  const asset = assets.items.find((a) => a.code === 'P-102A') ?? assets.items[0];
  const ids: Record<string, string | undefined> = { '/assets/:id': asset?.id, '/assets/:id/model': asset?.id, '/integrations/:id': integrations[0]?.id, '/blackbox/incidents/:id': incidents.items[0]?.id };
  return ROUTES.map((route) => {
    // Without an incident the page of a missing one is looked at: it is a state of the same page.
    const id = ids[route.path] ?? '00000000-0000-7000-8000-000000000000';
    return { route: route.path, path: fillPath(route.path, { id, tenantId: session.tenant_id, guide: 'administrator' }) };
  });
}

export const OPEN_ROUTES = ['/login', '/setup'];

/** Views of a page that are pages of their own to the eye. */
export const VIEWS: Record<string, readonly string[]> = {
  '/alerts': ['?view=performance'],
  '/blackbox': ['?view=watch'],
  '/digital-twin': ['?view=map'],
  '/integrations': ['?tab=sso'],
  '/integrations/:id': ['?tab=trust', '?tab=activity'],
  '/outages': ['?tab=parts'],
  '/tenant/:tenantId/data-mapping': ['?tab=bulk', '?tab=coverage', '?tab=drift', '?tab=history'],
  '/work-orders': ['?tab=board', '?tab=calendar', '?tab=calendar&scale=month', '?tab=objects', '?tab=outbox', '?tab=reliability'],
};

/** The page has read its data: nothing says loading any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.skel').length === 0, undefined, { timeout: 20_000 });
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}
