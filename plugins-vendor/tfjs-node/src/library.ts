/**
 * libtensorflow through the native binding of @tensorflow/tfjs-node: the very file tfjs-node loads, so that both share
 * one library, one eager context and one thread pool in a process (two copies of libtensorflow would clash). The
 * binding is looked for where FLAGOS_TFJS_NODE says, then among the installed packages, then where
 * scripts/build-tfjs-node.mjs puts it. None of tfjs's JavaScript is loaded.
 */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bytesOf, FlagosError, type DType, type Host, type Tensor } from 'flagos/plugin';

const require = createRequire(import.meta.url);

interface Result {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}
/** What is used of the binding's exports. Numbers are TensorFlow's own codes. */
export interface Binding {
  createTensor(shape: readonly number[], dtype: number, data: ArrayBufferView): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): ArrayBufferView;
  executeOp(name: string, attrs: readonly Attr[], inputs: readonly number[], outputs: number): Result[];
  getNumOfTensors(): number;
  readonly TF_Version: string;
}
export interface Attr {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** TF_DataType, of those element types that the binding can carry both ways. */
export const dataTypes: Partial<Record<DType, number>> = { float32: 1, int32: 3, int64: 9, bool: 10 };
/** TF_AttrType. */
const kinds = { string: 0, int: 1, float: 2, bool: 3, type: 4 } as const;
export const attr = (name: string, kind: keyof typeof kinds, value: unknown): Attr => ({ name, type: kinds[kind], value });
export const typeAttr = (dtype: DType, name = 'T'): Attr => attr(name, 'type', dataTypes[dtype]);

export interface Found {
  readonly file: string;
  readonly version: string;
  /** Changes when the binding or the library beside it does. */
  readonly stamp: string;
}
/** Places to look in, in order. */
const candidates = (env: Host['env']): string[] => {
  const places = env['FLAGOS_TFJS_NODE'] ? [env['FLAGOS_TFJS_NODE']] : [];
  try {
    places.push(join(require.resolve('@tensorflow/tfjs-node/package.json'), '..'));
  } catch {
    // Not installed: it is optional.
  }
  const cache = env['FLAGOS_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'flagos');
  return [...places, join(cache, 'tfjs-node/node_modules/@tensorflow/tfjs-node')];
};
export const find = (env: Host['env']): Found | undefined => {
  for (const home of candidates(env)) {
    const manifest = join(home, 'package.json');
    const file = [8, 7, 6].map((n) => join(home, `lib/napi-v${n}/tfjs_binding.node`)).find((f) => existsSync(f));
    if (!file || !existsSync(manifest)) continue;
    const { version }: { version: string } = JSON.parse(readFileSync(manifest, 'utf8'));
    const libraries = ['libtensorflow.so.2', 'libtensorflow_cc.so.2', 'libtensorflow.2.dylib'].map((n) => join(home, 'deps/lib', n));
    const sizes = [file, ...libraries.filter((f) => existsSync(f))].map((f) => statSync(realpathSync(f)).size);
    return { file, version, stamp: sizes.join('+') };
  }
  return undefined;
};

/** @throws whatever loading says. */
export const load = ({ file }: Found, host: Host): Binding => {
  // Read once, by the library, when it starts; what the user has set stays.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(host.threads);
  process.env['TF_NUM_INTEROP_THREADS'] ??= '1';
  return require(file);
};

/** Our tensor as one of TensorFlow's, over the same memory where that is aligned for it. */
export const upload = (binding: Binding, { dtype, dims, data }: Tensor): number => {
  const code = dataTypes[dtype];
  if (code === undefined || Array.isArray(data)) throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `tfjs-node takes no ${dtype}`);
  // Before Node 22 the native side cannot read shared memory.
  const { buffer, byteOffset, byteLength } = data.buffer instanceof SharedArrayBuffer ? bytesOf(data).slice() : data;
  // int64 goes in as pairs of 32-bit integers.
  const View = dtype === 'float32' ? Float32Array : dtype === 'bool' ? Uint8Array : Int32Array;
  return binding.createTensor(dims, code, new View(buffer as ArrayBuffer, byteOffset, byteLength / View.BYTES_PER_ELEMENT));
};

/** Copies a tensor of TensorFlow into one of ours. */
export const download = (binding: Binding, id: number, to: Tensor): void => {
  const data = binding.tensorDataSync(id);
  if (Array.isArray(to.data) || data.byteLength !== to.data.byteLength)
    throw new FlagosError('FLAGOS_E_KERNEL', `libtensorflow gave ${data.byteLength} bytes for ${to.dtype} [${to.dims}]`);
  bytesOf(to.data).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
};
