/**
 * TensorFlow.js models from files: `model.json` and the shards of weights it names. What tfjs's own
 * loaders would take without a word (a shard that is cut short) or report in a way nobody understands is
 * found here, before a model is made of it.
 */
import { dirname, join } from 'node:path';
import { asError, FlagosError } from '../core/errors.ts';
import { fileError, readFile } from './read-file.ts';

interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: { readonly dtype: string };
}

/** What tfjs's loaders take (`io.ModelArtifacts`), as far as it is known here; the rest passes through. */
export interface TfArtifacts {
  readonly format: 'graph-model' | 'layers-model';
  readonly modelTopology: object;
  readonly weightSpecs: readonly WeightSpec[];
  readonly weightData: ArrayBuffer;
  readonly [field: string]: unknown;
}

const bytesPer: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8, float16: 2, uint8: 1, uint16: 2 };

const format = (path: string, reason: string, hint?: string, cause?: unknown): FlagosError =>
  new FlagosError('FLAGOS_E_MODEL_FORMAT', `${path}: ${reason}`, { ...(hint === undefined ? {} : { hint }), cause });

/** Bytes a weight takes in its shard; undefined where contents decide (strings). @throws FLAGOS_E_MODEL_FORMAT */
const bytesOf = (path: string, { name, shape, dtype, quantization }: WeightSpec): number | undefined => {
  if (dtype === 'string') return undefined;
  const width = bytesPer[quantization?.dtype ?? dtype];
  if (width === undefined) throw format(path, `weight '${name}' is of type '${quantization?.dtype ?? dtype}', which is unknown`);
  return shape.reduce((n, d) => n * d, width);
};

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x);

const parse = (path: string): Record<string, unknown> => {
  const text = new TextDecoder().decode(readFile(path));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    throw format(path, `it is not JSON: ${asError(e).message}`, undefined, e);
  }
  if (!isObject(json) || !isObject(json['modelTopology']))
    throw format(
      path,
      "it has no 'modelTopology', so it is no model of TensorFlow.js",
      'give the model.json that tensorflowjs_converter or model.save() wrote',
    );
  return json;
};

interface Group {
  readonly paths: readonly string[];
  readonly weights: readonly WeightSpec[];
}

const shard = (path: string, name: string): Uint8Array => {
  const file = join(dirname(path), name);
  try {
    return readFile(file);
  } catch (e) {
    const { reason } = fileError('FLAGOS_E_EXTERNAL_DATA', file, e);
    throw new FlagosError('FLAGOS_E_EXTERNAL_DATA', `${path} names the weights ${name}: ${reason}`, {
      hint: 'all shards must lie where model.json says, relative to it',
      cause: e,
    });
  }
};

/** The weights of a group, checked against what their list says. @throws FLAGOS_E_EXTERNAL_DATA */
const bytesOfGroup = (path: string, { paths, weights }: Group): Uint8Array[] => {
  const shards = paths.map((name) => shard(path, name));
  const sizes = weights.map((w) => bytesOf(path, w));
  const got = shards.reduce((n, s) => n + s.byteLength, 0);
  if (sizes.includes(undefined)) return shards;
  const wanted = sizes.reduce<number>((n, s) => n + s!, 0);
  if (got !== wanted)
    throw new FlagosError(
      'FLAGOS_E_EXTERNAL_DATA',
      `${paths.join(', ')}: ${weights.length} weights of ${path} take ${wanted} bytes, the files have ${got}`,
      {
        hint: got < wanted ? 'a file was cut short: fetch it again' : 'the files are of another model, or of another version of it',
      },
    );
  return shards;
};

/**
 * Reads a model and its weights.
 * @throws FLAGOS_E_FILE, FLAGOS_E_MODEL_FORMAT, FLAGOS_E_EXTERNAL_DATA for a shard that is missing or of another length.
 */
export const readTfjs = (path: string): TfArtifacts => {
  const { weightsManifest = [], ...json } = parse(path);
  if (
    !Array.isArray(weightsManifest) ||
    !weightsManifest.every((g) => isObject(g) && Array.isArray(g['paths']) && Array.isArray(g['weights']))
  )
    throw format(path, "its 'weightsManifest' is no list of paths and weights");
  const groups = weightsManifest as readonly Group[];
  const shards = groups.flatMap((g) => bytesOfGroup(path, g));
  const weightData = new Uint8Array(shards.reduce((n, s) => n + s.byteLength, 0));
  let at = 0;
  for (const s of shards) {
    weightData.set(s, at);
    at += s.byteLength;
  }
  const topology = json['modelTopology'] as Record<string, unknown>;
  const named = json['format'] === 'graph-model' || json['format'] === 'layers-model' ? json['format'] : undefined;
  return {
    ...json,
    // Files of before 2019 do not say it; graphs have nodes, layers a configuration.
    format: named ?? ('node' in topology ? 'graph-model' : 'layers-model'),
    modelTopology: topology,
    weightSpecs: groups.flatMap((g) => g.weights),
    weightData: weightData.buffer,
  };
};
