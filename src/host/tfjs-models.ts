/**
 * TensorFlow.js models from files, as core graphs. The packages that know the file formats are the user's:
 * they are looked for when such a model is opened, and nothing else of this library needs them.
 */
import { basename } from 'node:path';
import { asError, FlagosError } from '../core/errors.ts';
import { concreteShape, describeType, type Model, type ValueInfo } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';
import { importModel, inputsOf, valuesOf, type GraphModelLike, type LayersModelLike } from '../frameworks/tfjs/import.ts';
import { BACKEND, registerTfBackend, unregisterTfBackend } from '../frameworks/tfjs/install.ts';
import type { TfModule } from '../frameworks/tfjs/tf-types.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { findModule, importModule } from './installed-module.ts';
import { readTfjs, type TfArtifacts } from './tfjs-files.ts';

/** Whether a path names a model of TensorFlow.js rather than one in ONNX. */
export const isTfjsPath = (path: string): boolean => path.endsWith('.json');

type Loaded = (GraphModelLike | LayersModelLike) & { dispose(): unknown };
interface Loader {
  loadGraphModel?(handler: object): Promise<Loaded>;
  loadLayersModel?(handler: object): Promise<Loaded>;
}

const loaders = {
  'graph-model': { name: '@tensorflow/tfjs-converter', load: 'loadGraphModel' },
  'layers-model': { name: '@tensorflow/tfjs-layers', load: 'loadLayersModel' },
} as const;

/** @throws FLAGOS_E_FILE saying what to install. */
const installed = async (name: string, format: string, from: readonly string[]): Promise<{ path: string; module: unknown }> => {
  const path = findModule(name, ...from);
  if (path === undefined)
    throw new FlagosError('FLAGOS_E_FILE', `a ${format} of TensorFlow.js is read by ${name}, which is not installed here`, {
      hint: `npm install @tensorflow/tfjs-core ${name === '@tensorflow/tfjs-core' ? '' : name}`.trim(),
    });
  return { path, module: await importModule(path) };
};

const loaded = async (path: string, artifacts: TfArtifacts, loader: Loader): Promise<Loaded> => {
  try {
    return await loader[loaders[artifacts.format].load]!({ load: async () => artifacts });
  } catch (thrown) {
    const { message } = asError(thrown);
    const unknown = /^Unknown (?:layer|\w+): (\S+?)\. /.exec(message)?.[1] ?? /^Unknown op '([^']+)'/.exec(message)?.[1];
    if (unknown !== undefined)
      throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `TensorFlow.js knows no '${unknown}', which ${basename(path)} asks for`, {
        hint: 'models with layers or ops of their own are run by the program that registers them, with flagos/tfjs',
        trace: { model: basename(path), op: unknown },
        cause: thrown,
      });
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', `${path}: TensorFlow.js does not take it: ${message}`, { cause: thrown });
  }
};

interface Opened {
  readonly artifacts: TfArtifacts;
  readonly loader: Loader;
  readonly tf: TfModule;
  /** Where packages lie that belong to it. */
  readonly near: readonly string[];
}

const openFile = async (path: string, cwd: string): Promise<Opened> => {
  const artifacts = readTfjs(path);
  const { path: at, module } = await installed(loaders[artifacts.format].name, artifacts.format, [cwd]);
  // The copy of the core that this very loader uses: each has a registry of its own.
  const near = [at, cwd];
  const tf = (await installed('@tensorflow/tfjs-core', artifacts.format, near)).module as TfModule;
  return { artifacts, loader: module as Loader, tf, near };
};

export interface TfjsReading {
  readonly runtime: Runtime;
  /** Where the packages of tfjs are looked for first. */
  readonly cwd: string;
  /** Shapes the model is made for, by input; asked with what it declares: dimensions it leaves open are null. */
  readonly shapes: (inputs: readonly ValueInfo[]) => Readonly<Record<string, readonly number[]>>;
}

/** Shapes as given, else as declared. @throws FLAGOS_E_INPUT for an input whose shape stays open. */
export const declaredShapes =
  (given: Readonly<Record<string, readonly number[]>> = {}): TfjsReading['shapes'] =>
  (inputs) =>
    Object.fromEntries(
      inputs.map(({ name, type }) => {
        const dims = given[name] ?? concreteShape(type);
        if (dims) return [name, dims];
        throw new FlagosError('FLAGOS_E_INPUT', `the shape of input '${name}' is not known: ${describeType(type)}`, {
          hint: `give it: shapes: { '${name}': […] }`,
        });
      }),
    );

/**
 * Reads a model file. tfjs is left as it was found.
 * @throws FLAGOS_E_FILE (also for packages that are not installed), FLAGOS_E_MODEL_FORMAT, FLAGOS_E_EXTERNAL_DATA,
 *   FLAGOS_E_MODEL_INVALID, FLAGOS_E_MODEL_UNSUPPORTED, FLAGOS_E_UNKNOWN_OP.
 */
export const readTfjsModel = async (path: string, { runtime, cwd, shapes }: TfjsReading): Promise<Model> => {
  const { artifacts, loader, tf } = await openFile(path, cwd);
  const engine = tf.engine();
  const before = engine.backendName;
  const ours = !(BACKEND in engine.registryFactory);
  // What has no op here must be said, not be run elsewhere: only ops come into a graph.
  registerTfBackend(tf, runtime, { policy: { fallback: 'native' }, asDefault: false });
  let model: Loaded | undefined;
  try {
    await tf.setBackend(BACKEND);
    model = await loaded(path, artifacts, loader);
    const inputs = inputsOf(model);
    const dims = shapes(inputs);
    return importModel(
      tf,
      basename(path),
      model,
      inputs.map((i) => dims[i.name]!),
    );
  } finally {
    model?.dispose();
    if (ours) unregisterTfBackend(tf);
    if (before) await tf.setBackend(before);
  }
};

/** Backends of tfjs that run in Node, and where they come from. */
export const tfjsBackends: Readonly<Record<string, string>> = {
  cpu: '@tensorflow/tfjs-backend-cpu',
  wasm: '@tensorflow/tfjs-backend-wasm',
  tensorflow: '@tensorflow/tfjs-node',
};

/**
 * What tfjs itself makes of a model on one of its backends: every value on the way, by the names of the graph
 * {@link readTfjsModel} gives.
 * @throws as {@link readTfjsModel}; FLAGOS_E_CHIP where the backend does not work here.
 */
export const runTfjs = async (
  path: string,
  backend: string,
  cwd: string,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Map<string, Tensor>> => {
  const { artifacts, loader, tf, near } = await openFile(path, cwd);
  const before = tf.engine().backendName;
  const quiet = tf.env().getBool('PROD');
  let model: Loaded | undefined;
  try {
    await installed(tfjsBackends[backend]!, artifacts.format, near);
    // It recommends another backend with every process, unless in production.
    tf.env().set('PROD', true);
    if (!(await tf.setBackend(backend)))
      throw new FlagosError('FLAGOS_E_CHIP', `the backend '${backend}' of TensorFlow.js does not start here`);
    model = await loaded(path, artifacts, loader);
    return valuesOf(tf, model, feeds);
  } finally {
    model?.dispose();
    tf.env().set('PROD', quiet);
    if (before) await tf.setBackend(before);
  }
};
