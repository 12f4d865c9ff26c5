import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // Vendor packages import the public entries; tests run them against the sources, not the last build.
    alias: [
      { find: /^flagos$/, replacement: source('entries/index.ts') },
      { find: /^flagos\/plugin$/, replacement: source('entries/plugin.ts') },
      { find: /^flagos\/testing$/, replacement: source('entries/testing.ts') },
      { find: /^flagos\/onnxruntime$/, replacement: source('entries/onnxruntime.ts') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'plugins-vendor/*/src/**/*.test.ts', 'plugins-vendor/*/test/**/*.test.ts'],
    // Suites that take long in all have a script of their own: vitest.long.config.ts.
    exclude: [...configDefaults.exclude, '**/dist/**', '**/*.long.test.ts'],
    testTimeout: 60_000,
    maxWorkers: '100%',
    pool: 'forks',
    // What somebody measured on this machine must not decide what tests see.
    env: { FLAGOS_TABLES: 'off' },
  },
});
