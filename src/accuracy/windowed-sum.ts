/** Sums of products over 3 × 3 windows that slide along an image with stride 1, found among scalar expressions. */
import type { Expr, LoadExpr, ReduceExpr, VarExpr } from '../compiler/expr.ts';
import { WINDOW } from '../compiler/winograd.ts';

/** An index p + k − begin of an axis windows slide along. */
export interface Sliding {
  /** Axis of the image. */
  readonly d: number;
  readonly k: VarExpr;
  readonly p: VarExpr;
  readonly begin: number;
}

/** An axis that is summed over besides the window's: an axis of the image, and one of the weights. */
export interface Channel {
  readonly image: number;
  readonly weights: number;
  readonly extent: number;
}

export interface Windowed {
  readonly image: LoadExpr;
  readonly weights: LoadExpr;
  readonly sliding: readonly [Sliding, Sliding];
  readonly channels: readonly Channel[];
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
export const windowedOf = (e: ReduceExpr): Windowed | undefined => {
  const product = e.body.kind === 'select' ? e.body.a : e.body;
  if (product.kind !== 'binary' || product.op !== 'mul') return undefined;
  const own = new Set(e.axes.map((a) => a.v));
  const windows = e.axes.filter((a) => a.extent === WINDOW).map((a) => a.v);
  for (const [one, other] of [
    [product.a, product.b],
    [product.b, product.a],
  ] as const) {
    const [image, filter] = [loadOf(one), loadOf(other)];
    if (!image || !filter) continue;
    const sliding = image.index.flatMap((index, d): Sliding[] => {
      const form = countsOnce(index);
      if (form?.vars.length !== 2) return [];
      const k = form.vars.find((v) => windows.includes(v));
      const p = form.vars.find((v) => !own.has(v));
      return k && p && filter.index.some((i) => i === k) ? [{ d, k, p, begin: -form.constant }] : [];
    });
    const [y, x] = sliding;
    if (sliding.length !== 2 || y!.k === x!.k) continue;
    const channels = e.axes
      .filter((a) => a.v !== y!.k && a.v !== x!.k)
      .map((a): Channel => ({ image: image.index.indexOf(a.v), weights: filter.index.indexOf(a.v), extent: a.extent }));
    // What chooses the image and what chooses the map must be apart: in groups (and depthwise) an axis chooses both, and such sums are not calculated so.
    const chosenBy = (indices: readonly Expr[]): Set<VarExpr> | undefined => {
      const forms = indices.filter((i) => i.kind !== 'var' || !own.has(i)).map(countsOnce);
      const vars = forms.flatMap((form) => form?.vars ?? []);
      return forms.includes(undefined) || vars.some((v) => own.has(v)) ? undefined : new Set(vars);
    };
    const images = chosenBy(image.index.filter((_, d) => d !== y!.d && d !== x!.d));
    const maps = chosenBy(filter.index);
    if (!images || !maps || [...images].some((v) => maps.has(v))) continue;
    if (channels.every((c) => c.image >= 0 && c.weights >= 0)) return { image, weights: filter, sliding: [y!, x!], channels };
  }
  return undefined;
};

/** Axes of the image that are not summed over, those windows slide along among them; and of the weights. */
export const axesOf = ({ image, weights, sliding, channels }: Windowed): [readonly number[], readonly number[]] => [
  image.index.flatMap((_, d) => (channels.some((c) => c.image === d) ? [] : [d])),
  weights.index.flatMap((i, d) => (channels.some((c) => c.weights === d) || sliding.some((s) => s.k === i) ? [] : [d])),
];
