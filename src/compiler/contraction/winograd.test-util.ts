/** For tests: convolutions by Winograd's algorithm, compiled, beside the bounds of what they declare. */
import { errorModel, type Bounds } from '../../accuracy/model.ts';
import type { NumericData } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import { classTensor, type InputClass } from '../../opmanager/verify/input-classes.ts';
import { CaseRandom, hashOf } from '../../opmanager/verify/random.ts';
import { conv, type ConvAttrs } from '../../ops/conv.ts';
import { opSet } from '../../ops/index.ts';
import { callGraph, type PlainAttributes } from '../../runtime/call.ts';
import { InputTensor } from '../tensor-expr.ts';
import { randomData, type Compiler } from './compile.test-util.ts';
import type { Target } from './types.ts';

export const convAttributes = (a: Partial<ConvAttrs>): ConvAttrs => ({
  auto_pad: 'NOTSET',
  dilations: undefined,
  pads: undefined,
  strides: undefined,
  group: 1,
  kernel_shape: undefined,
  ...a,
});

export const input = (name: string, dims: readonly number[]): InputTensor => new InputTensor(name, 'float32', dims);

/** The same with known contents. */
export const known = (t: InputTensor, data = randomData(t, 2)): InputTensor =>
  new InputTensor(t.name, 'float32', t.shape, new Tensor('float32', t.shape, data as Float32Array));

/** Results along an axis of the tiles of a program's first such convolution; undefined where it has none. */
export const sizeIn = (source: string): number | undefined => {
  const m = /wg(\d)_patch\(patch/.exec(source)?.[1];
  return m === undefined ? undefined : Number(m);
};

export interface ConvShape {
  /** Channels first. */
  readonly x: readonly number[];
  readonly maps: number;
  readonly attrs: Partial<ConvAttrs>;
}

/** Odd extents, uneven padding, several images, tiles of both sizes. */
export const convShapes: readonly ConvShape[] = [
  { x: [1, 16, 23, 23], maps: 20, attrs: { pads: [1, 1, 1, 1] } },
  { x: [5, 50, 7, 6], maps: 33, attrs: { pads: [0, 2, 1, 0] } },
  { x: [1, 33, 12, 31], maps: 17, attrs: { auto_pad: 'SAME_LOWER' } },
  { x: [3, 64, 14, 14], maps: 64, attrs: {} },
  { x: [1, 40, 40, 9], maps: 48, attrs: { pads: [2, 2, 2, 2] } },
];

/** Operands of a class; weights stay finite. */
export const operandsOf = (s: ConvShape, kind: InputClass): [Tensor, Tensor] => {
  const r = new CaseRandom(hashOf(`${kind} ${s.x.join()}`));
  const x = classTensor(kind, 'float32', s.x, r);
  return [x, classTensor(kind === 'extremal' ? 'normal' : kind, 'float32', [s.maps, s.x[1]!, 3, 3], r)];
};

/** Compiles and runs one. */
export const runConv = (
  compiler: Compiler,
  s: ConvShape,
  [X, W]: readonly [Tensor, Tensor],
  target: Partial<Target> = {},
): { y: Tensor; m: number | undefined; bounds: Bounds } => {
  const [node] = callGraph('Conv', [X, W], s.attrs as PlainAttributes, 1, opSet).nodes;
  const [bounds] = errorModel(opSet.find('', 'Conv')!, node!, [X, W], {
    numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'winograd'] },
    levels: ['loose'],
  });
  const [x, w] = [input('x', X.dims), known(input('w', W.dims), W.data as Float32Array)];
  const y = conv(x, w, undefined, convAttributes(s.attrs));
  const program = compiler.compile([x, w], [y], target, 'winograd');
  const [data] = program.run([X.data as NumericData, W.data as NumericData]);
  return { y: new Tensor('float32', y.shape, data as Float32Array), m: sizeIn(program.source), bounds: bounds! };
};
