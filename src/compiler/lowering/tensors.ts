/** Tensors → buffers with the loop nests that fill them, each on first use, and reads of their elements. */
import { FlagosError } from '../../core/errors.ts';
import { regroup } from '../digits.ts';
import { childrenOf, type Expr } from '../expr.ts';
import { together } from '../hints.ts';
import type { Buffer, LExpr } from '../loops.ts';
import type { Inventory } from '../materialize.ts';
import {
  ComputeTensor,
  ConcatTensor,
  InputTensor,
  ReshapeTensor,
  ScanTensor,
  ScatterTensor,
  type ScanNode,
  type TensorExpr,
} from '../tensor-expr.ts';
import { lowerConcat } from './concat.ts';
import { canLayOut, indexOf, indexOfBase, positionOf, type Layout, type Places } from './places.ts';
import { ScalarLowering, scopeOf } from './scalars.ts';
import { lowerScan } from './scan.ts';
import { lowerScatter } from './scatter.ts';
import type { LoopWriter, Vars } from './writer.ts';

export class TensorLowering {
  readonly scalars: ScalarLowering;
  readonly #layout: Layout;
  readonly #scans = new Set<ScanNode>();

  constructor(
    readonly writer: LoopWriter,
    readonly places: Places,
    readonly inventory: Inventory,
    layout: Layout,
  ) {
    this.#layout = layout;
    this.scalars = new ScalarLowering(writer, (t, at) => this.read(t, at));
  }

  /** Calculates an output of the program into its buffer. */
  output(t: TensorExpr, buffer: Buffer): void {
    // An output that is an input, a view, another output or laid out otherwise is copied; anything else is written in place.
    const copied = t instanceof ReshapeTensor || t instanceof ScanTensor || t instanceof InputTensor;
    if (copied || this.places.has(t) || this.#layout(t)) this.copy(t, buffer);
    else this.#materialize(t, buffer);
  }

  /**
   * Calculates all outputs of the program into their buffers. Tensors come one after another, operands first, as
   * preparing each output would come upon them, so that how deep they stand upon each other takes no stack.
   */
  outputs(all: readonly TensorExpr[], buffers: readonly Buffer[]): void {
    const slices = new Set(this.inventory.order.flatMap((t) => (t instanceof ConcatTensor ? t.parts : [])));
    const seen = new Set<TensorExpr>();
    let next = 0;
    const writeWhatCan = (): void => {
      for (; next < all.length && seen.has(all[next]!); next++) this.output(all[next]!, buffers[next]!);
    };
    for (const t of this.inventory.order) {
      seen.add(t);
      writeWhatCan();
      // Parts are calculated where they will stand; what a recurrence is made of stands inside of it.
      const made = t instanceof ConcatTensor || t instanceof ScatterTensor || (t instanceof ComputeTensor && !slices.has(t));
      if (made && !this.inventory.inlined.has(t) && this.inventory.within(t).size === 0) this.prepareTensor(t);
    }
    writeWhatCan();
  }

  /** Has a tensor's elements calculated into a buffer by a nest of their own. */
  compute(t: ComputeTensor, buffer: Buffer, position: (at: readonly LExpr[]) => LExpr): void {
    this.prepare(t.body);
    this.writer.elements(t, this.inventory.directives.get(t), buffer.order, (at) => {
      const value = this.scalars.expr(t.body, scopeOf([t.body], this.bound(t.axes, at)));
      this.writer.push({ kind: 'store', buffer, at: position(at), value });
    });
  }

  /** What axes stand for, and what the scans around have bound. */
  bound(axes: readonly { readonly name: string }[], at: readonly LExpr[]): Vars {
    const vars = new Map(this.writer.vars);
    axes.forEach((v, d) => vars.set(v.name, at[d]!));
    return vars;
  }

  /** Materializes what a body reads before its loops begin, so that no buffer is filled inside them. */
  prepare(e: Expr, seen = new Set<Expr>()): void {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === 'load') this.prepareTensor(e.tensor, seen);
    childrenOf(e).forEach((c) => this.prepare(c, seen));
  }

  prepareTensor(t: TensorExpr, seen = new Set<Expr>()): void {
    if (t instanceof InputTensor) this.#layOutInput(t);
    if (this.places.has(t)) return;
    if (t instanceof ReshapeTensor) this.prepareTensor(t.base, seen);
    else if (t instanceof ComputeTensor && this.inventory.inlined.has(t)) this.prepare(t.body, seen);
    else this.#buffer(t);
  }

