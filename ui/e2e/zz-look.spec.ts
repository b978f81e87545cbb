import { test } from '@playwright/test';
import { dress, settled, signIn } from './target';
const t = { url: process.env.LOOK_URL!, username: process.env.LOOK_USER!, password: process.env.LOOK_PASS!, stop: async () => undefined };
test('look', async ({ browser }) => {
  test.setTimeout(300_000);
  for (const [language, theme, width] of (process.env.LOOK_AS ?? 'ar-dark-1440,en-light-1440,ar-dark-390,en-light-390').split(',').map((x) => x.split('-') as ['ar', 'dark', string])) {
    const context = await browser.newContext({ viewport: { width: Number(width), height: width === '390' ? 844 : 900 } });
    await dress(context, language, theme);
    const page = await context.newPage();
    await signIn(page, t);
    const get = async (path: string) => (await page.request.get(t.url + path)).json();
    const session = await get('/api/session');
    await page.request.put(`${t.url}/api/settings`, { headers: { 'X-CSRF-Token': session.csrf_token, Origin: t.url }, data: { ...session.settings, language, theme } });
    const list = (await get('/api/integrations/')) as { id: string; kind: string }[];
    const id = (k: string) => list.find((i) => i.kind === k)?.id;
    const wide: [string, string][] = [['integrations', '/integrations'], ['new', '/integrations/new'], ['pi-new', '/integrations/new?kind=pi'], ['sql-new', '/integrations/new?kind=sql'], ['pi-one', `/integrations/${id('pi')}`], ['onboarding', '/onboarding'], ['onboarding-map', '/onboarding?step=signal_mapping'], ['imports', '/imports'], ['work-orders', '/work-orders'], ['outbox', '/work-orders?tab=outbox'], ['objects', '/work-orders?tab=objects'], ['mapping', `/tenant/${session.tenant_id}/data-mapping`], ['mapping-bulk', `/tenant/${session.tenant_id}/data-mapping?tab=bulk`], ['mapping-coverage', `/tenant/${session.tenant_id}/data-mapping?tab=coverage`], ['mapping-drift', `/tenant/${session.tenant_id}/data-mapping?tab=drift`], ['mapping-history', `/tenant/${session.tenant_id}/data-mapping?tab=history`], ['diagnostics', '/diagnostics'], ['dashboard', '/'], ['users', '/users']];
    const only = process.env.LOOK_ONLY?.split(',');
    for (const [name, path] of width === '390' ? ([['dashboard', '/'], ['users', '/users']] as [string, string][]) : wide) {
      if (only && !only.includes(name)) continue;
      await page.goto(t.url + path);
      await settled(page).catch(() => undefined);
      await page.waitForLoadState('networkidle', { timeout: 2_500 }).catch(() => undefined);
      await page.screenshot({ path: `/tmp/d-shots/${name}-${language}-${theme}-${width}.png`, fullPage: true });
    }
    await context.close();
  }
});
