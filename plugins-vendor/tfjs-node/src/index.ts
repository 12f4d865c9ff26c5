/** libtensorflow's kernels, through the native binding of @tensorflow/tfjs-node, as a flagos provider: for every framework. */
import { cpus } from 'node:os';
import {
  ABI,
  definePlugin,
  type Facts,
  FlagosError,
  KERNEL_PROVIDER,
  wrapError,
  type Chip,
  type ChipSession,
  type CostPrior,
  type Host,
  type KernelProvider,
  type Prepared,
  type ProbeReport,
  type Region,
  type Support,
  type Variant,
} from 'flagos/plugin';
import { find, load, type Binding } from './library.ts';
import { rows } from './ops.ts';
import { PreparedProgram, Program } from './program.ts';
import type { Row } from './row.ts';

export class TfjsNodeSession implements ChipSession {
  readonly regions = 'connected';
  readonly dynamicShapes = false;
  /** Measured on a busy AVX-512 machine, so low: copies into libtensorflow and back, and its scheduling of threads, are included. */
  readonly prior: CostPrior;
  readonly #binding: Binding;

  constructor(binding: Binding, threads: number) {
    this.#binding = binding;
    this.prior = { overheadUs: 20, gflops: 30 * threads, gbps: 3 };
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
    const program = new Program(this.#binding, region);
    const inputs = region.inputs.map(({ name, type }) => {
      if (type?.kind !== 'tensor') throw new FlagosError('FLAGOS_E_UNSUPPORTED', `the type of '${name}' is not known`);
      return program.incoming(name, type.dtype);
    });
    for (const [row, facts] of by) row(facts, program);
    const outputs = region.outputs.map(({ name, type }) => ({
      slot: program.plainOf(name),
      dims: type?.kind === 'tensor' && type.shape ? type.shape.map(Number) : [],
    }));
    return new PreparedProgram(program, inputs, outputs);
  }

  /** Tensors libtensorflow holds in this process, whoever made them. */
  get tensors(): number {
    return this.#binding.getNumOfTensors();
  }

  close(): void {}
}

export class TfjsNodeProvider implements KernelProvider {
  readonly name = 'tfjs-node';
  readonly kind = 'vendor';
  readonly version = '0.1.0';

  /** Looks for the binding; does not load it. */
  probe(host: Host): ProbeReport {
    const found = find(host.env);
    if (!found) {
      const hint =
        'npm install @tensorflow/tfjs-node, or node scripts/build-tfjs-node.mjs in a clone of flagos; FLAGOS_TFJS_NODE names its folder';
      return { chips: [], missing: [{ chip: 'cpu', reason: '@tensorflow/tfjs-node with its native binding is not installed', hint }] };
    }
    const processor = cpus()[0]?.model.trim() ?? process.arch;
    return {
      chips: [
        {
          id: 'cpu',
          description: `libtensorflow of @tensorflow/tfjs-node ${found.version} on ${processor}`,
          fingerprint: `tfjs-node ${found.version}; ${found.stamp}; ${processor}; ${host.threads} threads`,
        },
      ],
    };
  }

  /** @throws FLAGOS_E_CHIP when the binding or libtensorflow cannot be loaded. */
  open(_chip: Chip, host: Host): TfjsNodeSession {
    const found = find(host.env);
    if (!found) throw new FlagosError('FLAGOS_E_CHIP', '@tensorflow/tfjs-node is gone since it was found');
    try {
      const binding = load(found, host);
      host.logger.log('debug', `tfjs-node: libtensorflow ${binding.TF_Version} from ${found.file}`);
      return new TfjsNodeSession(binding, host.threads);
    } catch (thrown) {
      throw wrapError('FLAGOS_E_CHIP', thrown, { hint: `see whether \`node -e "require('${found.file}')"\` works` });
    }
  }
}

export default definePlugin({
  abi: ABI,
  bind(container) {
    container.bind(KERNEL_PROVIDER).toConstantValue(new TfjsNodeProvider());
  },
});
