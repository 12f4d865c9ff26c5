/**
 * Whole models of tfjs (GraphModel, LayersModel): the first call for given input types and shapes runs
 * the model's own method once to capture it as one graph, later ones run that graph's plan and nothing
 * of the model's JavaScript. A model that looks at values while it runs is run by its own method every
 * time; the calls between two looks are captured and planned, as all calls are.
 */
import type { DType } from '../../core/dtype.ts';
import { asError, FlagosError } from '../../core/errors.ts';
import { tensorType, type Graph, type Model } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import type { FlagosBackend } from './backend.ts';
import { sameDims, type Cell } from './cells.ts';
import { BACKEND } from './names.ts';
import { named, type ModelNames } from './naming.ts';
import { flatten, isNested, isTensor, type Flat, type Nested } from './nested.ts';
import type { Template } from './template.ts';
import { traced, type Trace, type ValueNames } from './trace.ts';
import type { DataId, TfModule, TfTensor } from './tf-types.ts';

/** A model of either kind, as far as it matters here. */
export interface TfModel {
  readonly name?: string;
  predict(inputs: unknown, config?: unknown): Nested;
  execute?(inputs: unknown, outputs?: string | string[]): Nested;
  /** LayersModel: variables, whose contents training replaces. GraphModel: tensors by name. */
  readonly weights?: unknown;
}

/** A call of a model that became one graph. */
interface Captured {
  readonly template: Template;
  /** The model's own names of the template's values. */
  readonly names: ReadonlyMap<string, string>;
  readonly weights: readonly DataId[];
  /** Puts results where the model puts them. */
  readonly rebuild: (results: readonly TfTensor[]) => Nested;
}

/** What a model calls its inputs and outputs, in their order, and what is inside. */
export interface OwnNames extends Pick<ModelNames, 'inputs' | 'outputs'> {
  readonly values?: ValueNames;
}

/** Kinds of calls (methods, shapes, outputs asked for) kept for a model. */
const KIND_LIMIT = 32;

interface Variable {
  read?(): TfTensor;
}

/** Identities of the weights a model has now. */
const weightsOf = ({ weights }: TfModel): DataId[] => {
  if (typeof weights !== 'object' || weights === null) return [];
  return Object.values(weights).flatMap((w: Variable | TfTensor | TfTensor[]) => {
    const held = 'read' in w && typeof w.read === 'function' ? w.read() : w;
    return (Array.isArray(held) ? held : [held as TfTensor]).filter(isTensor).map((t) => t.dataId);
  });
};

const kindOf = (method: string, { tensors, form }: Flat, config: unknown): string =>
  `${method}|${tensors.map((t) => `${t.dtype}[${t.shape.join(',')}]`).join('|')}|${form}|${JSON.stringify(config) ?? ''}`;

const sameContents = (a: Tensor, b: Tensor | undefined): boolean =>
  b !== undefined && a.dtype === b.dtype && sameDims(a.dims, b.dims) && a.data.every((x, i) => Object.is(x, b.data[i]));

/** The graph of a template by itself. */
const graphOfTemplate = ({ kernel, inputs, nodes, constants, outputs }: Template): Graph => ({
  name: kernel,
  inputs: inputs.map(({ name, dtype, shape }) => ({ name, type: tensorType(dtype, shape) })),
  outputs: outputs.map(({ name, dtype, shape }) => ({ name, type: tensorType(dtype, shape) })),
  initializers: new Map(constants),
  nodes: [...nodes],
  types: new Map(),
});

export class WholeModel {
  readonly #tf: TfModule;
  readonly #model: TfModel;
  /** Calls by kind; null for those that cannot be one graph. */
  readonly #kinds = new Map<string, Captured | null>();

  constructor(tf: TfModule, model: TfModel) {
    this.#tf = tf;
    this.#model = model;
  }

