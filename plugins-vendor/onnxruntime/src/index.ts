/**
 * onnxruntime's CPU kernels as a flagos provider: single ops and whole connected regions, with its own
 * fusions, through onnxruntime-node.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import {
  ABI,
  asError,
  definePlugin,
  FlagosError,
  KERNEL_PROVIDER,
  supported,
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
} from 'flagos/plugin';
import { onnxruntimeVersion } from './kernels.ts';
import { buildModel, type BuiltModel } from './model.ts';
import { OnnxruntimePrepared } from './prepared.ts';
import { openNative, openPublic, type Binding, type Ort, type Runner } from './session.ts';
import { boundaryTypes, examine } from './support.ts';

const require = createRequire(import.meta.url);

class OnnxruntimeSession implements ChipSession {
  readonly regions = 'connected';
  readonly dynamicShapes = true;
  /** Measured on an AVX-512 machine: an Identity 4 µs to 6 µs, matrix products 120 GF to 230 GF a thread, adding from and to memory 4 GB/s to 24 GB/s. */
  readonly prior: CostPrior;
  readonly #ort: Ort;
  readonly #binding: Binding | undefined;
  readonly #threads: number;
  readonly #known: boolean;

  /** @param known whether it is the version the tables were made from. */
  constructor(ort: Ort, binding: Binding | undefined, threads: number, known: boolean) {
    this.#ort = ort;
    this.#binding = binding;
    this.#threads = threads;
    this.#known = known;
    this.prior = { overheadUs: 6, nodeUs: 1, gflops: 100 * threads, gbps: 12 };
  }

  supports(region: Region): Support {
    const found = examine(region);
    return found.ok ? supported : found;
  }

  async prepare(region: Region): Promise<Prepared> {
    const found = examine(region);
    if (!found.ok) throw new FlagosError('FLAGOS_E_UNSUPPORTED', found.detail, { details: { reason: found.reason } });
    const runner = await this.#open(buildModel(region, found.opsets));
    const at = runner.outputTypes.findIndex((type) => type === undefined || !boundaryTypes.has(type));
    if (at < 0) return new OnnxruntimePrepared(runner, region);
    // It must not come to a run: handing out such a value would take the process down.
    await runner.dispose();
    const what = runner.outputTypes[at] ?? 'not a tensor of a known type';
    throw new FlagosError(
      'FLAGOS_E_UNSUPPORTED',
      `output '${region.outputs[at]!.name}' is ${what}, which onnxruntime's JavaScript API does not have`,
    );
  }

  async #open({ bytes, externalData }: BuiltModel): Promise<Runner> {
    const options = {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      intraOpNumThreads: this.#threads,
      // What goes wrong is thrown; nothing is printed beside that.
      logSeverityLevel: 4,
      // Its threads wait busily for more work within a run, not for some 30 ms after it: other providers' threads need the cores.
      extra: { session: { force_spinning_stop: '1' } },
      ...(externalData.length ? { externalData } : {}),
    };
    try {
      return this.#binding ? openNative(this.#binding, this.#known, bytes, options) : await openPublic(this.#ort, bytes, options);
    } catch (thrown) {
      throw wrapError('FLAGOS_E_UNSUPPORTED', thrown);
    }
  }

  close(): void {}
}

/** The native binding if it is where 1.30 has it and looks as it did, and `FLAGOS_ONNXRUNTIME_BINDING=0` does not forbid it. */
const findBinding = (host: Host): Binding | undefined => {
  if (host.env['FLAGOS_ONNXRUNTIME_BINDING'] === '0') return undefined;
  try {
    const found: Binding = require('onnxruntime-node/dist/binding');
    if (typeof found.initOrt !== 'function' || typeof found.binding.InferenceSession.prototype.loadModel !== 'function')
      throw new Error('it has changed');
    found.initOrt();
    return found;
  } catch (thrown) {
    host.logger.log(
      'info',
      `onnxruntime: its native binding is not used, every run takes a turn of the event loop: ${asError(thrown).message}`,
    );
    return undefined;
  }
};

const minor = (version: string): string => version.split('.', 2).join('.');
const isKnown = (version: string): boolean => minor(version) === minor(onnxruntimeVersion);
const versionIn = (manifest: string): string => {
  const { version }: { version: string } = require(manifest);
  return version;
};
const manifestName = 'onnxruntime-node/package.json';

export class OnnxruntimeProvider implements KernelProvider {
  readonly name = 'onnxruntime';
  readonly kind = 'vendor';
  readonly version = '0.1.0';

  /** Looks for the package and for a build for this machine; does not load it. */
  probe(host: Host): ProbeReport {
    const missing = (reason: string, hint: string): ProbeReport => ({ chips: [], missing: [{ chip: 'cpu', reason, hint }] });
    let manifest: string;
    try {
      manifest = require.resolve(manifestName);
    } catch {
      return missing('the package onnxruntime-node is not installed', 'npm install onnxruntime-node');
    }
    const version = versionIn(manifest);
    const builds = join(dirname(manifest), 'bin');
    const machine = join(process.platform, process.arch);
    if (!existsSync(builds) || !readdirSync(builds).some((api) => existsSync(join(builds, api, machine)))) {
      return missing(`onnxruntime-node ${version} has no build for ${machine}`, 'other providers serve this machine');
    }
    if (!isKnown(version))
      host.logger.log('info', `onnxruntime-node is ${version}; what it can run is judged by the tables of ${onnxruntimeVersion}`);
    const processor = cpus()[0]?.model.trim() ?? process.arch;
    return {
      chips: [
        {
          id: 'cpu',
          description: `onnxruntime-node ${version} on ${processor}`,
          fingerprint: `onnxruntime-node ${version}; ${processor}; ${host.threads} threads`,
        },
      ],
    };
  }

  /** @throws FLAGOS_E_CHIP when the library cannot be loaded. */
  open(_chip: Chip, host: Host): ChipSession {
    try {
      const ort: Ort = require('onnxruntime-node');
      return new OnnxruntimeSession(ort, findBinding(host), host.threads, isKnown(versionIn(manifestName)));
    } catch (thrown) {
      throw wrapError('FLAGOS_E_CHIP', thrown, { hint: 'see whether `node -e "require(\'onnxruntime-node\')"` works' });
    }
  }
}

export default definePlugin({
  abi: ABI,
  bind(container) {
    container.bind(KERNEL_PROVIDER).toConstantValue(new OnnxruntimeProvider());
  },
});
