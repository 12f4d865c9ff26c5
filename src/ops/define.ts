/**
 * `defineOp`: one record per op, and everything else follows from it: validation, shape and type
 * inference, the float64 reference, the native kernels of every chip.
 *
 *     export const Gelu = defineOp({
 *       name: 'Gelu', since: 20,
 *       inputs: { X: floats }, outputs: { Y: 'X' },
 *       attrs: { approximate: oneOf('none', 'tanh') },
 *       compute: ({ X }, { approximate }) => map(X, approximate === 'tanh' ? tanhGelu : erfGelu),
 *     });
 */
import type { DType } from '../core/dtype.ts';
import type { Graph } from '../core/graph.ts';
import type { Tensor, Value } from '../core/tensor.ts';
import type { ChipClass, Schedule, Schedules } from '../compiler/explicit/schedule.ts';
import type { Hints } from '../compiler/hints.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import type { AttrSpec } from './attrs.ts';
import type { RawKernel } from './raw/kernel.ts';

/** The types an input may have: a set, or the name of an earlier input whose type it shares. */
export type TypeRule = readonly DType[] | string;

export interface InputSpec<
  Role extends 'tensor' | 'value' | 'any' = 'tensor' | 'value' | 'any',
  Optional extends boolean = boolean,
  Variadic extends boolean = boolean,
> {
  readonly types: TypeRule;
  /** `value`: shapes depend on its contents, so it must be known when the op is specialized. `any`: also sequences, optionals, maps. */
  readonly role: Role;
  readonly optional: Optional;
  readonly variadic: Variadic;
  /** Least number of variadic arguments. */
  readonly least?: number;
  /** Variadic arguments may differ in type. */
  readonly mixed?: boolean;
}

type InputDecl = TypeRule | InputSpec;

/** An input that may be left out. */
export const optional = <D extends InputDecl>(decl: D): InputSpec<RoleOf<D>, true, false> =>
  ({ ...toSpec(decl), optional: true }) as InputSpec<RoleOf<D>, true, false>;
/** An input whose contents decide shapes (axes, sizes, pads): `compute` receives its values. */
export const value = (types: TypeRule): InputSpec<'value', false, false> => ({ types, role: 'value', optional: false, variadic: false });
/** Any number (at least `least`) of arguments of one type, or with `mixed` of several. */
export const variadic = (types: TypeRule, options: { least?: number; mixed?: boolean } = {}): InputSpec<'tensor', false, true> => ({
  types,
  role: 'tensor',
  optional: false,
  variadic: true,
  ...options,
});
/** A value of any kind: tensor, sequence, optional, map. For `host` and `control` ops. */
export const anyValue = (types: TypeRule = []): InputSpec<'any', false, false> => ({
  types,
  role: 'any',
  optional: false,
  variadic: false,
});
/** Any number of values of any kind. */
export const anyValues = (least = 0): InputSpec<'any', false, true> => ({
  types: [],
  role: 'any',
  optional: false,
  variadic: true,
  least,
  mixed: true,
});

type RoleOf<D> = D extends InputSpec<infer R, boolean, boolean> ? R : 'tensor';

const isSpec = (decl: InputDecl): decl is InputSpec => typeof decl === 'object' && !Array.isArray(decl);
export const toSpec = (decl: InputDecl): InputSpec =>
  isSpec(decl) ? decl : { types: decl, role: 'tensor', optional: false, variadic: false };

/** An output's element type: fixed, an input's, or a function of what is known. `undefined` from the function: not a tensor, or not known before running. */
export type OutputRule<A> = DType | string | ((known: { attrs: A; dtype: (input: string) => DType | undefined }) => DType | undefined);

type MaybeOptional<S, T> = S extends InputSpec<infer _R, true, boolean> ? T | undefined : T;
type Argument<S, Plain, ByValue, Any> =
  S extends InputSpec<infer R, boolean, infer V>
    ? MaybeOptional<
        S,
        V extends true ? readonly (R extends 'any' ? Any : Plain)[] : R extends 'value' ? ByValue : R extends 'any' ? Any : Plain
      >
    : Plain;

