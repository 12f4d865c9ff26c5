/** What a family of ops brings to verification: calls of its ops whose shapes are where kernels go wrong. */
import type { DType } from '../../../core/dtype.ts';
import type { Value } from '../../../core/tensor.ts';
import type { OpRecord } from '../../../ops/define.ts';
import type { PlainAttributes } from '../../../runtime/call.ts';
import type { InputClass } from '../../../opmanager/verify/input-classes.ts';

/** An input by name: its shape, or its value. */
export type SpecInput = readonly number[] | Value;

export interface CallSpec {
  /** Unique among the op's calls; no `/`. */
  readonly label: string;
  readonly inputs: Readonly<Record<string, SpecInput>>;
  /** Of the last input, if it takes any number of arguments. */
  readonly rest?: readonly SpecInput[];
  readonly attrs?: PlainAttributes;
  readonly outputs?: number;
  /** Inputs that are weights, by name. */
  readonly constants?: readonly string[];
  /** Inputs that stay finite: what is skipped (padding) and what is multiplied by 0 may differ where weights are NaN or infinite. */
  readonly finite?: readonly string[];
  /** Inputs without NaN: ONNX does not say where it stands in an order. */
  readonly ordered?: readonly string[];
  /** Default: all that suit the type. */
  readonly classes?: readonly InputClass[];
}

/** Calls of an op, if it is of the family. */
export type Family = (record: OpRecord, dtype: DType) => readonly CallSpec[] | undefined;

/** Rows for shapes written as `m × n`. */
export const shapeLabel = (dims: readonly number[]): string => (dims.length === 0 ? 'scalar' : dims.join('x'));
