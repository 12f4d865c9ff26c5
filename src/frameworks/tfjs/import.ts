/**
 * A GraphModel or LayersModel as a core graph, with the model's own names: what every part of this library
 * that takes a model takes. Structure comes from tracing, so nothing here knows a file format.
 */
import type { DType } from '../../core/dtype.ts';
import { tensorType, type Dim, type Model, type ValueInfo } from '../../core/graph.ts';
import { asError, FlagosError } from '../../core/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Nested } from './nested.ts';
import { flatten } from './nested.ts';
import type { DataId, TfDType, TfModule, TfTensor } from './tf-types.ts';
import { fromTf } from './values.ts';
import { WholeModel, type TfModel } from './whole.ts';

interface Declared {
  readonly name: string;
  readonly shape?: readonly (number | null)[] | null;
  readonly dtype?: string;
}

/** The part of `GraphModel` used here. */
export interface GraphModelLike {
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
  readonly weights: unknown;
  execute(inputs: unknown, outputs: string[]): Nested;
  getIntermediateTensors(): Readonly<Record<string, readonly (TfTensor | null | undefined)[]>> | null;
  disposeIntermediateTensors(): void;
}

interface Layer {
  readonly name: string;
  call(...given: unknown[]): unknown;
}

/** A tensor by the name of the layer that makes it: its own is counted on with every model a program loads. */
interface OfLayer extends Declared {
  readonly sourceLayer: { readonly name: string };
}

/** The part of `LayersModel` used here. */
export interface LayersModelLike {
  readonly inputs: readonly OfLayer[];
  readonly outputs: readonly OfLayer[];
  readonly layers: readonly Layer[];
  readonly weights: readonly { readonly name: string; read(): TfTensor }[];
  apply(inputs: unknown, options: { readonly training: boolean }): Nested;
}

type Named = readonly [name: string, tensor: TfTensor];

/** A model of either kind: how it is run, and what its values are called after that. */
interface Source {
  readonly outputs: readonly string[];
  run(inputs: readonly TfTensor[]): Nested;
  /** Values on the way, weights among them where asked for. */
  values(weights: boolean): Iterable<Named>;
  /** Undoes what was changed for watching. */
  done(): void;
}

/** Names of tensors in a graph of TensorFlow end in the number of the node's output, the first one's is left out. */
const plain = (name: string): string => name.replace(/:0$/, '');

const FLAG = 'KEEP_INTERMEDIATE_TENSORS';

/** Makes models keep what they calculate on the way. Turning it on warns that this is slow, which it is not where nothing is calculated. */
const keeping = (tf: TfModule, on: boolean): void => {
  const { warn } = console;
  console.warn = () => {};
  try {
    tf.env().set(FLAG, on);
  } finally {
    console.warn = warn;
  }
};

const ofGraph = (tf: TfModule, model: GraphModelLike): Source => {
  const names = model.outputs.map((o) => o.name);
  const before = tf.env().getBool(FLAG);
  keeping(tf, true);
  return {
    outputs: names,
    run: (inputs) => {
      model.disposeIntermediateTensors();
      return model.execute(Object.fromEntries(model.inputs.map((v, i) => [v.name, inputs[i]!])), [...names]);
    },
    *values(weights) {
      const known = weights ? {} : (model.weights as object);
      for (const [name, tensors] of Object.entries(model.getIntermediateTensors() ?? {}))
        if (!(name in known)) for (const [i, t] of tensors.entries()) if (t) yield [i === 0 ? name : `${name}:${i}`, t];
    },
    done: () => {
      model.disposeIntermediateTensors();
      keeping(tf, before);
    },
  };
};

const ofLayers = (tf: TfModule, model: LayersModelLike): Source => {
  /** Results of layers; the model lets go of its own. */
  const seen: Named[] = [];
  const forget = (): void => {
    for (const [, t] of seen.splice(0)) t.dispose();
  };
  for (const layer of model.layers) {
    const own = layer.call.bind(layer);
    layer.call = (...given) => {
      const made = own(...given);
      flatten(made).tensors.forEach((t, i) => seen.push([i === 0 ? layer.name : `${layer.name}:${i}`, tf.keep(t.clone())]));
      return made;
    };
  }
  return {
    outputs: model.outputs.map((o) => o.sourceLayer.name),
    run: (inputs) => {
      forget();
      return model.apply(inputs.length === 1 ? inputs[0] : inputs, { training: false });
    },
    values: (weights) => [...(weights ? model.weights.map((w): Named => [w.name, w.read()]) : []), ...seen],
    done: () => {
      forget();
      // The class's own method shows again.
      for (const layer of model.layers) delete (layer as { call?: unknown }).call;
    },
  };
};

