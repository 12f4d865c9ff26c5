/**
 * A region of large sums of products in float64, compiled: the same nodes over float64 tensors by a chip
 * that takes them, run on the inputs for the right values and on absolute values for the magnitude
 * M = Σ|a||b| of the whole chain, of which the error model allows (2·u_in + γ_K·u_acc). Constants are
 * inputs here, so that one kernel serves both, and all regions of one form.
 */
import { declaredArithmetic, type DeclaredArithmetic } from '../accuracy/arithmetic.ts';
import { levelRules, type Bounds, type ModelLevel } from '../accuracy/index.ts';
import { precisionOf, roundedTensor } from '../accuracy/precision.ts';
import { WINDOW } from '../compiler/winograd.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { concreteShape, opName, tensorType, type Node, type ValueType } from '../core/graph.ts';
import type { Numerics } from '../core/numerics.ts';
import { sizeOf, Tensor, type Value } from '../core/tensor.ts';
import type { ChipSession, Prepared, Region, RegionValue } from '../plugins/contract.ts';
import type { Oracle } from './oracle.ts';

/** Large tensors are not measured against `loose`: who needs that looks at η. */
const wideLevels = ['tight', 'standard'] as const;

const shapeOf = (region: Region, name: string): readonly number[] | undefined =>
  region.constants.get(name)?.dims ?? concreteShape(region.types.get(name));

/** Terms of the longest sum of a node: 1 for what sums nothing. */
const termsOf = (node: Node, region: Region): number => {
  const x = shapeOf(region, node.inputs[0] ?? '');
  const w = shapeOf(region, node.inputs[1] ?? '');
  const kernel = node.attrs['kernel_shape'];
  switch (opName(node.domain, node.op)) {
    case 'Conv':
      return w ? sizeOf(w.slice(1)) : 1;
    case 'tfjs.Conv':
      return w ? sizeOf(w.slice(0, -1)) : 1;
    case 'tfjs.DepthwiseConv':
      return w ? sizeOf(w.slice(0, -2)) : 1;
    case 'ConvTranspose':
      return w ? sizeOf(w) / w[1]! : 1;
    case 'MatMul':
      return x?.at(-1) ?? 1;
    case 'Gemm':
      return x ? Math.max(...x) : 1;
    case 'AveragePool':
    case 'tfjs.AvgPool':
      return kernel?.type === 'ints' ? kernel.value.reduce<number>((n, d) => n * Number(d), 1) : 1;
    case 'GlobalAveragePool':
      return x ? sizeOf(x.slice(2)) : 1;
    default:
      return 1;
  }
};

/**
 * Ops through which magnitudes pass: f(|x|) bounds |f(x)|, and an error of x grows no more than |x| does.
 */
const passes = new Set([
  'Conv',
  'ConvTranspose',
  'MatMul',
  'Gemm',
  'Add',
  'Sum',
  'Mul',
  'Relu',
  'BatchNormalization',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'Flatten',
  'Reshape',
  'Transpose',
  'Concat',
  'Identity',
  'Squeeze',
  'Unsqueeze',
  'tfjs.Conv',
  'tfjs.DepthwiseConv',
  'tfjs.MaxPool',
  'tfjs.AvgPool',
]);

/** Whether a node slides windows of 3 × 3 points. */
const hasSquareWindow = (node: Node, region: Region): boolean => {
  const w = shapeOf(region, node.inputs[1] ?? '') ?? [];
  const window = opName(node.domain, node.op) === 'Conv' ? w.slice(2) : opName(node.domain, node.op) === 'tfjs.Conv' ? w.slice(0, -2) : [];
  return window.filter((d) => d === WINDOW).length === 2;
};

/** Ops worth a compiler, where they are large. */
const contractions = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm', 'tfjs.Conv', 'tfjs.DepthwiseConv']);

/** Multiplications of a region's sums of products. */
export const contractionWork = (region: Region): number =>
  region.nodes.reduce((n, node) => {
    if (!contractions.has(opName(node.domain, node.op))) return n;
    const y = shapeOf(region, node.outputs[0]!);
    return n + (y ? sizeOf(y) * termsOf(node, region) : 0);
  }, 0);

/** float32, by far the most common, without a look at each element. */
const widened = (t: Tensor): Tensor =>
  new Tensor('float64', t.dims, t.dtype === 'float32' ? Float64Array.from(t.data as Float32Array) : t.toNumbers());
const wideType = (type: ValueType | undefined): ValueType | undefined =>
  type?.kind === 'tensor' && isFloat(type.dtype) ? { ...type, dtype: 'float64' } : type;

const rounded = (dtype: DType, dims: readonly number[], exact: Float64Array): Tensor =>
  dtype === 'float32' ? new Tensor(dtype, dims, Float32Array.from(exact)) : roundedTensor(dtype, dims, exact);

/** Turns a value into its magnitude, in place: means are subtracted, variances stay. */
const turnToMagnitude = (name: string, region: Region, t: Tensor): void => {
  const as = region.nodes.flatMap((n) => (n.op === 'BatchNormalization' ? [n.inputs.indexOf(name)] : []));
  if (as.includes(4)) return;
  const sign = as.includes(3) ? -1 : 1;
  const data = t.data as Float64Array;
  for (let i = 0; i < data.length; i++) data[i] = sign * Math.abs(data[i]!);
};