type Inputs = Readonly<Record<string, InputDecl>>;
type AttrSpecs = Readonly<Record<string, AttrSpec<unknown>>>;
export type AttrValues<A extends AttrSpecs> = { readonly [K in keyof A]: A[K] extends AttrSpec<infer T> ? T : never };
export type ComputeInputs<I extends Inputs> = { readonly [K in keyof I]: Argument<I[K], TensorExpr, Tensor, never> };
export type HostInputs<I extends Inputs> = { readonly [K in keyof I]: Argument<I[K], Tensor, Tensor, Value> };

/** What `compute` and `host` may ask besides their arguments. */
export interface OpContext {
  /** Number of outputs the node names (trailing omitted ones not counted). */
  readonly outputs: number;
  /** Whether the i-th output is wanted. */
  readonly wants: (output: number) => boolean;
  /** Version of the operator set the node is written in. */
  readonly version: number;
}

type OneOrMany<T> = T | readonly (T | undefined)[] | { readonly [output: string]: T | undefined };
type MaybePromise<T> = T | Promise<T>;

/** Runs a subgraph of the node: its explicit inputs in, its outputs out. Outer values it captures are bound already. */
export type RunSubgraph = (graph: Graph, inputs: readonly Value[]) => MaybePromise<readonly Value[]>;

/** How exact a kernel of the op is asked to be, at level `standard` (design: error model). */
export type Accuracy =
  | { readonly kind: 'exact' }
  /** Element-wise functions: units in the last place; `absolute`: at level `loose` results near 0 may be as far off as ones near 1. */
  | { readonly kind: 'ulp'; readonly ulp: number; readonly absolute?: true }
  /** Sums of products over a length: the error model of docs/accuracy-model.md. */
  | { readonly kind: 'contraction' }
  /** Discontinuous (rounding to integers, comparisons of rounded values): one step of the output is allowed where the exact value is a tie. */
  | { readonly kind: 'step' };
export const exact: Accuracy = { kind: 'exact' };
export const ulp = (n: number): Accuracy => ({ kind: 'ulp', ulp: n });
/** Functions whose values are of order one, however small some of them are: sigmoid, tanh, erf. WebNN's tolerance for them is absolute. */
export const bounded = (n: number): Accuracy => ({ kind: 'ulp', ulp: n, absolute: true });
export const contraction: Accuracy = { kind: 'contraction' };
export const step: Accuracy = { kind: 'step' };

export interface OpDefinition<I extends Inputs, A extends AttrSpecs> {
  /** ONNX's name of the op. */
  readonly name: string;
  /** `''` for ai.onnx (default), `ai.onnx.ml`, `com.microsoft`, `tfjs`, … */
  readonly domain?: string;
  /** First operator-set version with the present inputs, outputs, attributes and meaning (later ones only widened types). */
  readonly since: number;
  readonly inputs: I;
  readonly outputs: Readonly<Record<string, OutputRule<AttrValues<A>>>>;
  readonly attrs?: A;
  /** The number of outputs is the node's: the last entry of `outputs` repeats. */
  readonly variadicOutputs?: boolean;
  /** The op as tensor expressions. */
  readonly compute?: (inputs: ComputeInputs<I>, attrs: AttrValues<A>, ctx: OpContext) => OneOrMany<TensorExpr>;
  /** The op as a function on host values, where no expression can say it. */
  readonly host?: (inputs: HostInputs<I>, attrs: AttrValues<A>, ctx: OpContext) => OneOrMany<Value>;
  /**
   * Calls that `host` serves although `compute` exists. Types no expression holds (strings, complex) always go
   * to `host`; this adds what depends on attributes and on the contents of `value` inputs, where they are known.
   */
  readonly hostWhen?: (known: { readonly [K in keyof I]: Tensor | undefined }, attrs: AttrValues<A>) => boolean;
  /**
   * Refuses input contents the op does not allow and no shape can tell (an index out of range), with a typed error.
   * Called on host values before `compute`'s kernel runs. Kernels stay within memory without it; they do not notice.
   */
  readonly check?: (inputs: HostInputs<I>, attrs: AttrValues<A>) => void;
  /** Output shapes of a `host` op, where the input shapes (and `value` inputs) decide them; undefined: known only after running. */
  readonly shapes?: (
    inputs: { readonly [K in keyof I]: Argument<I[K], { shape: readonly number[]; dtype: DType }, Tensor, never> },
    attrs: AttrValues<A>,
    ctx: OpContext,
  ) => readonly (readonly number[] | undefined)[];
  /** Control flow: a function on host values that may run the node's subgraphs. */
  readonly control?: (inputs: HostInputs<I>, attrs: AttrValues<A>, run: RunSubgraph, ctx: OpContext) => MaybePromise<readonly Value[]>;
  readonly accuracy?: Accuracy;
  /** What chips may know of its outputs and cannot see: see compiler/hints.ts. They change nothing of what is calculated. */
  readonly hints?: Hints;
  /** The order of the loops of its first output, for a class of chips: see compiler/explicit/schedule.ts. */
  readonly schedules?: Readonly<Partial<Record<ChipClass, (s: Schedule, attrs: AttrValues<A>) => void>>>;
  /** Kernels written by hand, beside the generated ones: see raw/kernel.ts. */
  readonly raw?: readonly RawKernel[];
  /** What `host` gives differs from call to call (random ops), so it is never folded or compared. Expressions are always deterministic. */
  readonly nondeterministic?: boolean;
  /** Section or paper, where it is not the ONNX operator page of that name. */
  readonly source?: string;
}

