/** Ops of ONNX as operations of oneDNN: for each what it must look like, and the descriptor it becomes. All in float32. */
import { concreteShape, refused, sizeOf, stridesOf, type Node, type ReasonCode, type Region, type Support } from 'flagos/plugin';
import { arg, type OneDnn } from './library.ts';

/** Arguments in the order of the node's inputs, then the result: which one of the primitive, and its plain layout. */
export interface Operation {
  readonly operation: Uint8Array;
  readonly args: readonly { readonly arg: number; readonly desc: Uint8Array }[];
}
export type Plan = (lib: OneDnn) => Operation;
type Refusal = Support & { readonly ok: false };
type Shape = readonly number[];
const no = (reason: ReasonCode, detail: string): Refusal => refused(reason, detail) as Refusal;

/** A node with the shapes of its inputs and its result. */
interface Call {
  readonly node: Node;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  int(name: string, usual: number): number;
  ints(name: string): Shape | undefined;
  text(name: string): string | undefined;
}

const callOf = (node: Node, inputs: readonly Shape[], output: Shape): Call => {
  const read = (name: string): unknown => node.attrs[name]?.value;
  const numbers = (v: unknown): v is readonly (number | bigint)[] => Array.isArray(v);
  return {
    node,
    inputs,
    output,
    int: (name, usual) => Number(read(name) ?? usual),
    ints: (name) => (numbers(read(name)) ? (read(name) as readonly number[]).map(Number) : undefined),
    text: (name) => (typeof read(name) === 'string' ? (read(name) as string) : undefined),
  };
};

const source = (lib: OneDnn, dims: Shape): Operation['args'][number] => ({ arg: arg.src, desc: lib.plain(dims) });
const result = (lib: OneDnn, dims: Shape): Operation['args'][number] => ({ arg: arg.dst, desc: lib.plain(dims) });

/** A·B with equal numbers of axes; operands may be transposed by their strides. */
const product = (a: Shape, b: Shape, y: Shape, strides: readonly [Shape, Shape] = [stridesOf(a), stridesOf(b)], bias?: Shape): Plan => {
  return (lib) => {
    const [src, weights, dst] = [lib.plain(a, strides[0]), lib.plain(b, strides[1]), lib.plain(y)];
    const extra = bias && lib.plain(bias);
    return {
      operation: lib.operation('matmul_desc_init', src, weights, extra, dst),
      args: [
        { arg: arg.src, desc: src },
        { arg: arg.weights, desc: weights },
        ...(extra ? [{ arg: arg.bias, desc: extra }] : []),
        { arg: arg.dst, desc: dst },
      ],
    };
  };
};

const matmul = ({ inputs: [left, right] }: Call): Plan | Refusal => {
  const a = left!.length === 1 ? [1, ...left!] : left!;
  const b = right!.length === 1 ? [...right!, 1] : right!;
  const rank = Math.max(a.length, b.length);
  if (rank > 6) return no('RANK', 'products of more than 6 axes');
  const pad = (s: Shape): number[] => [...new Array<number>(rank - s.length).fill(1), ...s];
  const [pa, pb] = [pad(a), pad(b)];
  const outer = pa.slice(0, -2).map((d, i) => (d === 1 ? pb[i]! : d));
  // One matrix on the right: all rows at once.
  if (sizeOf(pb.slice(0, -2)) === 1) {
    const rows = sizeOf(pa.slice(0, -1));
    return product([rows, pa.at(-1)!], pb.slice(-2), [rows, pb.at(-1)!]);
  }
  return product(pa, pb, [...outer, pa.at(-2)!, pb.at(-1)!]);
};

const gemm = (call: Call): Plan | Refusal => {
  const { inputs, output } = call;
  const [a, b, c] = inputs as [Shape, Shape, Shape | undefined];
  if (call.int('alpha', 1) !== 1 || (c && call.int('beta', 1) !== 1)) return no('ATTR', 'scaled products');
  if (c && (c.at(-1) !== output[1] || sizeOf(c) !== output[1])) return no('SHAPE', 'a bias other than one for each column');
  const turned = (s: Shape): Shape => [1, s[1]!];
  const [ta, tb] = [call.int('transA', 0) !== 0, call.int('transB', 0) !== 0];
  const strides = [ta ? turned(a) : stridesOf(a), tb ? turned(b) : stridesOf(b)] as const;
  return product(ta ? a.toReversed() : a, tb ? b.toReversed() : b, output, strides, c && [1, output[1]!]);
};

/** Where windows lie: what the model says of it, with pads at the end such that the output has its extent. */
const windowsOf = (call: Call, kernel: Shape): { strides: Shape; dilates: Shape; before: Shape; after: Shape } | Refusal => {
  const [input, output] = [call.inputs[0]!.slice(2), call.output.slice(2)];
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [call.ints('strides') ?? ones, call.ints('dilations') ?? ones];
  const auto = call.text('auto_pad') ?? 'NOTSET';
  const total = kernel.map((k, i) => (output[i]! - 1) * strides[i]! + (k - 1) * dilations[i]! + 1 - input[i]!);
  const half = total.map((t) => Math.max(t, 0));
  const before =
    auto === 'VALID'
      ? kernel.map(() => 0)
      : auto === 'NOTSET'
        ? (call.ints('pads') ?? kernel.map(() => 0)).slice(0, kernel.length)
        : half.map((t) => (auto === 'SAME_LOWER' ? Math.ceil(t / 2) : Math.floor(t / 2)));
  const after = total.map((t, i) => t - before[i]!);
  if (before.some((p) => p < 0)) return no('ATTR', 'negative pads');
  return { strides, dilates: dilations.map((d) => d - 1), before, after };
};

