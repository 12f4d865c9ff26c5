/**
 * The execution provider `flagos` for onnxruntime-common: sessions whose graphs run here.
 *
 * onnxruntime resolves one backend for a session and drops the other entries of the list, so falling
 * back is this library's own business, inside the handler. A failed `init` is remembered for ever by
 * onnxruntime, so it does nothing.
 */
import { FlagosError } from '../../core/errors.ts';
import type { Model, ValueInfo } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { PolicyOverride } from '../../opmanager/policy.ts';
import type { FlagosModel } from '../../runtime/model.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type {
  OrtBackend,
  OrtMetadata,
  OrtModule,
  OrtSessionHandler,
  OrtSessionOptions,
  OrtTensor,
  OrtTensorConstructor,
} from './ort-types.ts';
import { Trace } from '../../runtime/trace.ts';
import { fromOrt, toOrt } from './tensors.ts';

/** What the backend needs of the host. */
export interface BackendParts {
  /** The runtime sessions run on; called for the first session, not at registration. */
  readonly runtime: () => Promise<Runtime>;
  /** Reads a model. `externalData` are files the user handed over with it. */
  readonly load: (model: string | Uint8Array, externalData: ReadonlyMap<string, Uint8Array>) => Promise<Model>;
  /** Policy from the options of the execution provider entry. @throws FLAGOS_E_CONFIG */
  readonly policy: (options: Readonly<Record<string, unknown>>) => PolicyOverride;
  /** Keeps a finished profile; returns where. */
  readonly saveProfile: (prefix: string, profile: Trace) => string;
}

const metadataOf = (info: ValueInfo): OrtMetadata => {
  const { name, type } = info;
  if (type?.kind !== 'tensor') return { name, isTensor: false };
  return { name, isTensor: true, type: type.dtype, shape: (type.shape ?? []).map((d) => d ?? '') };
};

class SessionHandler implements OrtSessionHandler {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly OrtMetadata[];
  readonly outputMetadata: readonly OrtMetadata[];
  readonly #all: readonly string[];
  readonly #model: FlagosModel;
  readonly #Tensor: OrtTensorConstructor;
  readonly #parts: BackendParts;
  readonly #prefix: string;
  #profile: Trace | undefined;

  constructor(model: FlagosModel, OrtTensorClass: OrtTensorConstructor, parts: BackendParts, options: OrtSessionOptions) {
    this.#model = model;
    this.#Tensor = OrtTensorClass;
    this.#parts = parts;
    this.#prefix = options.profileFilePrefix ?? 'flagos_profile_';
    this.#all = model.model.graph.inputs.map((i) => i.name);
    this.inputNames = model.inputs.map((i) => i.name);
    this.outputNames = model.outputs.map((o) => o.name);
    this.inputMetadata = model.inputs.map(metadataOf);
    this.outputMetadata = model.outputs.map(metadataOf);
    if (options.enableProfiling) this.#profile = new Trace();
  }

  /** The model behind the session: `placement()`, `explain()`, `coverage()`. */
  get flagos(): FlagosModel {
    return this.#model;
  }

  startProfiling(): void {
    this.#profile ??= new Trace();
  }

  endProfiling(): void {
    if (!this.#profile) return;
    this.#parts.saveProfile(this.#prefix, this.#profile);
    this.#profile = undefined;
  }

  async run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
  ): Promise<Record<string, OrtTensor>> {
    const inputs: (Value | undefined)[] = [];
    for (const name of this.#all) {
      const value = feeds[name];
      inputs.push(value === undefined ? undefined : fromOrt(name, value));
    }
    for (const name in feeds)
      if (!this.#all.includes(name))
        throw new FlagosError('FLAGOS_E_INPUT', `there is no input '${name}'`, { hint: `inputs are ${this.#all.join(', ')}` });
    const into = this.outputNames.map((name) => {
      const place = fetches[name];
      return place ? fromOrt(name, place) : undefined;
    });
    const start = this.#profile ? performance.now() : 0;
    const pending = this.#model.runPositional(inputs, { observer: this.#profile, into });
    const values = pending instanceof Promise ? await pending : pending;
    this.#profile?.session('model_run', start, performance.now());
    const results: Record<string, OrtTensor> = {};
    for (let i = 0; i < this.outputNames.length; i++) {
      const name = this.outputNames[i]!;
      if (!(name in fetches)) continue;
      const place = fetches[name];
      const value = values[i]!;
      results[name] = place && value instanceof Tensor && copied(into[i], value) ? place : toOrt(this.#Tensor, name, value);
    }
    return results;
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }
}

/** Whether a result is where the user asked for it: written in place by the kernel, or copied there now. */
const copied = (place: Tensor | undefined, value: Tensor): boolean => {
  if (!place || place.dtype !== value.dtype || place.size !== value.size || Array.isArray(place.data) || Array.isArray(value.data))
    return false;
  if (place.data !== value.data) (place.data as { set(from: unknown): void }).set(value.data);
  return true;
};

const bytesOfData = (data: unknown): Uint8Array | undefined => {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined;
};

const externalFiles = (options: OrtSessionOptions): Map<string, Uint8Array> => {
  const files = new Map<string, Uint8Array>();
  for (const entry of options.externalData ?? []) {
    // A plain path means the file beside the model, which is found there anyway.
    if (typeof entry === 'string') continue;
    const bytes = bytesOfData(entry.data);
    if (bytes) files.set(entry.path, bytes);
  }
  return files;
};

/** The backend object onnxruntime wants. */
export const makeBackend = (ort: OrtModule, parts: BackendParts): OrtBackend => ({
  init: async () => {},
  createInferenceSessionHandler: async (model, options = {}) => {
    const entry = options.executionProviders?.find((e) => (typeof e === 'string' ? e : e.name) === 'flagos');
    const { name: _name, ...own } = typeof entry === 'object' ? entry : { name: 'flagos' };
    const policy = parts.policy(own);
    const [runtime, parsed] = await Promise.all([parts.runtime(), parts.load(model, externalFiles(options))]);
    return new SessionHandler(runtime.model(parsed, { policy }), ort.Tensor, parts, options);
  },
});

/** Backends by registry (a module's own `registerBackend`), so that installing twice is harmless. */
const installed = new WeakMap<object, OrtBackend>();

/** Below this priority onnxruntime's own backends stay the default; above it `flagos` is. */
const EXPLICIT_ONLY = 1;
const DEFAULT_PROVIDER = 1000;

/**
 * Registers the execution provider `flagos` with an onnxruntime module.
 * @param asDefault sessions that name no execution provider run on it too.
 * @throws FLAGOS_E_USAGE if `ort` is no onnxruntime module.
 */
export const registerBackend = (ort: OrtModule, parts: BackendParts, asDefault: boolean): void => {
  if (typeof ort?.registerBackend !== 'function' || typeof ort.Tensor !== 'function') {
    throw new FlagosError('FLAGOS_E_USAGE', 'install needs an onnxruntime module', {
      hint: "import * as ort from 'onnxruntime-node' (or onnxruntime-web, onnxruntime-common) and pass that",
    });
  }
  let backend = installed.get(ort.registerBackend);
  if (!backend) installed.set(ort.registerBackend, (backend = makeBackend(ort, parts)));
  ort.registerBackend('flagos', backend, asDefault ? DEFAULT_PROVIDER : EXPLICIT_ONLY);
};
