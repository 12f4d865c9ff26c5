/** Where a model comes from: a path, or `npm:<package>/<file>` out of node_modules; in ONNX, or of TensorFlow.js. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import type { Model, ValueInfo } from '../../core/graph.ts';
import { nearest } from '../../core/nearest.ts';
import type { Flagos } from '../../host/flagos.ts';
import { readOnnx } from '../../host/onnx-files.ts';
import { findPackage } from '../../host/package-json.ts';
import { isTfjsPath, readTfjsModel } from '../../host/tfjs-models.ts';
import { integer, usageError, type Options, type ValuesOf } from '../args/option.ts';
import { givenShapes, type inputOptions } from './inputs.ts';
import { seedWeights } from '../seeded/weights.ts';

export const modelHelp = 'ONNX file or model.json of TensorFlow.js, or npm:<package>/<file> from node_modules';

export const modelOptions = {
  'seed-weights': integer('<n>', 'replace weights made by ConstantOfShape with random ones of this seed'),
} satisfies Options;

const npmSpec = /^npm:((?:@[\w.~-]+\/)?[\w~-][\w.~-]*)\/(.+)$/;

/** Names of a folder, for hints; none if it cannot be read. */
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

const missing = (spec: string, path: string, cwd: string): FlagosError => {
  const near = nearest(basename(path), namesIn(dirname(path)));
  const asPackage = !spec.startsWith('npm:') && npmSpec.test(`npm:${spec}`) && resolvePackage(`npm:${spec}`, cwd);
  const hint = near !== undefined ? `did you mean ${join(dirname(path), near)}?` : asPackage ? `did you mean npm:${spec}?` : undefined;
  return new FlagosError('FLAGOS_E_FILE', `there is no file ${path}`, hint === undefined ? {} : { hint });
};

const resolvePackage = (spec: string, cwd: string): string | undefined => {
  const [, name, file] = npmSpec.exec(spec) ?? [];
  const folder = name === undefined ? undefined : findPackage(name, cwd);
  const path = folder === undefined || file === undefined ? undefined : join(folder, file);
  return path !== undefined && existsSync(path) ? path : undefined;
};

/** The file a model's name on the command line stands for. @throws FLAGOS_E_FILE, FLAGOS_E_USAGE */
export const modelPath = (spec: string, cwd: string): string => {
  if (!spec.startsWith('npm:')) {
    const path = resolve(cwd, spec);
    if (!existsSync(path)) throw missing(spec, path, cwd);
    return path;
  }
  const [, name, file] = npmSpec.exec(spec) ?? [];
  if (name === undefined || file === undefined)
    throw usageError(
      `'${spec}' names no file of a package`,
      'write npm:<package>/<file>, for example npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx',
    );
  const folder = findPackage(name, cwd);
  if (folder === undefined)
    throw new FlagosError('FLAGOS_E_FILE', `the package ${name} is not installed here (looked for from ${cwd})`, {
      hint: `npm install ${name}`,
    });
  const path = join(folder, file);
  if (!existsSync(path)) throw missing(spec, path, cwd);
  return path;
};

export interface LoadedModel {
  readonly model: Model;
  readonly path: string;
  /** Milliseconds to read and check it. */
  readonly loadMs: number;
  /** For people: what was done to it. */
  readonly notes: readonly string[];
}

/**
 * Reads the model a command line names. A model of TensorFlow.js is made for the shapes the command line gives its inputs.
 * @throws FLAGOS_E_FILE, FLAGOS_E_MODEL_…, FLAGOS_E_EXTERNAL_DATA, FLAGOS_E_UNKNOWN_OP, and as makeInputs
 */
export const loadModel = async (
  spec: string,
  options: ValuesOf<typeof modelOptions> & ValuesOf<typeof inputOptions>,
  cwd: string,
  { runtime }: Pick<Flagos, 'runtime'>,
): Promise<LoadedModel> => {
  const path = modelPath(spec, cwd);
  const start = performance.now();
  const notes: string[] = [];
  const shapes = (inputs: readonly ValueInfo[]): Readonly<Record<string, readonly number[]>> => {
    const given = givenShapes(inputs, options, cwd);
    notes.push(...given.notes);
    return given.shapes;
  };
  const read = isTfjsPath(path) ? await readTfjsModel(path, { runtime, cwd, shapes }) : readOnnx(path);
  const loadMs = performance.now() - start;
  const seed = options['seed-weights'];
  if (seed === undefined) return { model: read, path, loadMs, notes };
  const { model, seeded } = seedWeights(read, seed);
  return {
    model,
    path,
    loadMs,
    notes: [
      ...notes,
      seeded.length > 0
        ? `${seeded.length} weights are random, seed ${seed}`
        : 'the model has no weights made by ConstantOfShape; nothing was seeded',
    ],
  };
};
