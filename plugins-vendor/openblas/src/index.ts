/**
 * OpenBLAS as a flagos provider: matrix products in float32 and float64, through foreign calls to the
 * library this machine has. That a C library becomes a vendor in one short file is its other purpose.
 */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import {
  asError,
  definePlugin,
  FlagosError,
  KERNEL_PROVIDER,
  refused,
  supported,
  Tensor,
  type ChipSession,
  type Host,
  type KernelProvider,
  type Node,
  type NumericData,
  type Prepared,
  type ProbeReport,
  type Region,
  type RunValue,
  type Support,
} from 'flagos/plugin';
import type koffiModule from 'koffi';
import { planProduct, type Product } from './plan.ts';

/** Without a product that takes longer than this, in milliseconds, the event loop is not left: changing threads costs 0.1 ms. */
const BLOCKING_MS = 2;
const names = [
  'libopenblas.so.0',
  'libopenblas.so',
  'libopenblas.dylib',
  '/opt/homebrew/opt/openblas/lib/libopenblas.dylib',
  'libopenblas.dll',
];
const debian: Partial<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu', riscv64: 'riscv64-linux-gnu' };
const folder = `/usr/lib/${debian[process.arch] ?? process.arch}/openblas-`;
const signature = ['int', 'int', 'int', 'int', 'int', 'int'];

type Koffi = typeof koffiModule;
type Library = ReturnType<Koffi['load']>;
type KoffiFunc = ReturnType<Library['func']>;

interface Blas {
  readonly description: string;
  readonly setThreads: (n: number) => void;
  readonly gemm: Readonly<Record<'float32' | 'float64', KoffiFunc>>;
  readonly address: (data: NumericData) => bigint;
}
let found: Blas | { readonly reason: string; readonly hint: string } | undefined;

const declare = (koffi: Koffi, library: Library): Blas => {
  const gemm = (name: string, real: string): KoffiFunc =>
    library.func(name, 'void', [...signature, real, 'uintptr_t', 'int', 'uintptr_t', 'int', real, 'uintptr_t', 'int']);
  return {
    description: String(library.func('const char *openblas_get_config()')()).trim(),
    setThreads: library.func('void openblas_set_num_threads(int)'),
    gemm: { float32: gemm('cblas_sgemm', 'float'), float64: gemm('cblas_dgemm', 'double') },
    address: (data) => BigInt(koffi.address(data)),
  };
};

/** The library, or why there is none; looked for once in a process. */
const find = (env: Host['env']): NonNullable<typeof found> => {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch (e) {
    return { reason: `foreign calls are not available: ${asError(e).message.split('\n')[0]}`, hint: 'npm install koffi' };
  }
  const tried = env['FLAGOS_OPENBLAS']
    ? [env['FLAGOS_OPENBLAS']]
    : [...names, ...['pthread', 'openmp'].map((k) => `${folder}${k}/libopenblas.so.0`)];
  const problems: string[] = [];
  for (const name of tried) {
    try {
      const blas = declare(koffi, koffi.load(name));
      if (!/USE64BITINT/.test(blas.description)) return blas;
      problems.push(`${name} takes 64-bit integers`);
    } catch (e) {
      problems.push(asError(e).message);
    }
  }
  return {
    reason: `no usable libopenblas: ${problems[0]}`,
    hint: 'install it (Debian: libopenblas0-pthread), or name it in FLAGOS_OPENBLAS',
  };
};

/** The two matrix products of ONNX, as one call of `gemm` for each batch. */
class PreparedProduct implements Prepared {
  readonly workspaceBytes = 0;
  readonly #blas: Blas;
  readonly #product: Product;
  /** A, B and perhaps C: a constant, or its position among the inputs. */
  readonly #operands: readonly (Tensor | number)[];
  readonly #blocks: boolean;

