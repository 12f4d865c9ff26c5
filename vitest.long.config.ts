/** Suites that take half a minute and more (processes that die, plugins that hang, training, browsers): `npm run test:long`. */
import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

const config = mergeConfig(base, defineConfig({ test: { testTimeout: 120_000 } }));
config.test!.include = ['{src,test,plugins-vendor}/**/*.long.test.ts'];
config.test!.exclude = [...configDefaults.exclude, '**/dist/**'];
export default config;
