import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'e2e',
  // Much of a test is waiting for a plant, and another can use that time.
  workers: 2,
  // A shared machine may starve a browser: the test is named as flaky, and run again.
  retries: process.env.CI ? 1 : 0,
  fullyParallel: false,
  timeout: 300_000,
  // Whatever hangs, the run ends and reports.
  globalTimeout: process.env.CI ? 2_700_000 : 0,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  outputDir: 'test-results',
  use: {
    viewport: { width: 1440, height: 900 },
    actionTimeout: 15_000,
    // Recording takes time of every test; where a failed one is run again, it is recorded then.
    trace: process.env.CI ? 'on-first-retry' : 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        // It asks for updates all the same, and tells Google which fields a form has: `cargo xtask airgap`
        // would find the browser, not us.
        '--component-updater=url-source=http://127.0.0.1:9/',
        '--autofill-server-url=http://127.0.0.1:9/',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
  projects: [
    { name: 'e2e', testMatch: /.*\.spec\.ts/ },
    { name: 'bench', testMatch: /bench\.ts/ },
    { name: 'screens', testMatch: /screens\.ts/, timeout: 1_800_000 },
    { name: 'first-hour', testMatch: /first-hour\.ts/, timeout: 2_400_000 },
    { name: 'pictures', testMatch: /guide-pictures\.ts/, timeout: 1_800_000 },
  ],
});
