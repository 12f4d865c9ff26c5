/** XNNPACK, as @tensorflow/tfjs-backend-wasm carries it, as a flagos provider: for every framework, in WebAssembly, on one thread. */
import {
  ABI,
  type Chip,
  type ChipSession,
  definePlugin,
  Facts,
  FlagosError,
  type Host,
  KERNEL_PROVIDER,
  type KernelProvider,
  type Prepared,
  type ProbeReport,
  Refused,
  refused,
  type Region,
  type Support,
  supported,
  type Variant,
  wrapError,
} from 'flagos/plugin';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Library } from './library.ts';
import { knownBugs, rowOf } from './ops.ts';
import { Program } from './program.ts';
import type { Row } from './row.ts';

const require = createRequire(import.meta.url);

/** The row of every node. @throws Refused */
const rowsOf = (region: Region): [Row, Facts][] =>
  region.nodes.map((node): [Row, Facts] => {
    const row = rowOf(node.domain, node.op);
    if (!row) throw new Refused('NO_KERNEL', `XNNPACK has no ${node.op}`);
    const bug = node.domain === '' ? knownBugs[node.op] : undefined;
    if (bug) throw new Refused('KNOWN_BUG', `${node.op}: ${bug}`);
    return [row, new Facts(node, region)];
  });

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
    try {
      for (const [row, facts] of rowsOf(region)) row(facts);
      return supported;
    } catch (thrown) {
      if (thrown instanceof Refused) return refused(thrown.reason, thrown.message);
      throw thrown;
    }
  }

  variants(): readonly Variant[] {
    return [
      { name: 'default', numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'approximate', 'flush-denormals'] } },
    ];
  }

  prepare(region: Region): Prepared {
    const support = this.supports(region);
    if (!support.ok) throw new FlagosError('FLAGOS_E_UNSUPPORTED', support.detail, { details: { reason: support.reason } });
    return this.build(region, rowsOf(region));
  }

  /** A region by given rows, whether or not it should be asked for: tests of known bugs do. */
  build(region: Region, rows: readonly [Row, Facts][]): Prepared {
    const program = new Program(this.#library, region);
    const inputs = region.inputs.map(({ name, type }) => {
      if (type?.kind !== 'tensor' || !type.shape) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `the shape of '${name}' is not known`);
      return program.incoming(name, type.shape.map(Number), type.dtype);
    });
    for (const [row, facts] of rows) row(facts, program);
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
