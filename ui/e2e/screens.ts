// Pictures of every page: both languages, both themes at 1440 px; the four pages of a phone at 390 px.
// OPTRIA_SCREENS names the folder they go to.
import { expect, test } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { serve } from './appliance';
import { addresses, dress, OPEN_ROUTES, settled, signIn, target, VIEWS } from './target';

const PHONE = ['/', '/digital-twin', '/blackbox', '/users'];

const fileName = (route: string) => (route === '/' ? 'dashboard' : route.slice(1).replace(/[/:]+/g, '-').replace(/-id$/, '-one'));

test('every page is drawn without overflow and fully translated', async ({ browser }) => {
  const t = await target();
  // The first start is a page of an appliance without users.
  const empty = await serve();
  const folder = process.env.OPTRIA_SCREENS ?? join(import.meta.dirname, '../test-results/screens');
  mkdirSync(folder, { recursive: true });
  try {
    for (const language of ['ar', 'en'] as const) {
      for (const theme of ['light', 'dark'] as const) {
        for (const width of [1440, 390]) {
          const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 } });
          await dress(context, language, theme);
          const page = await context.newPage();
          const shoot = async (route: string, address: string, view = '') => {
            await page.goto(address + view);
            await settled(page);
            // Trends are drawn when their data has arrived and the fonts are loaded.
            await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => undefined);
            await page.screenshot({ path: join(folder, `${fileName(route)}${view.replace(/\W+/g, '-')}-${language}-${theme}-${width}.png`) });
            const state = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth - document.documentElement.clientWidth, keys: document.body.innerText.match(/⟦[^⟧]+⟧/g) ?? [] }));
            expect.soft(state, `${route}${view} ${language} ${theme} ${width}`).toEqual({ wide: 0, keys: [] });
          };
          if (width === 1440) {
            await shoot('/login', `${t.url}/login`);
            await shoot('/setup', `${empty.url}/setup`);
          }
          await signIn(page, t);
          for (const { route, path } of await addresses(context.request, t.url)) {
            if (OPEN_ROUTES.includes(route) || (width === 390 && !PHONE.includes(route))) continue;
            await shoot(route, t.url + path);
            if (width === 1440) for (const view of VIEWS[route] ?? []) await shoot(route, t.url + path, view);
          }
          await context.close();
        }
      }
    }
  } finally {
    await t.stop();
    await empty.stop();
  }
});