export const isGraphModel = (model: GraphModelLike | LayersModelLike): model is GraphModelLike =>
  'execute' in model && !('layers' in model);

const dtypes: Readonly<Record<string, DType>> = { float32: 'float32', int32: 'int32', bool: 'bool', string: 'string' };

const inputNames = (model: GraphModelLike | LayersModelLike): readonly string[] =>
  isGraphModel(model) ? model.inputs.map((i) => plain(i.name)) : model.inputs.map((i) => i.sourceLayer.name);

/** What a model declares of its inputs; dimensions it leaves open are null. @throws FLAGOS_E_MODEL_UNSUPPORTED for complex ones. */
export const inputsOf = (model: GraphModelLike | LayersModelLike): ValueInfo[] => {
  const names = inputNames(model);
  return model.inputs.map(({ shape, dtype = 'float32' }, i) => {
    const known = dtypes[dtype];
    const name = names[i]!;
    if (!known) throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `input '${name}' is of type ${dtype}, which no op here takes`);
    return {
      name,
      type: tensorType(
        known,
        shape?.map((d): Dim => (d === null || d < 0 ? null : d)),
      ),
    };
  });
};

/** What keeps a model from being a graph, in words for somebody who has no program, just the file. */
const whyNot = (model: string, thrown: unknown): Error => {
  const error = asError(thrown);
  const [, node, op] = /the node '([^']+)', which has the dynamic op '([^']+)'/.exec(error.message) ?? [];
  if (op !== undefined)
    return new FlagosError(
      'FLAGOS_E_MODEL_UNSUPPORTED',
      `what '${op}' gives has a shape that values decide, so the model is no one graph`,
      {
        hint: 'run it from a program, with executeAsync() on the backend of flagos/tfjs: what lies between such ops is planned as a whole',
        trace: { model, ...(node === undefined ? {} : { node }), op },
        cause: error,
      },
    );
  return error instanceof FlagosError ? error.at({ model }) : error;
};

/**
 * The model for inputs of these shapes, in the order of {@link inputsOf}; nothing is calculated.
 * @param tf the module the model's tensors are of, with the backend `flagos` registered.
 * @throws FLAGOS_E_MODEL_UNSUPPORTED for a model in which values decide what is done; FLAGOS_E_UNKNOWN_OP.
 */
export const importModel = (
  tf: TfModule,
  name: string,
  model: GraphModelLike | LayersModelLike,
  shapes: readonly (readonly number[])[],
): Model => {
  const infos = inputsOf(model);
  const source = isGraphModel(model) ? ofGraph(tf, model) : ofLayers(tf, model);
  const whole = new WholeModel(tf, { name, predict: (x) => source.run(flatten(x).tensors) } satisfies TfModel);
  const stand = shapes.map((shape, i) => tf.zeros([...shape], model.inputs[i]!.dtype as TfDType | undefined));
  try {
    return whole.toModel(stand, undefined, {
      inputs: infos.map((i) => i.name),
      outputs: source.outputs.map(plain),
      *values(): Iterable<readonly [string, DataId]> {
        for (const [label, t] of source.values(true)) yield [label, t.dataId];
      },
    });
  } catch (thrown) {
    throw whyNot(name, thrown);
  } finally {
    source.done();
    for (const t of stand) t.dispose();
  }
};

/**
 * Everything a model calculates, by the names {@link importModel} gives values, on the backend of tfjs in use.
 * Strings and complex numbers are left out.
 * @param feeds a value for each of {@link inputsOf}, in the types tfjs has.
 */
export const valuesOf = (
  tf: TfModule,
  model: GraphModelLike | LayersModelLike,
  feeds: Readonly<Record<string, Tensor>>,
): Map<string, Tensor> => {
  const source = isGraphModel(model) ? ofGraph(tf, model) : ofLayers(tf, model);
  const given = inputsOf(model).map(({ name }) => {
    const { data, dims, dtype } = feeds[name]!;
    return tf.tensor(data, [...dims], dtype as TfDType);
  });
  const found = new Map<string, Tensor>();
  const keep = (name: string, t: TfTensor): void => {
    if (t.dtype !== 'string' && t.dtype !== 'complex64' && !found.has(name)) found.set(name, fromTf(t.dataSync(), t.shape, t.dtype));
  };
  try {
    const { tensors } = flatten(source.run(given));
    tensors.forEach((t, i) => keep(plain(source.outputs[i]!), t));
    for (const [name, t] of source.values(false)) keep(name, t);
    for (const t of tensors) t.dispose();
  } finally {
    source.done();
    for (const t of given) t.dispose();
  }
  return found;
};
