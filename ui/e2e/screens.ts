// Pictures of every page: both languages, both themes at 1440 px; the four pages of a phone at 390 px.
// OPTRIA_SCREENS names the folder they go to.
import { expect, test } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addresses, dress, OPEN_ROUTES, settled, signIn, target } from './target';

const PHONE = ['/', '/digital-twin', '/blackbox', '/users'];

const fileName = (route: string) => (route === '/' ? 'dashboard' : route.slice(1).replace(/[/:]+/g, '-').replace(/-id$/, '-one'));

test('every page is drawn without overflow and fully translated', async ({ browser }) => {
  const t = await target();
  const folder = process.env.OPTRIA_SCREENS ?? join(import.meta.dirname, '../test-results/screens');
  mkdirSync(folder, { recursive: true });
  try {
    for (const language of ['ar', 'en'] as const) {
      for (const theme of ['light', 'dark'] as const) {
        for (const width of [1440, 390]) {
          const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 } });
          await dress(context, language, theme);
          const page = await context.newPage();
          const shoot = async (route: string, address: string) => {
            await page.goto(address);
            await settled(page);
            // Trends are drawn when their data has arrived and the fonts are loaded.
            await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => undefined);
            await page.screenshot({ path: join(folder, `${fileName(route)}-${language}-${theme}-${width}.png`) });
            const state = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth - document.documentElement.clientWidth, keys: document.body.innerText.match(/⟦[^⟧]+⟧/g) ?? [] }));
            expect.soft(state, `${route} ${language} ${theme} ${width}`).toEqual({ wide: 0, keys: [] });
          };
          if (width === 1440) await shoot('/login', `${t.url}/login`);
          await signIn(page, t);
          for (const { route, path } of await addresses(context.request, t.url)) {
            if (OPEN_ROUTES.includes(route) || (width === 390 && !PHONE.includes(route))) continue;
            await shoot(route, t.url + path);
          }
          await context.close();
        }
      }
    }
  } finally {
    await t.stop();
  }
});
