/**
 * How a tfjs kernel becomes FlagOS ops: one translator per kernel name, in the families under
 * `kernels/`. A translator adds nodes to the graph that is being captured and hands back its results;
 * it runs nothing and reads no contents but those a {@link GraphBuilder} already knows.
 */
import type { DType } from '../../core/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { PlainAttributes } from '../../runtime/call.ts';

/** A value of the graph being captured; shapes are always known, because tfjs's are. */
export interface Sym {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface GraphBuilder {
  /**
   * Adds a node; types and shapes of its results come from the op's record.
   * @param op ONNX name, with its domain if that is not ai.onnx: `Conv`, `tfjs.MaxPoolGrad`.
   * @param outputs how many results are wanted; default 1.
   * @throws FLAGOS_E_INPUT what the record says of inputs it does not take.
   */
  op(op: string, inputs: readonly (Sym | undefined)[], attributes?: PlainAttributes, outputs?: number): Sym[];
  /** A value known now: axes, sizes, scalars. */
  constant(value: Tensor): Sym;
  /** The contents of a value, if they are known without running anything: constants, and what the user uploaded. */
  contents(value: Sym): Tensor | undefined;
}

/** Inputs by the names the kernel has them under; variadic kernels (`Concat`, `AddN`, `Pack`, `Einsum`) have `0`, `1`, … */
export type KernelInputs = Readonly<Record<string, Sym>>;
export type KernelAttributes = Readonly<Record<string, unknown>>;

/**
 * @returns the results in the kernel's order, or `undefined` if these inputs or attributes are nothing
 * FlagOS has an op for: the call then goes to another backend, visibly.
 */
export type KernelTranslator = (graph: GraphBuilder, inputs: KernelInputs, attributes: KernelAttributes) => readonly Sym[] | undefined;

/** Translators by kernel name. */
export type KernelFamily = Readonly<Record<string, KernelTranslator>>;
