/** What is known of a node before it runs: all that `supports` may go by. */
import { concreteShape, type DType, type Node, type ReasonCode, type Region, type Tensor } from 'flagos/plugin';

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

export const product = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);

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
    if (product(this.dims(input)) === 0) refuse('SHAPE', 'empty tensors are not taken');
  }
  axis(value: number, rank: number): number {
    return value < 0 ? value + rank : value;
  }
}
