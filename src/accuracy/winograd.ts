/**
 * What Winograd's convolution adds to the bound of a sum over 3 × 3 windows (kernels that declare `winograd`).
 * With results Y = Aᵀ[Σ_c (G g Gᵀ) ⊙ (Bᵀ d B)]A every rounding on the way is of something no larger than
 *
 *     S = |Aᵀ|[Σ_c (|G||g||Gᵀ|) ⊙ (|Bᵀ||d||B|)]|A|
 *
 * and a result has as many of them as channels, plus those of the transforms; so the error is γ·u·S, element by
 * element. S holds all of a tile's patch: a large value there costs its neighbours digits. Kernels may take F(2, 3) or
 * F(4, 3), whichever pays, so the larger of both is allowed.
 *
 * Tiles count from the first result on. What is not finite counts as nothing: its tiles must be calculated directly.
 *
 * Source: B. Barabasz, A. Anderson, K. Soodhalter and D. Gregg, "Error analysis and improving the accuracy of
 * Winograd convolution for deep neural networks", 2020, theorem 2.
 */
import {
  abs,
  add,
  and,
  floordiv,
  floormod,
  freshVar,
  ge,
  lt,
  max,
  mul,
  select,
  sub,
  sum,
  type Expr,
  type LoadExpr,
  type ReduceExpr,
  type VarExpr,
} from '../compiler/expr.ts';
import { compute, concat, fill, type TensorExpr } from '../compiler/tensor-expr.ts';
import { WINDOW, winogradMatrices, type WinogradMatrices } from '../compiler/winograd.ts';
import { roundingOf, wide, zero, type Analyzer, type Scope } from './analyzer.ts';

/**
 * Roundings of one result besides those of the sum over channels: on each axis at most three of a patch (a product, two
 * sums) and three of results, and one of the weights.
 */
const TRANSFORMS = 2 * 3 + 2 * 3 + 1;

const absoluteOf = (matrix: readonly (readonly number[])[]): TensorExpr =>
  concat(
    matrix.map((row) =>
      concat(
        row.map((x) => fill([1, 1], Math.abs(x), 'float64')),
        1,
      ),
    ),
    0,
  );

/** An index p + k − begin of an axis windows slide along. */
interface Sliding {
  /** Axis of the image. */
  readonly d: number;
  readonly k: VarExpr;
  readonly p: VarExpr;
  readonly begin: number;
}

interface Windowed {
  readonly image: LoadExpr;
  readonly weights: LoadExpr;
  readonly sliding: readonly [Sliding, Sliding];
}

/** An index as a constant and variables that count once each; undefined for anything else. */
const countsOnce = (e: Expr): { constant: number; vars: readonly VarExpr[] } | undefined => {
  if (e.kind === 'const') return { constant: Number(e.value), vars: [] };
  if (e.kind === 'var') return { constant: 0, vars: [e] };
  if (e.kind !== 'binary' || (e.op !== 'add' && e.op !== 'sub')) return undefined;
  const [a, b] = [countsOnce(e.a), countsOnce(e.b)];
  if (!a || !b || (e.op === 'sub' && b.vars.length > 0)) return undefined;
  return { constant: a.constant + (e.op === 'sub' ? -b.constant : b.constant), vars: [...a.vars, ...b.vars] };
};

/** The load of a factor, behind a guard that gives zero in the padding. */
const loadOf = (e: Expr): LoadExpr | undefined => {
  if (e.kind === 'load') return e;
  if (e.kind === 'cast') return loadOf(e.x);
  return e.kind === 'select' && e.b.kind === 'const' && Number(e.b.value) === 0 ? loadOf(e.a) : undefined;
};

/** A sum as one over 3 × 3 windows with stride 1; undefined if it is another. */
const windowedOf = (e: ReduceExpr): Windowed | undefined => {
  const product = e.body.kind === 'select' ? e.body.a : e.body;
  if (product.kind !== 'binary' || product.op !== 'mul') return undefined;
  const own = new Set(e.axes.map((a) => a.v));
  const windows = e.axes.filter((a) => a.extent === WINDOW).map((a) => a.v);
  for (const [x, w] of [
    [product.a, product.b],
    [product.b, product.a],
  ] as const) {
    const [image, filter] = [loadOf(x), loadOf(w)];
    if (!image || !filter) continue;
    const sliding = image.index.flatMap((index, d): Sliding[] => {
      const form = countsOnce(index);
      if (form?.vars.length !== 2) return [];
      const k = form.vars.find((v) => windows.includes(v));
      const p = form.vars.find((v) => !own.has(v));
      return k && p && filter.index.some((i) => i === k) ? [{ d, k, p, begin: -form.constant }] : [];
    });
    if (sliding.length === 2) return { image, weights: filter, sliding: [sliding[0]!, sliding[1]!] };
  }
  return undefined;
};

/** Tensors of one image and one set of weights, made once for all expressions that read them. */
const made = new WeakMap<Analyzer, Map<string, TensorExpr>>();
const ids = new WeakMap<TensorExpr, number>();
let serial = 0;
const idOf = (t: TensorExpr): number => {
  const id = ids.get(t) ?? serial++;
  ids.set(t, id);
  return id;
};
const once = (a: Analyzer, key: string, make: () => TensorExpr): TensorExpr => {
  const known = made.get(a) ?? new Map<string, TensorExpr>();
  made.set(a, known);
  const t = known.get(key) ?? make();
  known.set(key, t);
  return t;
};

/** |x| of what is a finite number, 0 of what is not. */
const finiteSize = (x: Expr): Expr => {
  const size = abs(wide(x));
  return select(lt(size, Infinity), size, zero);
};