  constructor(blas: Blas, product: Product, region: Region, gflops: number) {
    this.#blas = blas;
    this.#product = product;
    this.#operands = region.nodes[0]!.inputs.flatMap((name) =>
      name === '' ? [] : [region.constants.get(name) ?? region.inputs.findIndex((v) => v.name === name)],
    );
    const { batches, rows, inner, columns } = product;
    this.#blocks = (2 * batches.length * rows * inner * columns) / (gflops * 1e6) <= BLOCKING_MS;
  }

  run(inputs: readonly RunValue[], outputs: RunValue[]): void | Promise<void> {
    const p = this.#product;
    const [a, b, c] = this.#operands.map((o) => (typeof o === 'number' ? inputs[o] : o) as Tensor);
    const y = (outputs[0] ??= Tensor.zeros(p.dtype, p.dims)) as Tensor;
    // What is there is added to; it must not be read where nothing is to be added, for it may be anything.
    const beta = p.spread(c?.data as NumericData | undefined, y.data as NumericData);
    if (p.rows * p.inner * p.columns === 0) return undefined;
    const gemm = this.#blas.gemm[p.dtype];
    const [at, bt, yt] = [a!, b!, y].map((t) => this.#blas.address(t.data as NumericData)) as [bigint, bigint, bigint];
    const size = BigInt((y.data as NumericData).BYTES_PER_ELEMENT);
    const args = (batch: readonly [number, number], i: number): unknown[] => [
      101,
      p.transA ? 112 : 111,
      p.transB ? 112 : 111,
      p.rows,
      p.columns,
      p.inner,
      p.alpha,
      at + BigInt(batch[0]) * size,
      p.transA ? p.rows : p.inner,
      bt + BigInt(batch[1]) * size,
      p.transB ? p.inner : p.columns,
      beta,
      yt + BigInt(i * p.rows * p.columns) * size,
      p.columns,
    ];
    if (this.#blocks) return p.batches.forEach((batch, i) => void gemm(...args(batch, i)));
    const next = (i: number): Promise<void> =>
      new Promise<void>((resolve, reject) => gemm.async(...args(p.batches[i]!, i), (e: unknown) => (e ? reject(asError(e)) : resolve())));
    // The arrays stay referenced while another thread reads them.
    const hold = [a, b, y];
    return (async () => {
      for (let i = 0; i < p.batches.length; i++) await next(i);
      hold.length = 0;
    })();
  }

  dispose(): void {}
}

class OpenBlasSession implements ChipSession {
  readonly regions = 'single';
  readonly dynamicShapes = false;
  readonly instant = true;
  /** Measured on an AVX-512 machine: 1 µs for a foreign call, matrix products of 1024 at 110 GF a thread. */
  readonly prior: { readonly overheadUs: number; readonly gflops: number; readonly gbps: number };
  readonly #blas: Blas;

  constructor(blas: Blas, threads: number) {
    this.#blas = blas;
    this.prior = { overheadUs: 2, gflops: 100 * threads, gbps: 10 };
  }

  supports(region: Region): Support {
    const node: Node | undefined = region.nodes[0];
    if (!node || region.nodes.length !== 1) return refused('REGION', 'runs one op at a time');
    if (node.domain !== '' || (node.op !== 'MatMul' && node.op !== 'Gemm')) return refused('NO_KERNEL', 'BLAS multiplies matrices only');
    const product = planProduct(node, region.types);
    return 'reason' in product ? product : supported;
  }

  prepare(region: Region): Prepared {
    const product = planProduct(region.nodes[0]!, region.types);
    if ('reason' in product) throw new FlagosError('FLAGOS_E_UNSUPPORTED', product.detail);
    return new PreparedProduct(this.#blas, product, region, this.prior.gflops);
  }

  close(): void {}
}

export const openblas: KernelProvider = {
  name: 'openblas',
  kind: 'vendor',
  version: '0.1.0',
  probe({ env, threads }): ProbeReport {
    found ??= find(env);
    if ('reason' in found) return { chips: [], missing: [{ chip: 'cpu', ...found }] };
    const processor = cpus()[0]?.model.trim() ?? process.arch;
    return {
      chips: [
        {
          id: 'cpu',
          description: `${found.description} on ${processor}`,
          fingerprint: `${found.description}; ${processor}; ${threads} threads`,
        },
      ],
    };
  },
  open(_chip, { env, threads }) {
    found ??= find(env);
    if ('reason' in found) throw new FlagosError('FLAGOS_E_CHIP', found.reason, { hint: found.hint });
    found.setThreads(threads);
    return new OpenBlasSession(found, threads);
  },
};

export default definePlugin({ abi: 1, bind: (container) => void container.bind(KERNEL_PROVIDER).toConstantValue(openblas) });
