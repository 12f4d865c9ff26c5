/** The inputs of a run: those the command line gives, and made-up ones for the rest, said aloud. */
import { FlagosError } from '../../core/errors.ts';
import type { Model, ValueInfo } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { integer, pairs, type Options, type ValuesOf } from '../args/option.ts';
import { checkName, Shapes } from './shapes.ts';
import { makerNames, makeValue } from './values.ts';

export const shapeOptions = {
  shape: pairs('<name>=<dims>', 'shape of an input: x=1x3x224x224'),
  dim: pairs('<name>=<n>', 'size of a symbolic dimension: batch=1; default 1'),
} satisfies Options;

export const inputOptions = {
  input: pairs(
    '<name>=<value>',
    `value of an input: a .npy, .pb or .json file, a number that fills it, JSON, or ${makerNames.join(', ')}; default random`,
  ),
  ...shapeOptions,
  seed: integer('<n>', 'seed of random inputs; default 0'),
} satisfies Options;

export interface Inputs {
  readonly feeds: Readonly<Record<string, Value>>;
  /** Where each came from, in the order of the model. */
  readonly sources: readonly { readonly name: string; readonly value: Value; readonly source: string }[];
  /** What was taken for granted, in words. */
  readonly notes: readonly string[];
}

/** What of a model says which inputs it takes. */
export interface Signature {
  readonly graph: Pick<Model['graph'], 'inputs' | 'initializers'>;
}

/** Inputs a caller must give: those without a default. */
export const requiredInputs = ({ graph }: Signature): ValueInfo[] => graph.inputs.filter((i) => !graph.initializers.has(i.name));

/**
 * @param states inputs that recurrent state is fed to: they start at zero.
 * @param given values from elsewhere; what the command line gives goes before them.
 * @throws FLAGOS_E_INPUT, FLAGOS_E_FILE, FLAGOS_E_USAGE
 */
export const makeInputs = (
  model: Signature,
  options: ValuesOf<typeof inputOptions>,
  cwd: string,
  states: readonly string[] = [],
  given: ReadonlyMap<string, Value> = new Map(),
): Inputs => {
  const all = model.graph.inputs;
  for (const name of options.input.keys())
    checkName(
      name,
      'input',
      all.map((i) => i.name),
    );
  const shapes = new Shapes(all, options.shape, options.dim);
  const seed = options.seed ?? 0;
  const made = new Map<string, { value: Value; source: string }>();
  const make = (info: ValueInfo, spec: string): void => {
    const result = makeValue(info, spec, { cwd, seed, dims: () => shapes.resolve(info) });
    if (result.value instanceof Tensor) shapes.learn(info.type?.kind === 'tensor' ? info.type.shape : undefined, result.value.dims);
    made.set(info.name, result);
  };
  // Files first: their shapes say what named dimensions are.
  for (const info of all) if (options.input.has(info.name)) make(info, options.input.get(info.name)!);
  for (const info of all) {
    const value = made.has(info.name) ? undefined : given.get(info.name);
    if (value === undefined) continue;
    if (value instanceof Tensor) shapes.learn(info.type?.kind === 'tensor' ? info.type.shape : undefined, value.dims);
    made.set(info.name, { value, source: 'a dump' });
  }
  for (const info of requiredInputs(model)) {
    if (made.has(info.name)) continue;
    if (info.type?.kind === 'optional') made.set(info.name, { value: null, source: 'nothing (an empty optional)' });
    else if (info.type && info.type.kind !== 'tensor')
      throw new FlagosError('FLAGOS_E_INPUT', `input '${info.name}' is a ${info.type.kind}, which is not made up`, {
        hint: `give a file: --input ${info.name}=x.pb`,
      });
    else make(info, states.includes(info.name) ? 'zeros' : 'random');
  }
  const sources = all.flatMap(({ name }) => (made.has(name) ? [{ name, ...made.get(name)! }] : []));
  return { feeds: Object.fromEntries(sources.map((s) => [s.name, s.value])), sources, notes: shapes.assumed };
};

/** Shapes to plan for, without making values; only what planning needs to know. @throws as {@link makeInputs} */
export const planShapes = (
  model: Signature,
  options: ValuesOf<typeof shapeOptions>,
): { readonly shapes: Readonly<Record<string, readonly number[]>>; readonly notes: readonly string[] } => {
  const resolver = new Shapes(model.graph.inputs, options.shape, options.dim);
  const tensors = requiredInputs(model).filter((i) => i.type?.kind === 'tensor');
  return { shapes: Object.fromEntries(tensors.map((info) => [info.name, resolver.resolve(info)])), notes: resolver.assumed };
};

/**
 * Shapes a model is to be made for, where that must be known first. Inputs from files bring their shapes along,
 * so then they are read.
 */
export const givenShapes = (
  inputs: readonly ValueInfo[],
  options: ValuesOf<typeof inputOptions>,
  cwd: string,
): ReturnType<typeof planShapes> => {
  const signature: Signature = { graph: { inputs, initializers: new Map() } };
  if (options.input.size === 0) return planShapes(signature, options);
  const { sources, notes } = makeInputs(signature, options, cwd);
  return { shapes: Object.fromEntries(sources.flatMap(({ name, value }) => (value instanceof Tensor ? [[name, value.dims]] : []))), notes };
};
