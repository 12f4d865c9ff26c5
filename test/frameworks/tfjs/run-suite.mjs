// tfjs-core's own specs with the backend `flagos` (or another) under test:
//   npm run test:tfjs -- [--backend cpu] [--chip flagos/js] [--fallback none] [--grep expression] [--list]
// A spec fails the run if it fails here and is not among the reasoned exceptions of skips.json.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const here = import.meta.dirname;
const root = resolve(here, '../../..');
const require = createRequire(import.meta.url);

/** Bundles the specs. @returns path of the module. */
export const bundleSuite = async () => {
  const dir = join(root, 'build', 'tfjs-suite');
  const build = await rolldown({
    input: join(here, 'suite-entry.ts'),
    platform: 'node',
    tsconfig: join(root, 'tsconfig.json'),
    external: [/^node:/, /^jasmine-core/, 'koffi', 'wabt', /^onnxruntime/],
    resolve: { mainFields: ['module', 'main'] },
    // The package says its specs have no effects.
    treeshake: false,
    logLevel: 'silent',
  });
  await build.write({ dir, format: 'esm', entryFileNames: 'suite.mjs', chunkFileNames: '[name]-[hash].mjs', sourcemap: false });
  await build.close();
  return join(dir, 'suite.mjs');
};

/** Runs the specs. @returns what became of each, and the coverage. */
export const runSuite = async ({ backend = 'flagos', chip, fallback, grep, bundle }) => {
  const jasmineRequire = require('jasmine-core');
  const jasmine = jasmineRequire.boot ? jasmineRequire.boot(jasmineRequire) : jasmineRequire;
  const env = jasmine.getEnv({ suppressLoadErrors: true });
  Object.assign(globalThis, jasmineRequire.interface(jasmine, env));
  globalThis.flagosSuite = { backend, install: { onFailure: 'error', ...(chip ? { chip } : {}), ...(fallback ? { fallback } : {}) } };
  const suite = await import(pathToFileURL(bundle ?? (await bundleSuite())).href);
  const results = [];
  env.configure({ random: false, specFilter: (spec) => !grep || new RegExp(grep).test(spec.getFullName()) });
  env.addReporter({
    specDone: (r) => {
      if (r.status === 'passed' || r.status === 'failed')
        results.push({ name: r.fullName, passed: r.status === 'passed', messages: r.failedExpectations.map((f) => f.message) });
    },
  });
  await env.execute();
  const coverage = backend === 'flagos' ? suite.coverage() : undefined;
  await suite.close();
  return { results, coverage };
};

const main = async () => {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string' },
      chip: { type: 'string' },
      fallback: { type: 'string' },
      grep: { type: 'string' },
      list: { type: 'boolean' },
      verbose: { type: 'boolean' },
    },
  });
  const skips = JSON.parse(readFileSync(join(here, 'skips.json'), 'utf8'));
  const start = performance.now();
  const { results, coverage } = await runSuite(values);
  const reasonOf = (name) => skips.find((s) => name.includes(s.spec) && (!s.fallback || s.fallback === (values.fallback ?? 'any')))?.reason;
  const failed = results.filter((r) => !r.passed);
  const unexpected = failed.filter((r) => reasonOf(r.name) === undefined);
  for (const r of values.list ? failed : unexpected)
    console.log(
      `FAILED ${r.name}${values.verbose ? `\n  ${r.messages.join('\n  ').slice(0, 1500)}` : `: ${(r.messages[0] ?? '').split('\n')[0].slice(0, 160)}`}`,
    );
  console.log(
    `${results.length} specs of tfjs-core on ${values.backend ?? 'flagos'}: ${results.length - failed.length} passed, ${failed.length} failed (${failed.length - unexpected.length} for reasons in skips.json); ${((performance.now() - start) / 1000).toFixed(1)} s`,
  );
  if (coverage) console.log(coverage.line);
  process.exitCode = unexpected.length ? 1 : 0;
};

if (process.argv[1] === import.meta.filename) await main();
