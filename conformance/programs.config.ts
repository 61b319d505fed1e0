import { defineConfig } from 'vitest/config';

/** Suites with programs that no package manager brings: each says what names its program. */
export default defineConfig({
  test: { include: ['conformance/**/{gitea,tkn}.suite.ts'], testTimeout: 60_000, hookTimeout: 120_000 },
});
