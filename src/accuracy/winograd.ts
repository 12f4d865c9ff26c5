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
} from '../compiler/expr.ts';
import { compute, concat, fill, type TensorExpr } from '../compiler/tensor-expr.ts';
import { WINDOW, winogradMatrices, type WinogradMatrices } from '../compiler/winograd.ts';
import { wide, zero, type Analyzer, type Scope } from './analyzer.ts';
import { axesOf, windowedOf, type Sliding, type Windowed } from './windowed-sum.ts';

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

/** Errors of the products of every tile, each summed over channels: axes of the image without channels, of the weights without channels and windows, and two of products. */
const productErrors = (a: Analyzer, matrices: WinogradMatrices, { image, weights: filter, sliding, channels }: Windowed): TensorExpr => {
  const [y, x] = sliding;
  const { m, n, patch, weights } = matrices;
  const [imageAxes, weightAxes] = axesOf({ image, weights: filter, sliding, channels });
  return once(a, `products ${m} ${idOf(image.tensor)} ${idOf(filter.tensor)} ${imageAxes} ${weightAxes} ${y.begin} ${x.begin}`, () => {
    const v = patchSizes(a, matrices, image, sliding);
    const u = weightSizes(a, matrices, filter, sliding);
    const { growth, roundoff, tiny } = a.arithmetic;
    const [largestPatch, largestWeight] = [grown(patch), grown(weights)];
    const terms = channels.reduce((c, axis) => c * axis.extent, 1);
    const gamma = growth(terms + TRANSFORMS) * roundoff;
    const shape = [...imageAxes.map((d) => v.shape[d]!), ...weightAxes.map((d) => u.shape[d]!), n, n];
    return compute(shape, (...at) => {
      const [q, r] = at.slice(-2);
      const [rows, columns] = [filter.index.indexOf(y.k), filter.index.indexOf(x.k)];
      return sum(
        channels.map((c) => c.extent),
        (...c) => {
          const of = (axes: readonly number[], from: number, d: number): Expr => at[from + axes.indexOf(d)]!;
          const d = v.at(...image.index.map((_, axis) => c[channels.findIndex((x) => x.image === axis)] ?? of(imageAxes, 0, axis)), q!, r!);
          const g = u.at(
            ...filter.index.map((_, axis) =>
              axis === rows
                ? q!
                : axis === columns
                  ? r!
                  : (c[channels.findIndex((x) => x.weights === axis)] ?? of(weightAxes, imageAxes.length, axis)),
            ),
          );
          const rounding = mul(mul(d, g), gamma);
          // Near zero a patch, a weight and their product may each lose a smallest value.
          return tiny > 0 ? add(rounding, mul(tiny, add(add(mul(d, largestWeight), mul(g, largestPatch)), 1))) : rounding;
        },
      );
    });
  });
};

/** Error by tiles of one size. */
const errorOfSize = (a: Analyzer, scope: Scope, found: Windowed, matrices: WinogradMatrices): Expr => {
  const { image, weights: filter, sliding } = found;
  const [y, x] = sliding;
  const { m, n, results } = matrices;
  const products = productErrors(a, matrices, found);
  const [imageAxes, weightAxes] = axesOf(found);
  const size = once(a, `results ${m}`, () => absoluteOf(results));
  const of = (index: Expr): Expr => a.valueOf(index, scope);
  const [down, along] = [y, x].map((s) => ({ tile: floordiv(of(s.p), m), result: floormod(of(s.p), m) }));
  // Behind the last tile that sees the image there is padding alone.
  const sees = and(lt(down!.tile, products.shape[imageAxes.indexOf(y.d)]!), lt(along!.tile, products.shape[imageAxes.indexOf(x.d)]!));
  const at = [
    ...imageAxes.map((d) => (d === y.d ? down!.tile : d === x.d ? along!.tile : of(image.index[d]!))),
    ...weightAxes.map((d) => of(filter.index[d]!)),
  ];
  return select(
    sees,
    sum([n, n], (q, r) => mul(mul(size.at(down!.result, q!), size.at(along!.result, r!)), products.at(...at, q!, r!))),
    zero,
  );
};

/** Error of a sum over 3 × 3 windows beyond that of its terms, where it may be calculated by Winograd's algorithm; undefined where it may not. */
export const winogradError = (a: Analyzer, e: ReduceExpr, scope: Scope): Expr | undefined => {
  if (!a.arithmetic.winograd || a.arithmetic.roundoff === 0) return undefined;
  const found = windowedOf(e);
  return found && max(errorOfSize(a, scope, found, winogradMatrices[2]), errorOfSize(a, scope, found, winogradMatrices[4]));
};
