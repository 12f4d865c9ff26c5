/**
 * Polygraphy's JSON: run results (`--save-outputs`, `--save-results`), which hold runners, iterations and outputs, and
 * inputs (`--save-inputs`), a list of feeds. Arrays are .npy files in base64. An object says its class under
 * `polygraphy_class`; in old files under `__polygraphy_encoded_<class>`, with arrays in latin-1, or a .npz of one array.
 * Source: NVIDIA/TensorRT, tools/Polygraphy/polygraphy/{json/serde.py, comparator/struct.py, constants.py}.
 */
import { asError, FlagosError } from '../../core/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import { readNpy } from '../model/npy.ts';
import type { DumpTensor } from './dump.ts';
import { readNpz } from './npz.ts';

type Json = Readonly<Record<string, unknown>>;
const LEGACY = '__polygraphy_encoded_';

const isObject = (x: unknown): x is Json => typeof x === 'object' && x !== null && !Array.isArray(x);

/** Class of an encoded object; undefined for plain ones. */
const classOf = (x: unknown): string | undefined => {
  if (!isObject(x)) return undefined;
  if (typeof x['polygraphy_class'] === 'string') return x['polygraphy_class'];
  return Object.keys(x)
    .find((k) => k.startsWith(LEGACY))
    ?.slice(LEGACY.length);
};

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** An encoded array, or one behind a lazy one. @throws FLAGOS_E_INPUT */
const decodeArray = (x: unknown, shown: string): Tensor => {
  const kind = classOf(x);
  if (isObject(x) && (kind === 'LazyArray' || kind === 'LazyNumpyArray')) return decodeArray(x['values'], shown);
  if (!isObject(x) || kind !== 'ndarray' || typeof x['array'] !== 'string')
    throw new FlagosError('FLAGOS_E_INPUT', `${shown} is no NumPy array but ${kind ?? 'something else'}`, {
      hint: kind === 'Tensor' ? 'save results of runners that give NumPy arrays, not PyTorch tensors' : undefined,
    });
  const text = x['array'];
  const bytes = text.length % 4 === 0 && base64.test(text) ? Buffer.from(text, 'base64') : Buffer.from(text, 'latin1');
  if (bytes[0] !== 0x50) return readNpy(bytes, shown);
  const [only] = readNpz(bytes, shown);
  if (!only) throw new FlagosError('FLAGOS_E_INPUT', `${shown} holds no array`);
  return only.read() as Tensor;
};

const tensorsOf = (feeds: Json, shown: string): DumpTensor[] =>
  Object.keys(feeds)
    .filter((name) => name !== 'polygraphy_class' && !name.startsWith(LEGACY))
    .map((name) => ({ name, fromFile: false, read: () => decodeArray(feeds[name], `${shown}: ${name}`) }));

export interface PolygraphyContents {
  readonly tensors: readonly DumpTensor[];
  readonly notes: readonly string[];
}

/**
 * @param runner beginning of the runner's name, where there are several.
 * @throws FLAGOS_E_INPUT for what is no such file, FLAGOS_E_USAGE where a runner must be named.
 */
export const readPolygraphy = (bytes: Uint8Array, shown: string, runner: string | undefined): PolygraphyContents => {
  const bad = (why: string, cause?: unknown): FlagosError => new FlagosError('FLAGOS_E_INPUT', `${shown} ${why}`, { cause });
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (thrown) {
    throw bad(`is no valid JSON: ${asError(thrown).message}`, thrown);
  }
  const iterations = (list: readonly unknown[], of: string): { first: unknown; notes: string[] } => {
    if (list.length === 0) throw bad(`holds no iteration${of}`);
    return { first: list[0], notes: list.length > 1 ? [`${shown}: the first of ${list.length} iterations${of} is compared`] : [] };
  };
  if (Array.isArray(json)) {
    const { first, notes } = iterations(json, '');
    if (!isObject(first)) throw bad('is a list, but not of feeds');
    return { tensors: tensorsOf(first, shown), notes };
  }
  if (classOf(json) !== 'RunResults' || !isObject(json) || !Array.isArray(json['lst']))
    throw bad(`is no run results of Polygraphy${classOf(json) === undefined ? '' : `, but ${classOf(json)!}`}`);
  const runners = json['lst'].map((entry: unknown) => {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !Array.isArray(entry[1])) throw bad('has a damaged list of runners');
    return { name: entry[0], results: entry[1] as unknown[] };
  });
  const fitting = runners.filter((r) => r.name.startsWith(runner ?? ''));
  const [only] = fitting;
  if (!only || fitting.length > 1)
    throw new FlagosError(
      'FLAGOS_E_USAGE',
      `${shown} holds results of ${runners.length} runners${runner === undefined ? '' : `, ${fitting.length} of them '${runner}'`}`,
      {
        hint: `name one behind a #, by its beginning: ${runners.map((r) => r.name).join(', ') || 'there is none'}`,
      },
    );
  const { first, notes } = iterations(only.results, ` of ${only.name}`);
  if (classOf(first) !== 'IterationResult' || !isObject(first) || !isObject(first['outputs'])) throw bad('has a damaged iteration');
  return { tensors: tensorsOf(first['outputs'], shown), notes };
};
