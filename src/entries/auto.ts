/**
 * `node --import flagos/auto app.js`: the application's onnxruntime and TensorFlow.js run on FlagOS, without a
 * change to it. Sessions that name their execution providers, and programs that set a backend, keep them.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { install } from './onnxruntime.ts';
import { install as installTf } from './tfjs.ts';
import type { OrtModule } from '../frameworks/onnxruntime/ort-types.ts';

/** The application's own modules are found from its main script, else from the working folder. */
const from = process.argv[1] ? resolve(process.argv[1]) : resolve('index.js');
const require = createRequire(pathToFileURL(from));

const isMissing = (e: unknown): boolean =>
  e instanceof Error &&
  'code' in e &&
  (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND' || e.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED');

let found = 0;
for (const name of ['onnxruntime-node', 'onnxruntime-common']) {
  let path: string;
  try {
    path = require.resolve(name);
  } catch (e) {
    if (isMissing(e)) continue;
    throw e;
  }
  // `require` and `import` may give two copies of one package, each with a registry of its own.
  const modules = new Set<OrtModule>([require(path) as OrtModule]);
  const imported = (await import(import.meta.resolve(name, pathToFileURL(from).href))) as OrtModule & { default?: OrtModule };
  modules.add(imported.default ?? imported);
  for (const module of modules) await install(module, { asDefault: true });
  found++;
}
// The whole of tfjs has the same core in it, so the first one found is enough.
for (const name of ['@tensorflow/tfjs', '@tensorflow/tfjs-core']) {
  let path: string;
  try {
    path = require.resolve(name);
  } catch (e) {
    if (isMissing(e)) continue;
    throw e;
  }
  await installTf(require(path) as object, { asDefault: true });
  found++;
  break;
}
if (found === 0)
  process.emitWarning('found no onnxruntime-node, onnxruntime-common, @tensorflow/tfjs or @tensorflow/tfjs-core to run on FlagOS', {
    code: 'FLAGOS_AUTO',
  });
