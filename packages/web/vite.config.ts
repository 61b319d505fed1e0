import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npm run dev -w @tagboat/web`: the console from its sources, against a platform that runs at TAGBOAT_URL. */
const platform = process.env.TAGBOAT_URL ?? 'http://127.0.0.1:8080';
const served = ['/api', '/apis', '/tagboat', '/git', '/v2', '/prometheus', '/login', '/logout', '/share'];

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    // An inlined asset would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: true,
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: Object.fromEntries(served.map((path) => [path, { target: platform, ws: true }])) },
});
