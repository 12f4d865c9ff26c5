/**
 * For authors of vendors: what is known of a node before it runs, which is all that `supports` may go by.
 * What is asked for and not there refuses the node, with a reason, by throwing {@link Refused}.
 */
import type { DType } from '../core/dtype.ts';
import { concreteShape, type Node } from '../core/graph.ts';
import { sizeOf, type Tensor } from '../core/tensor.ts';
import type { ReasonCode, Region } from './contract.ts';

/** A refusal on its way out of the rules of an op. */
export class Refused extends Error {
  readonly reason: ReasonCode;
  constructor(reason: ReasonCode, detail: string) {
    super(detail);
    this.reason = reason;
  }
}
export const refuse = (reason: ReasonCode, detail: string): never => {
  throw new Refused(reason, detail);
};

/** One node of a region. Inputs and outputs go by position. */
export class Facts {
  readonly node: Node;
  readonly #region: Region;

  constructor(node: Node, region: Region) {
    this.node = node;
    this.#region = region;
  }

  has(input: number): boolean {
    return Boolean(this.node.inputs[input]);
  }
  get arity(): number {
    return this.node.inputs.length;
  }
  #tensor(name: string): { dtype: DType; dims: readonly number[] } {
    const constant = this.#region.constants.get(name);
    if (constant) return constant;
    const type = this.#region.types.get(name);
    const dims = type && concreteShape(type);
    if (type?.kind !== 'tensor' || !dims) return refuse('SHAPE_UNKNOWN', `the shape of '${name}' is not known yet`);
    return { dtype: type.dtype, dims };
  }
  dims(input: number): readonly number[] {
    return this.#tensor(this.node.inputs[input] ?? '').dims;
  }
  dtype(input: number): DType {
    return this.#tensor(this.node.inputs[input] ?? '').dtype;
  }
  outDims(output = 0): readonly number[] {
    return this.#tensor(this.node.outputs[output] ?? '').dims;
  }
  outType(output = 0): DType {
    return this.#tensor(this.node.outputs[output] ?? '').dtype;
  }
  constant(input: number): Tensor | undefined {
    return this.#region.constants.get(this.node.inputs[input] ?? '');
  }
  /** Numbers of an input that must be known beforehand. */
  numbers(input: number, what: string): number[] {
    const tensor = this.constant(input) ?? refuse('SHAPE_UNKNOWN', `${what} must be known beforehand`);
    return [...tensor.toNumbers()];
  }
  int(name: string, standard: number): number {
    const attr = this.node.attrs[name];
    return attr?.type === 'int' ? Number(attr.value) : standard;
  }
  float(name: string, standard: number): number {
    const attr = this.node.attrs[name];
    return attr?.type === 'float' ? attr.value : standard;
  }
  string(name: string, standard: string): string {
    const attr = this.node.attrs[name];
    return attr?.type === 'string' ? attr.value : standard;
  }
  ints(name: string): number[] | undefined {
    const attr = this.node.attrs[name];
    return attr?.type === 'ints' ? attr.value.map(Number) : undefined;
  }
  /** Refuses unless every given input is of one of these types, and nothing is empty. */
  need(...allowed: readonly DType[]): void {
    for (let i = 0; i < this.arity; i++) if (this.has(i)) this.needType(i, ...allowed);
  }
  needType(input: number, ...allowed: readonly DType[]): void {
    const dtype = this.dtype(input);
    if (!allowed.includes(dtype)) refuse('DTYPE', `${this.node.op} is there for ${allowed.join(', ')}, not ${dtype}`);
    if (sizeOf(this.dims(input)) === 0) refuse('SHAPE', 'empty tensors are not taken');
  }
  axis(value: number, rank: number): number {
    return value < 0 ? value + rank : value;
  }

  /**
   * The window of a convolution or pooling over an image, `auto_pad` worked out.
   * Refused: negative padding, and windows that hang over the edge (ceil_mode).
   * @param image extents without batch and channels. @param out those of the result.
   */
  window(image: readonly number[], kernel: readonly number[], out: readonly number[]): WindowFacts {
    const strides = this.ints('strides') ?? image.map(() => 1);
    const dilations = this.ints('dilations') ?? image.map(() => 1);
    const auto = this.string('auto_pad', 'NOTSET');
    const covered = kernel.map((k, i) => (k - 1) * dilations[i]! + 1);
    const needed = image.map((d, i) => Math.max(0, (Math.ceil(d / strides[i]!) - 1) * strides[i]! + covered[i]! - d));
    const given = this.ints('pads') ?? [...image, ...image].map(() => 0);
    const before = image.map((_, i) => {
      if (auto === 'SAME_UPPER') return Math.floor(needed[i]! / 2);
      if (auto === 'SAME_LOWER') return Math.ceil(needed[i]! / 2);
      return auto === 'VALID' ? 0 : given[i]!;
    });
    const after = image.map((_, i) => {
      if (auto.startsWith('SAME')) return needed[i]! - before[i]!;
      return auto === 'VALID' ? 0 : given[image.length + i]!;
    });
    image.forEach((d, i) => {
      if (before[i]! < 0 || after[i]! < 0) refuse('ATTR', 'negative padding');
      const extent = Math.floor((d + before[i]! + after[i]! - covered[i]!) / strides[i]!) + 1;
      if (extent !== out[i]) refuse('ATTR', 'windows that hang over the edge (ceil_mode)');
    });
    return { kernel, strides, dilations, before, after };
  }

  /** The same for libraries that know images of two axes only: a row of samples is one of height 1. Refused: more axes. */
  planarWindow(image: readonly number[], kernel: readonly number[], out: readonly number[]): WindowFacts {
    if (image.length !== 1 && image.length !== 2) refuse('RANK', 'one or two axes besides batch and channels');
    const w = this.window(image, kernel, out);
    if (image.length === 2) return w;
    const two = (v: readonly number[], missing: number): number[] => [missing, v[0]!];
    return {
      kernel: two(w.kernel, 1),
      strides: two(w.strides, 1),
      dilations: two(w.dilations, 1),
      before: two(w.before, 0),
      after: two(w.after, 0),
    };
  }
}

/** A window, a number for each axis of the image. */
export interface WindowFacts {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after the image. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}