const conv = (call: Call): Plan | Refusal => {
  const [x, w, b] = call.inputs as [Shape, Shape, Shape | undefined];
  if (x.length < 3 || x.length > 5) return no('RANK', 'windows over more than three axes');
  const windows = windowsOf(call, w.slice(2));
  if ('reason' in windows) return windows;
  const group = call.int('group', 1);
  const grouped = group === 1 ? w : [group, w[0]! / group, ...w.slice(1)];
  return (lib) => {
    const bias = b && lib.plain(b);
    const { strides, dilates, before, after } = windows;
    const descs = [lib.any(x), lib.any(grouped), bias, lib.any(call.output)];
    return {
      operation: lib.operation('dilated_convolution_forward_desc_init', 1, ...descs, strides, dilates, before, after),
      args: [
        source(lib, x),
        { arg: arg.weights, desc: lib.plain(grouped) },
        ...(bias ? [{ arg: arg.bias, desc: bias }] : []),
        result(lib, call.output),
      ],
    };
  };
};

const poolings = { max: 511, include: 767, exclude: 1023 };
const pooling =
  (kind: 'max' | 'average', global: boolean) =>
  (call: Call): Plan | Refusal => {
    const x = call.inputs[0]!;
    if (x.length < 3 || x.length > 5) return no('RANK', 'windows over more than three axes');
    if (call.node.outputs.filter((o) => o !== '').length > 1) return no('ATTR', 'positions of largest elements');
    if (call.int('storage_order', 0) !== 0) return no('ATTR', 'column-major positions');
    const kernel = global ? x.slice(2) : call.ints('kernel_shape')!;
    const windows = global
      ? { strides: kernel, dilates: kernel.map(() => 0), before: kernel.map(() => 0), after: kernel.map(() => 0) }
      : windowsOf(call, kernel);
    if ('reason' in windows) return windows;
    const { strides, dilates, before, after } = windows;
    // The last window of a rounded-up extent: what counts as padding is defined otherwise there.
    if (kind === 'average' && call.int('ceil_mode', 0) !== 0) return no('ATTR', 'averages with rounded-up extents');
    if (kind === 'average' && dilates.some((d) => d !== 0)) return no('ATTR', 'averages with dilation');
    if ([before, after].some((p) => p.some((n, i) => n >= kernel[i]!))) return no('ATTR', 'windows of nothing but padding');
    const algorithm = kind === 'max' ? poolings.max : call.int('count_include_pad', 0) ? poolings.include : poolings.exclude;
    // Pads at the end are those of the model, not what the windows happen to need, where padding counts.
    if (
      algorithm === poolings.include &&
      call.text('auto_pad') === undefined &&
      after.some((p, i) => p > (call.ints('pads')?.[kernel.length + i] ?? 0))
    )
      return no('ATTR', 'averages over more than the padding');
    return (lib) => ({
      operation: lib.operation(
        'pooling_v2_forward_desc_init',
        algorithm,
        lib.plain(x),
        lib.plain(call.output),
        strides,
        kernel,
        dilates,
        before,
        after,
      ),
      args: [source(lib, x), result(lib, call.output)],
    });
  };

const softmax = (call: Call): Plan | Refusal => {
  const x = call.inputs[0]!;
  if (x.length === 0 || x.length > 6) return no('RANK', 'scalars and more than 6 axes');
  const axis = call.int('axis', -1);
  return (lib) => ({
    operation: lib.operation('softmax_v2_forward_desc_init', 0x30000, lib.plain(x), lib.plain(x), axis < 0 ? axis + x.length : axis),
    args: [source(lib, x), result(lib, x)],
  });
};

const eltwise =
  (algorithm: number) =>
  (call: Call): Plan => {
    const flat = [sizeOf(call.output)];
    return (lib) => ({
      operation: lib.operation('eltwise_forward_desc_init', algorithm, lib.plain(flat), 0, 0),
      args: [source(lib, flat), result(lib, flat)],
    });
  };

const ops: Readonly<Record<string, (call: Call) => Plan | Refusal>> = {
  MatMul: matmul,
  Gemm: gemm,
  Conv: conv,
  MaxPool: pooling('max', false),
  AveragePool: pooling('average', false),
  GlobalMaxPool: pooling('max', true),
  GlobalAveragePool: pooling('average', true),
  // Not LogSoftmax: of one element it gives 1.4e-6 in place of 0 (2.6.3).
  Softmax: softmax,
  // Not Relu: it makes 0 of NaN.
  Sigmoid: eltwise(175),
  Tanh: eltwise(47),
};

/** @returns how the region is done, or why it is not. */
export const planOf = (region: Region): Plan | Refusal => {
  const node = region.nodes[0];
  if (!node || region.nodes.length !== 1) return no('REGION', 'runs one op at a time');
  const op = node.domain === '' ? ops[node.op] : undefined;
  if (!op) return no('NO_KERNEL', `there is no kernel of ${node.op} here`);
  const shapes: Shape[] = [];
  for (const name of [...node.inputs, node.outputs[0]!]) {
    if (name === '') continue;
    const type = region.types.get(name);
    const shape = type && concreteShape(type);
    if (type?.kind !== 'tensor' || !shape) return no('SHAPE_UNKNOWN', `type or shape of '${name}' is not known`);
    if (type.dtype !== 'float32') return no('DTYPE', `only float32 here, not ${type.dtype}`);
    if (sizeOf(shape) === 0) return no('SHAPE', 'nothing to calculate with');
    shapes.push(shape);
  }
  return op(callOf(node, shapes.slice(0, -1), shapes.at(-1)!));
};