  /** Copies a tensor, axes in their own order, computing it if need be. */
  copy(t: TensorExpr, buffer: Buffer): void {
    this.prepareTensor(t);
    if (this.places.isSlice(t) || (canLayOut(t) && this.#layout(t))) {
      if (!this.places.has(t)) this.#buffer(t);
      this.writer.nest(t.shape, (at) => this.writer.push({ kind: 'store', buffer, at: positionOf(at, t.shape), value: this.read(t, at) }));
      return;
    }
    this.writer.nest([t.size], ([i]) => this.writer.push({ kind: 'store', buffer, at: i!, value: this.readFlat(t, i!) }));
  }

  /** The element at an index. */
  read(t: TensorExpr, at: readonly LExpr[]): LExpr {
    const known = this.places.read(t, at);
    if (known) return known;
    if (t instanceof ReshapeTensor) return this.#readView(t, at);
    if (t instanceof ComputeTensor && this.inventory.inlined.has(t)) {
      this.writer.hints = together(this.writer.hints, t.hints);
      const vars = this.bound(
        t.axes,
        at.map((e) => this.writer.bind(e)),
      );
      return this.scalars.expr(t.body, scopeOf([t.body], vars));
    }
    const made = this.#buffer(t);
    return { kind: 'read', type: t.dtype, buffer: made, at: positionOf(at, t.shape, made.order) };
  }

  #readView(t: ReshapeTensor, at: readonly LExpr[]): LExpr {
    const unit = indexOfBase(at, t.shape, t.base.shape);
    if (unit) return this.read(t.base, unit);
    let { base } = t;
    while (base instanceof ReshapeTensor && !this.places.has(base)) ({ base } = base);
    const buffer = this.places.buffer(base);
    // A position in a buffer is all it takes. Where axes lie otherwise, or elements are calculated, it would be divided into them again.
    const axes = buffer && !buffer.order ? undefined : regroup(at, t.shape, base.shape);
    return axes ? this.read(base, axes) : this.readFlat(base, positionOf(at, t.shape));
  }

  /** The element at a position, axes in their own order. */
  readFlat(t: TensorExpr, position: LExpr): LExpr {
    const buffer = this.places.buffer(t);
    if (buffer && !buffer.order) return { kind: 'read', type: t.dtype, buffer, at: position };
    if (t instanceof ReshapeTensor) return this.readFlat(t.base, position);
    return this.read(t, indexOf(this.writer.bind(position), t.shape));
  }

  /** The buffer of a tensor, computed on first use, in the outermost block that has what it depends on. */
  #buffer(t: TensorExpr): Buffer {
    const known = this.places.buffer(t);
    if (known) return known;
    if (t instanceof ScanTensor) {
      this.writer.atLevel(this.inventory.within(t), () => {
        if (this.#scans.has(t.node)) return;
        this.#scans.add(t.node);
        lowerScan(this, t.node);
      });
      return this.places.buffer(t)!;
    }
    if (t instanceof InputTensor) throw new FlagosError('FLAGOS_E_INTERNAL', `tensor '${t.name}' has no buffer`);
    return this.#materialize(t, this.writer.temp(t.dtype, t.size, canLayOut(t) ? this.#layout(t) : undefined));
  }

  #materialize(t: TensorExpr, buffer: Buffer): Buffer {
    this.writer.atLevel(this.inventory.within(t), () => this.#define(t, buffer));
    this.places.put(t, buffer);
    return buffer;
  }

  #define(t: TensorExpr, buffer: Buffer): void {
    if (t instanceof ComputeTensor) this.compute(t, buffer, (at) => positionOf(at, t.shape, buffer.order));
    else if (t instanceof ReshapeTensor || t instanceof InputTensor) this.copy(t, buffer);
    else if (t instanceof ConcatTensor) lowerConcat(this, t, buffer);
    else if (t instanceof ScatterTensor) lowerScatter(this, t, buffer);
    else throw new FlagosError('FLAGOS_E_INTERNAL', `cannot lower a ${t.kind} tensor`);
  }

  /** Copies an input into the layout it is wanted in, before everything else. */
  #layOutInput(t: InputTensor): void {
    const source = this.places.buffer(t);
    const order = this.#layout(t);
    if (!order || source?.role !== 'input') return;
    const buffer = this.writer.temp(t.dtype, t.size, order);
    const element = (at: readonly LExpr[]): void => {
      const value: LExpr = { kind: 'read', type: t.dtype, buffer: source, at: positionOf(at, t.shape) };
      this.writer.push({ kind: 'store', buffer, at: positionOf(at, t.shape, order), value });
    };
    this.writer.atLevel(this.inventory.within(t), () => this.writer.nest(t.shape, element, true, order));
    this.places.put(t, buffer);
  }
}