/** A record as everything behind it sees it: same data, types of arguments forgotten. */
export interface OpRecord {
  readonly name: string;
  readonly domain: string;
  readonly since: number;
  readonly inputs: readonly (InputSpec & { readonly name: string })[];
  readonly outputs: readonly { readonly name: string; readonly rule: OutputRule<Record<string, unknown>> }[];
  readonly attrs: AttrSpecs;
  readonly variadicOutputs: boolean;
  readonly compute?: (inputs: Record<string, unknown>, attrs: Record<string, unknown>, ctx: OpContext) => OneOrMany<TensorExpr>;
  readonly host?: (inputs: Record<string, unknown>, attrs: Record<string, unknown>, ctx: OpContext) => OneOrMany<Value>;
  readonly hostWhen?: (known: Record<string, unknown>, attrs: Record<string, unknown>) => boolean;
  readonly check?: (inputs: Record<string, unknown>, attrs: Record<string, unknown>) => void;
  readonly shapes?: (
    inputs: Record<string, unknown>,
    attrs: Record<string, unknown>,
    ctx: OpContext,
  ) => readonly (readonly number[] | undefined)[];
  readonly control?: (
    inputs: Record<string, unknown>,
    attrs: Record<string, unknown>,
    run: RunSubgraph,
    ctx: OpContext,
  ) => MaybePromise<readonly Value[]>;
  readonly accuracy: Accuracy;
  readonly hints?: Hints | undefined;
  readonly schedules?: Schedules | undefined;
  readonly raw: readonly RawKernel[];
  readonly nondeterministic: boolean;
}

/** Declares an op. The types of `compute`'s arguments follow from `inputs` and `attrs`. */
export const defineOp = <const I extends Inputs, const A extends AttrSpecs = Record<never, never>>(op: OpDefinition<I, A>): OpRecord => {
  const forget = op as unknown as OpDefinition<Inputs, AttrSpecs> &
    Pick<OpRecord, 'compute' | 'host' | 'hostWhen' | 'check' | 'shapes' | 'control' | 'schedules'>;
  return {
    name: op.name,
    domain: op.domain ?? '',
    since: op.since,
    inputs: Object.entries(op.inputs).map(([name, decl]) => ({ name, ...toSpec(decl) })),
    outputs: Object.entries(forget.outputs).map(([name, rule]) => ({ name, rule: rule as OutputRule<Record<string, unknown>> })),
    attrs: op.attrs ?? {},
    variadicOutputs: op.variadicOutputs ?? false,
    compute: forget.compute,
    host: forget.host,
    hostWhen: forget.hostWhen,
    check: forget.check,
    shapes: forget.shapes,
    control: forget.control,
    accuracy: op.accuracy ?? (op.compute ? contraction : exact),
    hints: op.hints,
    schedules: forget.schedules,
    raw: op.raw ?? [],
    nondeterministic: op.nondeterministic ?? false,
  };
};