  /** As the model's own `predict`; results are tensors of the backend `flagos`. */
  predict(inputs: unknown, config?: unknown): Nested {
    return this.call('predict', inputs, config, this.#model.predict.bind(this.#model));
  }

  /** As GraphModel's own `execute`. @throws FLAGOS_E_USAGE for a model that has none. */
  execute(inputs: unknown, outputs?: string | string[]): Nested {
    const { execute } = this.#model;
    if (!execute) throw new FlagosError('FLAGOS_E_USAGE', 'this model has no execute()', { hint: 'use predict()' });
    return this.call('execute', inputs, outputs, execute.bind(this.#model) as (inputs: unknown, outputs: unknown) => Nested);
  }

  /**
   * Captures the model for inputs of these types and shapes and compiles its plan, so that the first
   * call finds everything ready. Their contents do not matter.
   */
  async prepare(inputs: unknown, config?: unknown): Promise<void> {
    const { tensors } = flatten(this.predict(inputs, config));
    const backend = this.#tf.findBackend(BACKEND) as unknown as FlagosBackend;
    try {
      await backend.prepare(tensors.map((t) => t.dataId));
    } finally {
      for (const t of tensors) t.dispose();
    }
  }

  /** Whether calls like the ones made so far run as one graph: by kind of call. */
  get captured(): Readonly<Record<string, boolean>> {
    return Object.fromEntries([...this.#kinds].map(([kind, c]) => [kind, c !== null]));
  }

  /**
   * The model at these inputs as a graph, weights included, for `flagos.load`.
   * @param own what values are to be called; default: by their position.
   * @throws FLAGOS_E_USAGE if values decide what it does, so that it is no one graph.
   */
  toModel(inputs: unknown, config?: unknown, own?: OwnNames): Model {
    const given = flatten(inputs);
    const captured = this.#active((backend) => this.#capture(backend, given, (x) => this.#model.predict(x, config), own?.values));
    if (!captured)
      throw new FlagosError('FLAGOS_E_USAGE', 'this model looks at values while it runs, so it is no one graph', {
        hint: 'run it with predict() or executeAsync(): what lies between two looks is planned as a whole',
      });
    const graph = graphOfTemplate(captured.template);
    return {
      name: this.#name,
      graph: own ? named(graph, { ...own, values: captured.names }) : graph,
      metadata: { producer: 'TensorFlow.js' },
    };
  }

  /** @param own the model's method, called to capture it and where that is not possible. */
  call(method: string, inputs: unknown, config: unknown, own: (inputs: unknown, config: unknown) => Nested): Nested {
    const given = flatten(inputs);
    const { tensors } = given;
    return this.#active((backend) => {
      const engine = this.#tf.engine();
      // Gradients are recorded kernel by kernel.
      if (engine.state.gradientDepth > 0 || tensors.some((t) => t.dtype === 'string' || t.dtype === 'complex64'))
        return own(inputs, config);
      const kind = kindOf(method, given, config);
      let found = this.#kinds.get(kind);
      if (found && !this.#current(found)) found = undefined;
      if (found === undefined) {
        found = this.#capture(backend, given, (x) => own(x, config)) ?? null;
        this.#keep(kind, found);
      }
      if (found === null) return own(inputs, config);
      const cells = tensors.map((t) => backend.cell(t.dataId));
      const shapes = tensors.map((t) => t.shape);
      const infos = backend.capture(found.template, cells, shapes);
      return found.rebuild(infos.map((info) => engine.makeTensorFromTensorInfo(info, backend)));
    });
  }

  get #name(): string {
    return this.#model.name ?? 'model';
  }

  #keep(kind: string, captured: Captured | null): void {
    if (!this.#kinds.has(kind) && this.#kinds.size >= KIND_LIMIT) this.#kinds.delete(this.#kinds.keys().next().value!);
    this.#kinds.set(kind, captured);
  }

  /** Whether the model still has the weights it was captured with. */
  #current({ weights }: Captured): boolean {
    const now = weightsOf(this.#model);
    return now.length === weights.length && now.every((w, i) => w === weights[i]);
  }

  /** With `flagos` as the backend in use; afterwards it is the one before. */
  #active<T>(f: (backend: FlagosBackend) => T): T {
    const engine = this.#tf.engine();
    const before = engine.backendName;
    // A backend whose factory is synchronous is in use when this returns.
    if (before !== BACKEND) void engine.setBackend(BACKEND);
    try {
      return f(this.#tf.findBackend(BACKEND) as unknown as FlagosBackend);
    } finally {
      if (before !== BACKEND && before !== undefined) void engine.setBackend(before);
    }
  }

  /** What tfjs says of an op it does not know, as an error of this library. */
  #own(own: (inputs: unknown) => Nested, inputs: Nested): Nested {
    try {
      return own(inputs);
    } catch (e) {
      const [, op] = /^Unknown op '([^']+)'/.exec(asError(e).message) ?? [];
      if (op === undefined) throw e;
      throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `TensorFlow.js has no op '${op}'`, {
        hint: `define it with registerOp('${op}', …) of @tensorflow/tfjs-converter`,
        trace: { model: this.#name, op },
        cause: e,
      });
    }
  }

