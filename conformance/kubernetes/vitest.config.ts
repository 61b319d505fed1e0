import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['conformance/kubernetes/**/*.{suite,test}.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // Each file starts a platform.
    maxWorkers: 1,
  },
});
