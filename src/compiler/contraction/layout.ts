/**
 * Channels last. Windows that slide over an image read channels together, so images are laid out
 * [N, …, C] inside of a program whatever its tensors say: rows of a contraction then are contiguous,
 * and everything else about an image (pooling, scaling, adding) runs along channels. What comes from
 * outside or goes there is transposed once, at about half a cycle per element.
 */
import { childrenOf, type Expr, type VarExpr } from '../expr.ts';
import type { Layout } from '../lower.ts';
import { takeInventory } from '../materialize.ts';
import { ComputeTensor, ConcatTensor, InputTensor, ReshapeTensor, type TensorExpr } from '../tensor-expr.ts';

/** Up to so many positions, transposing an image costs less than what its edges waste of a tile's columns. */
const SMALL_IMAGE = 196;

/** Times every element of an image is looked at from which on turning it pays. */
const OVERLAP = 6;

interface Read {
  readonly tensor: TensorExpr;
  readonly index: readonly Expr[];
  /** Counters of the reductions around it, and how often they make it happen for one result. */
  readonly reduced: ReadonlySet<string>;
  readonly times: number;
}

const readsIn = (e: Expr, reduced: ReadonlySet<string>, times: number, seen: Set<Expr>, out: Read[]): void => {
  if (seen.has(e)) return;
  seen.add(e);
  if (e.kind === 'load') out.push({ tensor: e.tensor, index: e.index, reduced, times });
  const inner = e.kind === 'reduce' ? new Set([...reduced, ...e.axes.map((a) => a.v.name)]) : reduced;
  const repeats = e.kind === 'reduce' ? e.axes.reduce((n, a) => n * a.extent, times) : times;
  for (const c of childrenOf(e)) readsIn(c, inner, repeats, seen, out);
};

const variablesIn = (e: Expr, into = new Set<string>()): Set<string> => {
  if (e.kind === 'var') into.add(e.name);
  if (e.kind !== 'load') for (const c of childrenOf(e)) variablesIn(c, into);
  return into;
};

/** Spatial axes of the two, pairwise; undefined if their ranks do not fit. With groups a result has one axis more: [N, G, M, …]. */
const spatialPairs = (
  axes: readonly VarExpr[],
  t: TensorExpr,
  read: Read,
): readonly { mine: string; extent: number; d: number }[] | undefined => {
  const rank = read.tensor.rank;
  const more = t.rank - rank;
  if (rank < 3 || more < 0 || more > 1) return undefined;
  return read.tensor.shape.slice(2).map((_, i) => ({ mine: axes[i + 2 + more]!.name, extent: t.shape[i + 2 + more]!, d: i + 2 }));
};

/** How a tensor reads another: as an image by position, perhaps through windows. */
const relation = (t: ComputeTensor, read: Read): 'window' | 'channels' | 'image' | undefined => {
  const pairs = spatialPairs(t.axes, t, read);
  if (!pairs) return undefined;
  const vars = read.index.map((e) => variablesIn(e));
  const spatial = new Set(pairs.map((p) => p.mine));
  if ([0, 1].some((d) => [...vars[d]!].some((v) => spatial.has(v)))) return undefined;
  const others = (p: { mine: string }): string[] => t.axes.map((a) => a.name).filter((name) => name !== p.mine);
  for (const p of pairs) {
    if (others(p).some((name) => vars[p.d]!.has(name))) return undefined;
    if (!vars[p.d]!.has(p.mine) && p.extent !== 1 && read.tensor.shape[p.d] !== 1) return undefined;
  }
  const reads = (d: number): boolean => [...vars[d]!].some((v) => read.reduced.has(v));
  const own = new Set(t.axes.map((a) => a.name));
  const slides = (d: number): boolean => reads(d) && [...vars[d]!].some((v) => own.has(v));
  // Windows along what would be channels: these are the image's rows, and channels are last already.
  if (t.rank === read.tensor.rank && slides(1)) return undefined;
  const last = pairs.at(-1)!.d;
  if (pairs.some((p) => slides(p.d)) && (slides(last) || reads(1))) return 'window';
  return reads(1) ? 'channels' : 'image';
};

/** Tensors that share a layout, as sets that are joined. */
class Families {
  readonly #parent = new Map<TensorExpr, TensorExpr>();
  of(t: TensorExpr): TensorExpr {
    const parent = this.#parent.get(t);
    if (!parent) return t;
    const root = this.of(parent);
    this.#parent.set(t, root);
    return root;
  }
  join(a: TensorExpr, b: TensorExpr): void {
    const [x, y] = [this.of(a), this.of(b)];
    if (x !== y) this.#parent.set(x, y);
  }
}

/** A tensor that only puts groups of channels together: [N, G, M, …] as [N, G·M, …]. */
const joinsGroups = (t: ReshapeTensor): boolean =>
  t.base.rank === t.rank + 1 &&
  t.rank >= 3 &&
  t.shape[0] === t.base.shape[0] &&
  t.shape.slice(2).every((d, i) => d === t.base.shape[i + 3]);

/** Layouts that put channels last where windows slide over images. */
export const channelsLast = (outputs: readonly TensorExpr[]): Layout => {
  const families = new Families();
  const wanting: TensorExpr[] = [];
  const grouped = new Set<TensorExpr>();
  const { order } = takeInventory(outputs);
  for (const t of order) {
    if (t instanceof ConcatTensor && t.rank >= 3) t.parts.forEach((p) => families.join(t, p));
    if (t instanceof ReshapeTensor && joinsGroups(t)) families.join(t, t.base);
    if (!(t instanceof ComputeTensor)) continue;
    const reads: Read[] = [];
    readsIn(t.body, new Set(), 1, new Set(), reads);
    // A window that only looks (pooling) takes images as they come: turning one twice costs more than it gives, unless windows overlap a lot.
    const weighs = new Set(reads.map((r) => r.tensor)).size > 1 || reads.some((r) => r.times * t.size >= OVERLAP * r.tensor.size);
    for (const read of reads) {
      const how = relation(t, read);
      if (!how) continue;
      families.join(t, read.tensor);
      if (t.rank > read.tensor.rank) grouped.add(t);
      const positions = t.shape.slice(t.rank - read.tensor.rank + 2).reduce((n, d) => n * d, 1);
      if ((how === 'window' && weighs) || (how === 'channels' && read.tensor.rank >= 4 && positions <= SMALL_IMAGE)) wanting.push(t);
    }
  }
  const chosen = new Set(wanting.map((t) => families.of(t)));
  const layouts = new Map<TensorExpr, readonly number[]>();
  for (const t of order) {
    if (!chosen.has(families.of(t)) || (t instanceof InputTensor && t.value)) continue;
    const channels = grouped.has(t) ? [1, 2] : [1];
    const spatial = t.shape.map((_, d) => d).slice(channels.length + 1);
    // With one channel, or one position, the order makes no difference.
    if (channels.every((d) => t.shape[d] === 1) || spatial.every((d) => t.shape[d] === 1)) continue;
    layouts.set(t, [0, ...spatial, ...channels]);
  }
  return (t) => layouts.get(t);
};