export class WideRegion implements Oracle {
  readonly kind = 'wide';
  private constructor(
    readonly region: Region,
    readonly prepared: Prepared,
    readonly inputs: readonly (RegionValue & { constant: Tensor | undefined; position: number })[],
    readonly terms: number,
    readonly arithmetic: DeclaredArithmetic,
  ) {}

  /** @returns undefined where an op lets no magnitudes pass, or the chip does not take it in float64. */
  static async prepare(region: Region, session: ChipSession, numerics: Numerics): Promise<WideRegion | undefined> {
    if (!region.nodes.every((n) => passes.has(opName(n.domain, n.op)))) return undefined;
    // What a window costs by Winograd's algorithm depends on its neighbours, which magnitudes of sums do not show.
    if (numerics.notes.includes('winograd') && region.nodes.some((n) => hasSquareWindow(n, region))) return undefined;
    const isOneFloat = (t: ValueType | undefined): boolean => t?.kind === 'tensor' && isFloat(t.dtype) && concreteShape(t) !== undefined;
    if (![...region.inputs, ...region.outputs].every((v) => isOneFloat(v.type))) return undefined;
    const floats = [...region.constants].filter(([, t]) => isFloat(t.dtype));
    const inputs = [
      ...region.inputs.map((v, position) => ({ name: v.name, type: wideType(v.type), constant: undefined, position })),
      ...floats.map(([name, t]) => ({ name, type: tensorType('float64', t.dims), constant: t, position: -1 })),
    ];
    const wide: Region = {
      nodes: region.nodes,
      inputs,
      outputs: region.outputs.map((o) => ({ name: o.name, type: wideType(o.type) })),
      constants: new Map([...region.constants].filter(([, t]) => !isFloat(t.dtype))),
      types: new Map([
        ...[...region.types].map(([n, t]) => [n, wideType(t)!] as const),
        ...floats.map(([n, t]) => [n, tensorType('float64', t.dims)] as const),
      ]),
    };
    if (!session.supports(wide).ok) return undefined;
    const [variant] = session.variants?.(wide) ?? [{ name: 'default' }];
    const prepared = await session.prepare(wide, variant!.name);
    const terms = region.nodes.reduce((n, node) => n + termsOf(node, region), 0);
    const types = [...region.inputs, ...region.outputs].flatMap(({ type }) => (type?.kind === 'tensor' ? [type.dtype] : []));
    return new WideRegion(region, prepared, inputs, terms, declaredArithmetic(numerics, types));
  }

  async #run(values: readonly Tensor[]): Promise<Tensor[]> {
    const outputs = this.region.outputs.map((o) => Tensor.zeros('float64', concreteShape(o.type)!));
    await this.prepared.run(values, outputs);
    return outputs;
  }

  async evaluate(given: readonly Value[]): Promise<Bounds[]> {
    const { arithmetic, terms, region } = this;
    const values = this.#valuesOf(given);
    const right = await this.#run(values);
    values.forEach((t, i) => turnToMagnitude(this.inputs[i]!.name, region, t));
    const sizes = await this.#run(values);
    return region.outputs.map((o, i): Bounds => {
      const dtype = o.type?.kind === 'tensor' ? o.type.dtype : 'float32';
      const exact = right[i]!.data as Float64Array;
      const size = sizes[i]!.data as Float64Array;
      const out = precisionOf(dtype)!;
      const read = 2 * Math.max(0, ...this.inputs.map((v) => arithmetic.inputRoundoff(v.constant?.dtype ?? dtype)));
      const near = out.minSubnormal + terms * arithmetic.tiny;
      const allowed: Partial<Record<ModelLevel, Float64Array>> = {};
      for (const level of wideLevels) {
        const { factor, growth } = levelRules[level];
        const each = read + growth(terms) * arithmetic.accumulateRoundoff;
        const into = new Float64Array(exact.length);
        for (let k = 0; k < into.length; k++) into[k] = factor * (out.u * Math.abs(exact[k]!) + each * Math.abs(size[k]!)) + near;
        allowed[level] = into;
      }
      return {
        golden: rounded(dtype, right[i]!.dims, exact),
        exact,
        allowed,
        overflow: arithmetic.accumulateRoundoff * arithmetic.largest,
        index: undefined,
        cap: arithmetic.cap,
      };
    });
  }

  async golden(given: readonly Value[]): Promise<Tensor[]> {
    const right = await this.#run(this.#valuesOf(given));
    return this.region.outputs.map((o, i) =>
      rounded(o.type?.kind === 'tensor' ? o.type.dtype : 'float32', right[i]!.dims, right[i]!.data as Float64Array),
    );
  }

  #valuesOf(given: readonly Value[]): Tensor[] {
    return this.inputs.map(({ constant, position }) => widened(constant ?? (given[position] as Tensor)));
  }

  async dispose(): Promise<void> {
    await this.prepared.dispose();
  }
}
