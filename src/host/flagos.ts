/**
 * The library as a Node program uses it: configuration read, plugins found, chips opened; models
 * loaded from files; frameworks installed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Container } from 'inversify';
import { wrapError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Value } from '../core/tensor.ts';
import { registerBackend, type BackendParts } from '../frameworks/onnxruntime/backend.ts';
import type { OrtModule } from '../frameworks/onnxruntime/ort-types.ts';
import { opSet } from '../ops/index.ts';
import type { PolicyOverride } from '../opmanager/policy.ts';
import type { Decision } from '../opmanager/decision.ts';
import { builtInPlugins } from '../plugins/builtin.ts';
import { createContainer } from '../plugins/container.ts';
import { POLICY_SOURCE, TABLE_STORE, type PolicySource, type TableSource } from '../plugins/contract.ts';
import { loadPlugins } from '../plugins/load.ts';
import { ProviderRegistry } from '../plugins/registry.ts';
import type { FlagosModel } from '../runtime/model.ts';
import { Runtime, type CallOptions, type LoadOptions, type PlainAttributes, type TuningHost } from '../runtime/runtime.ts';
import { version } from '../version.ts';
import { checkLayer } from './config-schema.ts';
import { loadConfig, type ConfigLayer, type ConfigOptions, type ResolvedConfig } from './config.ts';
import { discoverPlugins } from './discovery.ts';
import { createHost } from './host.ts';
import { readLock } from './lock-file.ts';
import { openTables } from './tables/open.ts';
import { probeToolchain } from './native/toolchain.ts';
import { nodeThreads } from './threads.ts';

/** The reader is loaded when the first model is: a program that never loads one need not pay for it. */
const onnxFiles = () => import('./onnx-files.ts');

export interface FileOptions extends LoadOptions {
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
}

export class Flagos {
  constructor(
    readonly runtime: Runtime,
    readonly settings: ResolvedConfig,
  ) {}

  /**
   * Loads a model.
   * @param source path of an ONNX file or of a model.json of TensorFlow.js (whose own packages must be installed), or
   *   bytes of an ONNX model.
   * @param options `shapes`: of inputs by name, for a model of TensorFlow.js, which is made for shapes that are known.
   * @throws FLAGOS_E_FILE, FLAGOS_E_MODEL_FORMAT, FLAGOS_E_MODEL_INVALID, FLAGOS_E_MODEL_UNSUPPORTED, FLAGOS_E_EXTERNAL_DATA,
   *   FLAGOS_E_INPUT, FLAGOS_E_UNKNOWN_OP.
   */
  async load(source: string | Uint8Array, { shapes, ...options }: FileOptions = {}): Promise<FlagosModel> {
    if (typeof source === 'string' && source.endsWith('.json')) {
      const { readTfjsModel, declaredShapes } = await import('./tfjs-models.ts');
      const parts = { runtime: this.runtime, cwd: process.cwd(), shapes: declaredShapes(shapes) };
      return this.runtime.model(await readTfjsModel(source, parts), options);
    }
    return this.runtime.model((await onnxFiles()).readOnnx(source), options);
  }

  /** Runs one op, see {@link Runtime.call}. */
  call(op: string, inputs: readonly (Value | undefined)[], attributes?: PlainAttributes, options?: CallOptions): Promise<Value[]> {
    return this.runtime.call(op, inputs, attributes, options);
  }

  /** Why a call like this runs where it runs, see {@link Runtime.explainCall}. */
  explainCall(op: string, inputs: readonly (Value | undefined)[], attributes?: PlainAttributes, options?: CallOptions): Promise<Decision> {
    return this.runtime.explainCall(op, inputs, attributes, options);
  }

  /**
   * Makes a framework run here: onnxruntime gets the execution provider `flagos`.
   * @param options `asDefault`: also for sessions that name no provider.
   */
  async install(framework: OrtModule, options: { asDefault?: boolean } = {}): Promise<void> {
    registerBackend(
      framework,
      onnxruntimeParts(async () => this.runtime),
      options.asDefault ?? false,
    );
  }