/** |Bᵀ||d||B| of every patch: the image's own axes with tiles in place of the two that slide, and two of products. */
const patchSizes = (
  a: Analyzer,
  { m, n, patch }: WinogradMatrices,
  { tensor }: LoadExpr,
  [y, x]: readonly [Sliding, Sliding],
): TensorExpr =>
  once(a, `patches ${m} ${idOf(tensor)} ${y.d} ${y.begin} ${x.d} ${x.begin}`, () => {
    const value = a.wideValue(tensor);
    const size = absoluteOf(patch);
    const tiles = (s: Sliding): number => Math.max(1, Math.ceil((tensor.shape[s.d]! + s.begin) / m));
    const shape = tensor.shape.map((extent, d) => (d === y.d ? tiles(y) : d === x.d ? tiles(x) : extent));
    return compute([...shape, n, n], (...at) => {
      const [q, r] = at.slice(-2);
      return sum([n, n], (i, j) => {
        const [row, column] = [sub(add(mul(at[y.d]!, m), i!), y.begin), sub(add(mul(at[x.d]!, m), j!), x.begin)];
        const inside = [ge(row, 0), lt(row, tensor.shape[y.d]!), ge(column, 0), lt(column, tensor.shape[x.d]!)].reduce((f, g) => and(f, g));
        const index = at.slice(0, -2).map((v, d) => (d === y.d ? row : d === x.d ? column : v));
        return mul(mul(size.at(q!, i!), size.at(r!, j!)), select(inside, finiteSize(value.at(...index)), zero));
      });
    });
  });

/** |G||g||Gᵀ|: the weights' own axes with products in place of window points. */
const weightSizes = (
  a: Analyzer,
  { m, n, weights }: WinogradMatrices,
  { tensor, index }: LoadExpr,
  [y, x]: readonly [Sliding, Sliding],
): TensorExpr => {
  const [dy, dx] = [index.indexOf(y.k), index.indexOf(x.k)];
  return once(a, `weights ${m} ${idOf(tensor)} ${dy} ${dx}`, () => {
    const value = a.wideValue(tensor);
    const size = absoluteOf(weights);
    return compute(
      tensor.shape.map((extent, d) => (d === dy || d === dx ? n : extent)),
      (...at) =>
        sum([WINDOW, WINDOW], (k, l) =>
          mul(
            mul(size.at(at[dy]!, k!), size.at(at[dx]!, l!)),
            finiteSize(value.at(...at.map((v, d) => (d === dy ? k! : d === dx ? l! : v)))),
          ),
        ),
    );
  });
};

/** |B| and |G| of nothing but ones: how much an absolute error of a point may grow. */
const grown = (matrix: readonly (readonly number[])[]): number =>
  Math.max(...matrix.map((row) => row.reduce((s, x) => s + Math.abs(x), 0))) ** 2;

/** Error by tiles of one size. */
const errorOfSize = (a: Analyzer, e: ReduceExpr, scope: Scope, found: Windowed, matrices: WinogradMatrices): Expr => {
  const { image, weights: filter, sliding } = found;
  const [y, x] = sliding;
  const { m, n, patch, weights, results } = matrices;
  const v = patchSizes(a, matrices, image, sliding);
  const u = weightSizes(a, matrices, filter, sliding);
  const size = once(a, `results ${m}`, () => absoluteOf(results));
  const axes = e.axes.filter((axis) => axis.v !== y.k && axis.v !== x.k);
  const channels = axes.reduce((c, axis) => c * axis.extent, 1);
  const [q, r] = [freshVar('q'), freshVar('r')];
  const { growth, roundoff, tiny } = a.arithmetic;
  const [largestPatch, largestWeight] = [grown(patch), grown(weights)];
  const over = { ...e, axes: [...axes, { v: q, extent: n }, { v: r, extent: n }] };
  return a.reduction(over, scope, 'sum', 'float64', (inner) => {
    const of = (index: Expr): Expr => a.valueOf(index, inner);
    const place = (s: Sliding): { tile: Expr; result: Expr } => ({ tile: floordiv(of(s.p), m), result: floormod(of(s.p), m) });
    const [down, along] = [place(y), place(x)];
    // Behind the last tile that sees the image there is padding alone.
    const sees = and(lt(down.tile, v.shape[y.d]!), lt(along.tile, v.shape[x.d]!));
    const at = image.index.map((index, d) => (d === y.d ? down.tile : d === x.d ? along.tile : of(index)));
    const d = select(sees, v.at(...at, of(q), of(r)), zero);
    const g = u.at(...filter.index.map((index) => (index === y.k ? of(q) : index === x.k ? of(r) : of(index))));
    const factor = mul(size.at(down.result, of(q)), size.at(along.result, of(r)));
    const rounding = roundingOf(mul(d, g), growth(channels + TRANSFORMS) * roundoff);
    // Near zero a patch, a weight and their product may each lose a smallest value.
    const vanishing = mul(tiny, add(add(mul(d, largestWeight), mul(g, largestPatch)), 1));
    return mul(factor, tiny > 0 ? add(rounding, vanishing) : rounding);
  });
};

/** Error of a sum over 3 × 3 windows beyond that of its terms, where it may be calculated by Winograd's algorithm; undefined where it may not. */
export const winogradError = (a: Analyzer, e: ReduceExpr, scope: Scope): Expr | undefined => {
  if (!a.arithmetic.winograd || a.arithmetic.roundoff === 0) return undefined;
  const found = windowedOf(e);
  return found && max(errorOfSize(a, e, scope, found, winogradMatrices[2]), errorOfSize(a, e, scope, found, winogradMatrices[4]));
};
