/** Whole models, which take minutes: `npm run test:models`. */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

const config = mergeConfig(base, defineConfig({ test: { testTimeout: 600_000, fileParallelism: false } }));
config.test!.include = ['test/models/**/*.models.ts'];
export default config;