  /** Resolves when no kernel of a {@link call} is being compiled in the background. */
  ready(): Promise<void> {
    return this.runtime.ready();
  }

  close(): Promise<void> {
    return this.runtime.close();
  }
}

/** What plugins ask for. A policy that is not one is left out, with a warning: it must not keep a program from starting. */
const policiesOf = async (container: Container, logger: Logger): Promise<PolicyOverride[]> => {
  const sources = container.isBound(POLICY_SOURCE) ? container.getAll<PolicySource>(POLICY_SOURCE) : [];
  const found: PolicyOverride[] = [];
  for (const source of sources) {
    try {
      found.push(checkLayer(await source.policy(), () => `the policy of ${source.name}`));
    } catch (thrown) {
      const error = wrapError('FLAGOS_E_CONFIG', thrown);
      logger.log('warn', `the policy of ${source.name} is left out`, { reason: error.reason });
    }
  }
  return found;
};

/** Configuration of a runtime: the strongest layer, over environment, file and defaults. */
export type RuntimeConfig = ConfigLayer & Pick<ConfigOptions, 'cwd' | 'env' | 'file' | 'argumentName'>;

/** Reads configuration, finds and loads plugins, opens chips. A broken plugin is reported (`flagos doctor`), never fatal. @throws FLAGOS_E_CONFIG */
export const createRuntime = async (config: RuntimeConfig = {}): Promise<Flagos> => {
  const { cwd = process.cwd(), env, file, argumentName, ...argument } = config;
  const settings = await loadConfig({ cwd, env, file, argumentName, argument });
  const host = createHost(settings.config, env ? { env } : {});
  for (const warning of settings.warnings) host.logger.log('warn', warning);
  const registry = new ProviderRegistry();
  const candidates = discoverPlugins({ cwd, requests: settings.config.plugins, dependencies: settings.config.discover });
  const container = createContainer(host);
  await loadPlugins(
    [
      ...builtInPlugins(
        opSet,
        version,
        { native: (h) => probeToolchain(h.env, h.threads, h.logger), threads: () => ({ threads: nodeThreads }) },
        () => registry.rawKernels(),
      ),
      ...candidates,
    ],
    {
      registry,
      container,
    },
  );
  const policy = settings.policyOver(await policiesOf(container, host.logger));
  const tables = await openTables(settings.config.tables, {
    env: host.env,
    logger: host.logger,
    sources: container.isBound(TABLE_STORE) ? container.getAll<TableSource>(TABLE_STORE) : [],
  });
  const lock = readLock(settings.config);
  // Loaded when a model is measured: most programs never do that.
  const tuning: TuningHost = { name: hostname(), exclusively: async (work) => (await import('./tune.ts')).exclusively(work) };
  return new Flagos(await Runtime.open({ registry, ops: opSet, policy, host, tables, lock, tuning }), settings);
};

/** What the onnxruntime adapter needs of Node. */
export const onnxruntimeParts = (runtime: () => Promise<Runtime>): BackendParts => ({
  runtime,
  load: async (model, files) => (await onnxFiles()).readOnnx(model, files),
  policy: (options) => checkLayer(options, () => "the options of execution provider 'flagos'"),
  saveProfile: (prefix, profile) => {
    const path = resolve(`${prefix}${new Date().toISOString().replace(/[:.]/g, '-')}.json`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(profile));
    return path;
  },
});

/** Policy from the options of the tfjs backend. @throws FLAGOS_E_CONFIG */
export const tfjsPolicy = (options: Readonly<Record<string, unknown>>): PolicyOverride =>
  checkLayer(options, () => "the options of the tfjs backend 'flagos'");

let shared: Promise<Flagos> | undefined;
/** The runtime of programs that do not make their own; a failure is not remembered, so the next call tries again. */
export const sharedRuntime = (): Promise<Flagos> => {
  shared ??= createRuntime().catch((e: unknown) => {
    shared = undefined;
    throw e;
  });
  return shared;
};