  #capture(
    backend: FlagosBackend,
    { tensors, rebuild }: Flat,
    own: (inputs: unknown) => Nested,
    called?: ValueNames,
  ): Captured | undefined {
    const engine = this.#tf.engine();
    let made: Flat | undefined;
    const once = (): Trace | undefined => {
      let trace: Trace | undefined;
      // What is made on the way is let go of at the end; a tidy that were to return the trace would search it for tensors.
      this.#tf.tidy(() => {
        const cells = tensors.map((t): Cell => backend.hold(Tensor.zeros(t.dtype as DType, t.shape)));
        const stand = tensors.map((t, i) =>
          engine.makeTensorFromTensorInfo({ dataId: cells[i]!, shape: t.shape, dtype: t.dtype }, backend),
        );
        trace = traced(backend, this.#name, cells, () => (made = flatten(this.#own(own, rebuild(stand)))).tensors, called);
      });
      return trace;
    };
    const first = once();
    if (!first) return undefined;
    // Data made on the way may be random: a second look tells.
    if (first.made.length > 0) {
      const second = once();
      if (!second || second.key !== first.key || !first.made.every((t, i) => sameContents(t, second.made[i]))) return undefined;
    }
    return { template: first.template, names: first.names, weights: weightsOf(this.#model), rebuild: made!.rebuild };
  }
}

const PATCHED = Symbol.for('flagos/tfjs/whole');

type Method = (this: TfModel, inputs: unknown, config: unknown) => Nested;

/** Calls of a model's method go through its capture while `flagos` is the backend in use. */
const patch = (
  tf: TfModule,
  prototype: Record<string, unknown>,
  method: 'predict' | 'execute',
  models: WeakMap<TfModel, WholeModel>,
): void => {
  const own = prototype[method] as Method;
  const inside = new WeakSet<TfModel>();
  prototype[method] = function (this: TfModel, inputs: unknown, config: unknown): Nested {
    // A model's predict may call its execute; what is being captured runs as it is.
    if (tf.engine().backendName !== BACKEND || inside.has(this) || !isNested(inputs)) return own.call(this, inputs, config);
    let whole = models.get(this);
    if (!whole) models.set(this, (whole = new WholeModel(tf, this)));
    inside.add(this);
    try {
      return whole.call(method, inputs, config, (x, c) => own.call(this, x, c));
    } finally {
      inside.delete(this);
    }
  } satisfies Method;
};

/**
 * Lets the models of these classes run whole on the backend `flagos`. Classes that were changed before stay.
 * @param classes a module that may have `GraphModel` (its `execute`) and `LayersModel` (its `predict`).
 */
export const wholeModels = (tf: TfModule, classes: Readonly<Record<string, unknown>>): void => {
  for (const [name, method] of [
    ['GraphModel', 'execute'],
    ['LayersModel', 'predict'],
  ] as const) {
    const found = classes[name];
    const prototype = typeof found === 'function' ? (found.prototype as Record<string | symbol, unknown>) : undefined;
    if (!prototype || typeof prototype[method] !== 'function' || Object.hasOwn(prototype, PATCHED)) continue;
    prototype[PATCHED] = true;
    patch(tf, prototype as Record<string, unknown>, method, new WeakMap());
  }
};
