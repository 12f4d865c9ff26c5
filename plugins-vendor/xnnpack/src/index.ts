/** XNNPACK, as @tensorflow/tfjs-backend-wasm carries it, as a flagos provider: for every framework, in WebAssembly, on one thread. */
import {
  ABI,
  type Chip,
  type ChipSession,
  definePlugin,
  type Facts,
  FlagosError,
  type Host,
  KERNEL_PROVIDER,
  type KernelProvider,
  type Prepared,
  type ProbeReport,
  type Region,
  type Support,
  type Variant,
  wrapError,
} from 'flagos/plugin';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Library } from './library.ts';
import { rows } from './ops.ts';
import { Program } from './program.ts';
import type { Row } from './row.ts';

const require = createRequire(import.meta.url);

export class XnnpackSession implements ChipSession {
  readonly regions = 'connected';
  readonly dynamicShapes = false;
  /** Measured on an AVX-512 machine: Relu of 16 numbers 0.4 µs, matrix products and convolutions 22 GF to 34 GF, adding 6 GB/s, Exp 1.5 GB/s; copies into its memory and back included. */
  readonly prior = { overheadUs: 1, nodeUs: 0.4, gflops: 28, gbps: 4 };
  readonly #library: Library;

  constructor(library: Library) {
    this.#library = library;
  }

  supports(region: Region): Support {
    return rows.supports(region);
  }

  variants(): readonly Variant[] {
    return [
      { name: 'default', numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'approximate', 'flush-denormals'] } },
    ];
  }

  prepare(region: Region): Prepared {
    return this.build(region, rows.take(region));
  }

  /** A region by given rows, whether or not it should be asked for: tests of known bugs do. */
  build(region: Region, by: readonly [Row, Facts][]): Prepared {
    const program = new Program(this.#library, region);
    const inputs = region.inputs.map(({ name, type }) => {
      if (type?.kind !== 'tensor' || !type.shape) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `the shape of '${name}' is not known`);
      return program.incoming(name, type.shape.map(Number), type.dtype);
    });
    for (const [row, facts] of by) row(facts, program);
    return program.finish(
      inputs,
      region.outputs.map(({ name }) => program.plainOf(name)),
    );
  }

  /** Size of its WebAssembly memory. */
  get memoryBytes(): number {
    return this.#library.bytes.length;
  }

  close(): void {}
}

const manifestName = '@tensorflow/tfjs-backend-wasm/package.json';

export class XnnpackProvider implements KernelProvider {
  readonly name = 'xnnpack';
  readonly kind = 'vendor';
  readonly version = '0.1.0';

  #file(): string {
    return join(dirname(require.resolve(manifestName)), 'dist/tfjs-backend-wasm-simd.wasm');
  }

  /** Looks for the package; does not load its module. */
  probe(_host: Host): ProbeReport {
    const missing = (reason: string): ProbeReport => ({
      chips: [],
      missing: [{ chip: 'wasm', reason, hint: 'npm install @tensorflow/tfjs-backend-wasm' }],
    });
    try {
      require.resolve(manifestName);
    } catch {
      return missing('the package @tensorflow/tfjs-backend-wasm is not installed');
    }
    const file = this.#file();
    if (!existsSync(file)) return missing(`${file} is not there`);
    const { version }: { version: string } = JSON.parse(readFileSync(require.resolve(manifestName), 'utf8'));
    return {
      chips: [
        {
          id: 'wasm',
          description: `XNNPACK of tfjs-backend-wasm ${version}, SIMD, one thread`,
          fingerprint: `tfjs-backend-wasm ${version} simd; node ${process.versions.node}; ${process.arch}`,
        },
      ],
    };
  }

  /** @throws FLAGOS_E_CHIP when the module cannot be compiled or is not the one known. */
  async open(_chip: Chip, host: Host): Promise<XnnpackSession> {
    try {
      return new XnnpackSession(await Library.open(this.#file(), host.logger));
    } catch (thrown) {
      throw wrapError('FLAGOS_E_CHIP', thrown, { hint: 'WebAssembly with SIMD is needed; a newer Node or tfjs-backend-wasm may help' });
    }
  }
}

export default definePlugin({
  abi: ABI,
  bind(container) {
    container.bind(KERNEL_PROVIDER).toConstantValue(new XnnpackProvider());
  },
});
