/**
 * What a tensor's dataId stands for: contents that are there, or the call that will make them. A cell is
 * its own dataId, so that finding it costs nothing.
 */
import type { Tensor } from '../../core/tensor.ts';
import type { Template } from './template.ts';
import type { TfDType } from './tf-types.ts';

/** A kernel call whose results nobody has asked for yet. */
export interface Call {
  readonly template: Template;
  readonly inputs: readonly Cell[];
  /** Shapes the call sees its inputs in: tfjs reshapes without touching contents. */
  readonly shapes: readonly (readonly number[])[];
  readonly outputs: readonly Cell[];
  /** The run that calculates it, while there is one. */
  running: Promise<void> | undefined;
  /** Position in the cut at hand; −1 outside. */
  at: number;
}

export class Cell {
  readonly dtype: TfDType;
  readonly dims: readonly number[];
  #key: string | undefined;
  refCount = 1;
  /** Contents, where they are there and are numbers. */
  value: Tensor | undefined;
  /** Contents of strings, as tfjs has them. */
  strings: Uint8Array[] | undefined;
  /** The two halves of complex numbers, which it owns. */
  parts: { readonly real: Cell; readonly imag: Cell } | undefined;
  /** What makes the contents; undefined once they are there. */
  call: Call | undefined;
  /** Which of the call's results it is. */
  output = 0;

  constructor(dtype: TfDType, dims: readonly number[]) {
    this.dtype = dtype;
    this.dims = dims;
  }

  /** `dtype` and `dims` as text, for keys; most cells are never part of one. */
  get key(): string {
    return (this.#key ??= keyOf(this.dtype, this.dims));
  }
}

export const keyOf = (dtype: string, dims: readonly number[]): string => `${dtype}[${dims.join(',')}]`;

export const sameDims = (a: readonly number[], b: readonly number[]): boolean => {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
