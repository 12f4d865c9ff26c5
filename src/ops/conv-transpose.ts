/**
 * Transposed convolution, written as what each output gathers. With stride s, output u takes only
 * the window points k ≡ u (mod s): those are counted by k = r + j·s, so that no product with an
 * inserted zero is ever formed, and indices stay affine in (⌊u/s⌋, r, j).
 */
import { add, and, constant, eq, floordiv, floormod, ge, lt, mul, select, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { optionalInts } from './attrs.ts';
import { convAttrs, type ConvAttrs } from './conv.ts';
import { defineOp, optional } from './define.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, range, sameShape, shapeError, showShape } from './util.ts';
import { perAxis, reachOf, splitPadding } from './windows.ts';

interface TransposeAttrs extends ConvAttrs {
  readonly output_padding: readonly number[] | undefined;
  readonly output_shape: readonly number[] | undefined;
}

/** One spatial axis: `image` is what is read, `output` what is made. */
export interface TransposedAxis {
  readonly image: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** What is cut off before the output. */
  readonly begin: number;
  readonly output: number;
}

/** Source: ONNX, ConvTranspose, the equations of its page. Padding that would be negative is none, and the output ends in zeros. */
const planAxes = (image: readonly number[], kernel: readonly number[], attrs: TransposeAttrs): TransposedAxis[] => {
  const n = image.length;
  const dilations = perAxis(attrs.dilations, n, 1, 1, 'dilations');
  const strides = perAxis(attrs.strides, n, 1, 1, 'strides');
  const extra = perAxis(attrs.output_padding, n, 0, 0, 'output_padding');
  const wanted = attrs.output_shape && perAxis(attrs.output_shape.slice(-n), n, 0, 1, 'output_shape');
  const same = attrs.auto_pad === 'SAME_UPPER' || attrs.auto_pad === 'SAME_LOWER';
  const pads = attrs.auto_pad === 'NOTSET' && !wanted ? perAxis(attrs.pads, 2 * n, 0, 0, 'pads') : [];
  return range(n).map((a): TransposedAxis => {
    const [stride, dilation] = [strides[a]!, dilations[a]!];
    const full = image[a] === 0 ? 0 : stride * (image[a]! - 1) + extra[a]! + reachOf(kernel[a]!, dilation);
    const axis = { image: image[a]!, kernel: kernel[a]!, stride, dilation };
    if (wanted || same) {
      const output = wanted ? wanted[a]! : image[a]! * stride;
      return { ...axis, output, begin: splitPadding(Math.max(0, full - output), attrs.auto_pad === 'SAME_UPPER')[0] };
    }
    const [begin, end] = [pads[a] ?? 0, pads[a + n] ?? 0];
    const output = full - begin - end;
    if (output < 1) throw shapeError(`axis ${a + 2} of the output would have extent ${output}: padding ${begin} and ${end} of ${full}`);
    return { ...axis, output, begin };
  });
};

/** A point of the image an output reads, where it reads one. */
export interface Tap {
  readonly inside: Expr;
  readonly at: Expr;
  readonly k: Expr;
}

/** u = q·s + r takes window point k = r + j·s from image point q − j. */
export const phaseTap = ({ image, kernel, stride }: TransposedAxis, q: Expr, r: Expr, j: Expr): Tap => {
  const k = add(r, mul(j, stride));
  const exists = kernel % stride === 0 ? constant(true, 'bool') : lt(k, kernel);
  return { inside: and(and(exists, ge(q, j)), lt(q, add(j, image))), at: sub(q, j), k };
};

/** u takes window point k where u − k·d is a multiple of the stride. */
export const dilatedTap = ({ image, stride, dilation }: TransposedAxis, u: Expr, k: Expr): Tap => {
  const offset = mul(k, dilation);
  const from = sub(u, offset);
  const aligned = stride === 1 ? constant(true, 'bool') : eq(floormod(from, stride), 0);
  return { inside: and(and(ge(u, offset), lt(u, add(offset, stride * image))), aligned), at: floordiv(from, stride), k };
};

export const ConvTranspose = defineOp({
  name: 'ConvTranspose',
  since: 1,
  inputs: { X: floats, W: 'X', B: optional('X') },
  outputs: { Y: 'X' },
  attrs: { ...convAttrs, output_padding: optionalInts(), output_shape: optionalInts() },
  compute: ({ X, W, B }, attrs) => {
    expectRank(X.shape, 3, 'X');
    if (W.rank !== X.rank)
      throw shapeError(`'W' has shape ${showShape(W.shape)}, it must have as many axes as 'X' of shape ${showShape(X.shape)}`);
    const [batch, channels, perGroup, { group }] = [X.shape[0]!, X.shape[1]!, W.shape[1]!, attrs];
    if (group < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'group' is ${group}, it must be at least 1`);
    if (W.shape[0] !== channels || channels % group !== 0) {
      throw shapeError(`'X' has ${channels} channels in ${group} groups, 'W' of shape ${showShape(W.shape)} takes ${W.shape[0]!}`);
    }
    const kernel = W.shape.slice(2);
    if (attrs.kernel_shape && !sameShape(attrs.kernel_shape, kernel)) {
      throw shapeError(`attribute 'kernel_shape' is ${showShape(attrs.kernel_shape)}, the windows of 'W' are ${showShape(kernel)}`);
    }
    const maps = perGroup * group;
    if (B) expectShape(B.shape, [maps], 'B');
    const axes = planAxes(X.shape.slice(2), kernel, attrs);
    const channelsPerGroup = channels / group;
    const output = [batch, maps, ...axes.map((a) => a.output)];

    /** One output element: `taps` gives, for each axis, the tap of a counter. */
    const element = (n: Expr, g: Expr, m: Expr, counts: readonly number[], taps: (a: number, j: Expr) => Tap): Expr => {
      const dot = sum([channelsPerGroup, ...counts], (c, ...j) => {
        const tap = j.map((e, a) => taps(a, e));
        const channel = add(mul(g, channelsPerGroup), c!);
        const inside = tap.map((t) => t.inside).reduce((x, y) => and(x, y));
        // The weight's point may not exist either, so the guard covers both loads.
        return select(
          inside,
          mul(X.at(n, channel, ...tap.map((t) => t.at)), W.at(channel, m, ...tap.map((t) => t.k))),
          constant(0, X.dtype),
        );
      });
      return B ? add(dot, B.at(add(mul(g, perGroup), m))) : dot;
    };

    if (axes.every((a) => a.stride === 1) || axes.some((a) => a.dilation !== 1)) {
      const grouped = compute([batch, group, perGroup, ...axes.map((a) => a.output)], (n, g, m, ...o) =>
        element(n!, g!, m!, kernel, (a, k) => dilatedTap(axes[a]!, add(o[a]!, axes[a]!.begin), k)),
      );
      return reshape(grouped, output);
    }
    // Each spatial axis is two: whole strides, and the place within one.
    const strides = axes.map((a) => Math.ceil((a.begin + a.output) / a.stride));
    const phases = compute([batch, group, perGroup, ...axes.flatMap((a, i) => [strides[i]!, a.stride])], (n, g, m, ...o) =>
      element(
        n!,
        g!,
        m!,
        axes.map((a) => Math.ceil(a.kernel / a.stride)),
        (a, j) => phaseTap(axes[a]!, o[2 * a]!, o[2 * a + 1]!, j),
      ),
    );
    const uncut: TensorExpr = reshape(phases, [batch, maps, ...axes.map((a, i) => strides[i]! * a.stride)]);
    if (sameShape(uncut.shape, output)) return uncut;
    return compute(output, (n, m, ...o) => uncut.at(n!, m!, ...o.map((e, a) => add(e, axes[a]!.begin))));
  },
});
