/**
 * oneDNN's C interface, version 2, through foreign calls: the functions that are used, its numbers, and primitives that
 * run on plain row-major tensors, with whatever layouts the library prefers inside.
 *
 * Descriptors are structures that the library fills; nothing here looks into them, so a buffer that is large enough does.
 */
import { createRequire } from 'node:module';
import { asError, FlagosError, stridesOf, type Host, type NumericData } from 'flagos/plugin';
import type koffiModule from 'koffi';

type Koffi = typeof koffiModule;
type Foreign = ReturnType<ReturnType<Koffi['load']>['func']>;
/** A structure of the library, or the address of one. */
export type Struct = Uint8Array | bigint;

/** The largest descriptor of 2.6 takes 5976 bytes, that of a memory 696. */
const DESC_BYTES = 16_384;
const [F32, ANY, CPU] = [3, 1, 1];
const INFERENCE = 96;
/** Arguments of primitives, and what a descriptor is asked for. */
export const arg = { src: 1, dst: 17, weights: 33, bias: 41 } as const;
const query: Readonly<Record<number, number>> = { [arg.src]: 129, [arg.weights]: 131, [arg.dst]: 133 };

const declarations = {
  memory_desc_init_by_strides: ['void*', 'int', 'void*', 'int', 'void*'],
  memory_desc_init_by_tag: ['void*', 'int', 'void*', 'int', 'int'],
  memory_desc_equal: ['uintptr_t', 'uintptr_t'],
  matmul_desc_init: ['void*', 'void*', 'void*', 'void*', 'void*'],
  dilated_convolution_forward_desc_init: ['void*', 'int', 'int', 'void*', 'void*', 'void*', 'void*', 'void*', 'void*', 'void*', 'void*'],
  pooling_v2_forward_desc_init: ['void*', 'int', 'int', 'void*', 'void*', 'void*', 'void*', 'void*', 'void*', 'void*'],
  softmax_v2_forward_desc_init: ['void*', 'int', 'int', 'void*', 'void*', 'int'],
  eltwise_forward_desc_init: ['void*', 'int', 'int', 'void*', 'float', 'float'],
  primitive_desc_create: ['void*', 'void*', 'uintptr_t', 'uintptr_t', 'uintptr_t'],
  reorder_primitive_desc_create: ['void*', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'],
  primitive_create: ['void*', 'uintptr_t'],
  primitive_execute: ['uintptr_t', 'uintptr_t', 'int', 'void*'],
  primitive_desc_destroy: ['uintptr_t'],
  primitive_destroy: ['uintptr_t'],
  memory_create: ['void*', 'uintptr_t', 'uintptr_t', 'uintptr_t'],
  memory_set_data_handle: ['uintptr_t', 'uintptr_t'],
  memory_destroy: ['uintptr_t'],
  engine_create: ['void*', 'int', 'size_t'],
  stream_create: ['void*', 'uintptr_t', 'uint'],
  stream_wait: ['uintptr_t'],
} as const;
type Name = keyof typeof declarations;

/** Numbers for the library: extents, strides, pads. */
const longs = (values: readonly number[]): BigInt64Array => BigInt64Array.from({ length: 12 }, (_, i) => BigInt(values[i] ?? 0));

export class OneDnn {
  readonly version: string;
  readonly engine: bigint;
  readonly stream: bigint;
  readonly #koffi: Koffi;
  readonly #f: Readonly<Record<Name, Foreign>>;
  readonly #describe: Foreign;
  readonly #size: Foreign;

  constructor(koffi: Koffi, path: string, threads: number) {
    this.#koffi = koffi;
    const library = koffi.load(path);
    const info = koffi.decode(library.func('void *dnnl_version()')(), koffi.array('int', 3)) as ArrayLike<number>;
    this.version = [info[0], info[1], info[2]].join('.');
    if (info[0] !== 2) throw new Error(`${path} is oneDNN ${this.version}, and what is written here is for version 2`);
    this.#f = Object.fromEntries(
      Object.entries(declarations).map(([n, types]) => [n, library.func(`dnnl_${n}`, 'int', [...types])]),
    ) as never;
    this.#describe = library.func('dnnl_primitive_desc_query_md', 'uintptr_t', ['uintptr_t', 'int', 'int']);
    this.#size = library.func('dnnl_memory_desc_get_size', 'size_t', ['uintptr_t']);
    // Debian's build has its threads from OpenMP; kernels are made for as many as there are when they are made.
    koffi.load('libgomp.so.1').func('void omp_set_num_threads(int)')(threads);
    this.engine = this.make('engine_create', CPU, 0);
    this.stream = this.make('stream_create', this.engine, 1);
  }

  address(data: ArrayBufferView): bigint {
    return BigInt(this.#koffi.address(data));
  }

  /** @throws FLAGOS_E_UNSUPPORTED for what the library has no implementation of. */
  call(name: Name, ...args: readonly unknown[]): void {
    const status = Number(this.#f[name](...args));
    if (status !== 0) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `oneDNN: ${name} answers ${status}`, { details: { status } });
  }

  /** Calls a function that gives a new object through its first argument. */
  make(name: Name, ...args: readonly unknown[]): bigint {
    const out = new BigUint64Array(1);
    this.call(name, out, ...args);
    return out[0]!;
  }

  /** Descriptor of a float32 tensor, row-major unless strides say otherwise. */
  plain(dims: readonly number[], strides: readonly number[] = stridesOf(dims)): Uint8Array {
    const desc = new Uint8Array(DESC_BYTES);
    this.call('memory_desc_init_by_strides', desc, dims.length, longs(dims), F32, longs(strides));
    return desc;
  }

  /** The same, in whatever layout the library likes best. */
  any(dims: readonly number[]): Uint8Array {
    const desc = new Uint8Array(DESC_BYTES);
    this.call('memory_desc_init_by_tag', desc, dims.length, longs(dims), F32, ANY);
    return desc;
  }

  operation(name: Name, ...args: readonly (number | Uint8Array | readonly number[] | undefined)[]): Uint8Array {
    const desc = new Uint8Array(DESC_BYTES);
    this.call(
      name,
      desc,
      ...(name === 'matmul_desc_init' ? [] : [INFERENCE]),
      ...args.map((a) => (Array.isArray(a) ? longs(a as number[]) : (a ?? null))),
    );
    return desc;
  }

  /** Layout that an implementation takes an argument in; undefined if it must be the given one. */
  layoutOf(pd: bigint, argument: number): bigint | undefined {
    const what = query[argument];
    return what === undefined ? undefined : BigInt(this.#describe(pd, what, 0) as number | bigint);
  }

  same(a: bigint, b: bigint): boolean {
    return Number(this.#f.memory_desc_equal(a, b)) === 1;
  }

  /** Memory for a layout, on a cache line. */
  allocate(desc: bigint): { readonly held: Uint8Array; readonly address: bigint } {
    const held = new Uint8Array(Number(this.#size(desc)) + 64);
    return { held, address: (this.address(held) + 63n) & ~63n };
  }
}

/** Loads the library. @returns it, or why it cannot be used. */
export const findLibrary = ({ env, threads }: Host): OneDnn | { readonly reason: string; readonly hint: string } => {
  const problems: string[] = [];
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch (e) {
    return { reason: `foreign calls are not available: ${asError(e).message.split('\n')[0]}`, hint: 'npm install koffi' };
  }
  for (const path of env['FLAGOS_ONEDNN'] ? [env['FLAGOS_ONEDNN']] : ['libdnnl.so.2', 'libdnnl.so']) {
    try {
      return new OneDnn(koffi, path, threads);
    } catch (e) {
      problems.push(asError(e).message);
    }
  }
  return { reason: `no usable oneDNN: ${problems[0]}`, hint: 'install it (Debian 12: libdnnl2), or name it in FLAGOS_ONEDNN' };
};

/** An argument of a primitive: which one, its plain layout, and its contents if they never change. */
export interface Argument {
  readonly arg: number;
  readonly desc: Uint8Array;
  readonly constant?: NumericData | undefined;
}

/** A primitive on plain tensors: arguments are turned into the layouts it likes before it, and the result back after it. */
export class Primitive {
  readonly #lib: OneDnn;
  readonly #made: (() => void)[] = [];
  readonly #steps: { readonly primitive: bigint; readonly args: Uint8Array; readonly count: number }[] = [];
  readonly #memories: readonly bigint[];
  /** What addresses do not keep alive. */
  readonly held: unknown[] = [];

  constructor(lib: OneDnn, operation: Uint8Array, args: readonly Argument[]) {
    this.#lib = lib;
    const pd = this.#own('primitive_desc', lib.make('primitive_desc_create', operation, 0n, lib.engine, 0n));
    const primitive = this.#own('primitive', lib.make('primitive_create', pd));
    const used: [number, bigint][] = [];
    const after: (() => void)[] = [];
    this.#memories = args.map(({ arg: which, desc, constant }) => {
      const plain = lib.address(desc);
      const liked = lib.layoutOf(pd, which);
      this.held.push(desc, constant);
      const outer = this.#memory(plain, constant ? lib.address(constant) : 0n);
      if (liked === undefined || lib.same(plain, liked)) {
        used.push([which, outer]);
        return outer;
      }
      const { held, address } = lib.allocate(liked);
      this.held.push(held);
      const inner = this.#memory(liked, address);
      used.push([which, inner]);
      const result = which === arg.dst;
      const [from, to] = result ? [liked, plain] : [plain, liked];
      const turn = this.#own('primitive_desc', lib.make('reorder_primitive_desc_create', from, lib.engine, to, lib.engine, 0n));
      const step = this.#step(this.#own('primitive', lib.make('primitive_create', turn)), [
        [arg.src, result ? inner : outer],
        [arg.dst, result ? outer : inner],
      ]);
      // Weights are turned once and for all.
      if (constant) this.#execute(step);
      else if (result) after.push(() => this.#steps.push(step));
      else this.#steps.push(step);
      return outer;
    });
    this.#steps.push(this.#step(primitive, used));
    for (const add of after) add();
  }

  #own(kind: 'primitive' | 'primitive_desc' | 'memory', handle: bigint): bigint {
    this.#made.push(() => this.#lib.call(`${kind}_destroy`, handle));
    return handle;
  }

  #memory(desc: bigint, address: bigint): bigint {
    return this.#own('memory', this.#lib.make('memory_create', desc, this.#lib.engine, address));
  }

  #step(primitive: bigint, args: readonly (readonly [number, bigint])[]): { primitive: bigint; args: Uint8Array; count: number } {
    const view = new DataView(new ArrayBuffer(16 * args.length));
    args.forEach(([which, memory], i) => {
      view.setInt32(16 * i, which, true);
      view.setBigUint64(16 * i + 8, memory, true);
    });
    return { primitive, args: new Uint8Array(view.buffer), count: args.length };
  }

  #execute({ primitive, args, count }: { primitive: bigint; args: Uint8Array; count: number }): void {
    this.#lib.call('primitive_execute', primitive, this.#lib.stream, count, args);
    this.#lib.call('stream_wait', this.#lib.stream);
  }

  /** @param data by argument; undefined where it is constant. */
  run(data: readonly (NumericData | undefined)[]): void {
    data.forEach((d, i) => d && this.#lib.call('memory_set_data_handle', this.#memories[i], this.#lib.address(d)));
    for (const step of this.#steps) this.#execute(step);
  }

  dispose(): void {
    for (const destroy of this.#made.splice(0).toReversed()) destroy();
    this.held.length = 0;
  }
}
