import react from '@vitejs/plugin-react';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { guides } from './vite/guides.ts';
import { locales } from './vite/locales.ts';

const api = process.env.OPTRIA_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), locales(), guides()],
  resolve: { alias: { '@': resolve(import.meta.dirname, 'src') } },
  build: {
    target: ['es2022', 'safari16'],
    outDir: 'dist',
    // Not "assets": that word is a page of this program.
    assetsDir: 'static',
    assetsInlineLimit: 0,
    rollupOptions: {
      // Two entries: the appliance's pages, and the console of the hub.
      input: ['index.html', 'hub.html'].map((name) => resolve(import.meta.dirname, name)),
      output: {
        manualChunks: (id: string) =>
          /node_modules\/(react|react-dom|scheduler|@mantine|@floating-ui)\//.test(id) ? 'frame' : undefined,
      },
    },
  },
  server: {
    host: '127.0.0.1',
    port: 5173,
    // The pictures of the guides lie beside ui/.
    fs: { allow: ['..'] },
    proxy: Object.fromEntries(
      ['/api', '/auth', '/health', '/internal'].map((path) => [path, { target: api, changeOrigin: true }]),
    ),
  },
  test: { environment: 'jsdom', include: ['test/**/*.test.{ts,tsx}'] },
});
