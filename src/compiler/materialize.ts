/**
 * Which tensors of an expression get a buffer, and which are computed where they are read.
 *
 * A tensor is inlined when that costs no more work than storing it: it is plain data movement (loads,
 * index arithmetic, selects) or read about once per element. One that holds a reduction is inlined
 * only into the one tensor that reads it, in one place outside of reductions and branches, and only
 * one such tensor goes into another: what follows a contraction becomes part of it, and every loop
 * nest holds one reduction at most.
 */
import { childrenOf, type Expr } from './expr.ts';
import { collectSchedules } from './explicit/collect.ts';
import type { ChipClass, Directives } from './explicit/schedule.ts';
import { ComputeTensor, ConcatTensor, ReshapeTensor, ScanTensor, ScatterTensor, type ScanNode, type TensorExpr } from './tensor-expr.ts';
import { sizeOf } from '../core/tensor.ts';

/** Everything below a set of tensors, each once, operands first. */
export interface Inventory {
  readonly order: readonly TensorExpr[];
  readonly inlined: ReadonlySet<TensorExpr>;
  /** Explicit schedules. */
  readonly directives: ReadonlyMap<TensorExpr, Directives>;
  /** Scans whose step number or state a tensor depends on. */
  readonly within: (t: TensorExpr) => ReadonlySet<ScanNode>;
}

/** Data movement that is read several times is inlined up to so many reads an element: a chain of selects would double with each link. */
const MOST_READS = 32;

interface Load {
  readonly tensor: TensorExpr;
  readonly times: number;
  /** It is evaluated exactly once per element: in no reduction, in no branch. */
  readonly plain: boolean;
}

interface Operand extends Load {
  readonly unread?: true;
}

/** A tensor under way, some of its operands done. */
interface Frame {
  readonly t: TensorExpr;
  readonly operands: readonly Operand[];
  /** Names in its expressions. */
  readonly vars: ReadonlySet<string>;
  next: number;
}

/** Loads in an expression, with how often each is evaluated; shared subexpressions count once. */
const loadsOf = (e: Expr, times: number, plain: boolean, seen: Set<Expr>, out: Load[], vars: Set<string>): void => {
  if (seen.has(e)) return;
  seen.add(e);
  if (e.kind === 'load') out.push({ tensor: e.tensor, times, plain });
  if (e.kind === 'var') vars.add(e.name);
  const inner = e.kind === 'reduce' ? times * e.axes.reduce((n, a) => n * a.extent, 1) : times;
  const branches = e.kind === 'select' || (e.kind === 'binary' && (e.op === 'and' || e.op === 'or'));
  for (const c of childrenOf(e)) loadsOf(c, inner, plain && e.kind !== 'reduce' && e.kind !== 'load' && !branches, seen, out, vars);
};

const cheapUnary = new Set(['neg', 'abs', 'not', 'bitnot', 'isnan', 'isinf', 'sign']);
const isMovement = (e: Expr): boolean => {
  if (e.kind === 'reduce') return false;
  if (e.kind === 'unary' && !cheapUnary.has(e.op)) return false;
  if (e.kind === 'binary' && e.type !== 'index' && e.type !== 'bool') return false;
  return childrenOf(e).every(isMovement);
};
const hasReduce = (e: Expr): boolean => e.kind === 'reduce' || childrenOf(e).some(hasReduce);

const memoized = <T>(f: (e: Expr) => T): ((e: Expr) => T) => {
  const memo = new Map<Expr, T>();
  return (e) => {
    let r = memo.get(e);
    if (r === undefined) memo.set(e, (r = f(e)));
    return r;
  };
};

/** @param chip whose explicit schedules count. */
export const takeInventory = (roots: readonly TensorExpr[], chip?: ChipClass): Inventory => {
  const order: TensorExpr[] = [];
  const visited = new Set<TensorExpr>();
  const reads = new Map<TensorExpr, number>();
  /** Who reads a tensor, and whether plainly; once per place. */
  const readers = new Map<TensorExpr, { by: TensorExpr; plain: boolean }[]>();
  const loadsIn = new Map<TensorExpr, readonly Load[]>();
  const scans = new Map<TensorExpr, Set<ScanNode>>();
  const stateOf = new Map<TensorExpr, ScanNode>();
  const stepOf = new Map<string, ScanNode>();
  const entered = new Set<ScanNode>();
  const pinned = new Set<TensorExpr>(roots);

  const expressionsOf = (t: TensorExpr): readonly [Expr, number][] => {
    if (t instanceof ComputeTensor) return [[t.body, t.size]];
    if (t instanceof ScatterTensor) return [...t.at_, t.value, t.where].map((e): [Expr, number] => [e, sizeOf(t.domain)]);
    return [];
  };

  const enter = (node: ScanNode): void => {
    if (entered.has(node)) return;
    entered.add(node);
    for (const s of node.state) stateOf.set(s, node);
    stepOf.set(node.t.name, node);
  };

  /** What a tensor stands upon: loads, and states of a scan, which are not read by it. */
  const begin = (t: TensorExpr): Frame => {
    visited.add(t);
    const depends = new Set<ScanNode>();
    scans.set(t, depends);
    const state = stateOf.get(t);
    if (state) depends.add(state);
    const operands: Operand[] = [];
    const vars = new Set<string>();
    const whole = (d: TensorExpr): number => operands.push({ tensor: d, times: d.size, plain: false });
    if (t instanceof ReshapeTensor || t instanceof ScatterTensor) operands.push({ tensor: t.base, times: t.size, plain: false });
    else if (t instanceof ConcatTensor) t.parts.forEach(whole);
    else if (t instanceof ScanTensor) {
      const { node } = t;
      enter(node);
      node.initial.forEach(whole);
      for (const x of [...node.next, ...node.outs]) {
        pinned.add(x);
        whole(x);
      }
      for (const x of node.state) operands.push({ tensor: x, times: 0, plain: false, unread: true });
    }
    for (const [e, times] of expressionsOf(t)) {
      const loads: Load[] = [];
      loadsOf(e, times, t instanceof ComputeTensor, new Set(), loads, vars);
      operands.push(...loads);
      loadsIn.set(t, [...(loadsIn.get(t) ?? []), ...loads]);
    }
    return { t, operands, vars, next: 0 };
  };

  /** Notes what a tensor has of an operand that is done. */
  const account = (t: TensorExpr, { tensor: d, times, plain, unread }: Operand): void => {
    if (unread) return;
    reads.set(d, (reads.get(d) ?? 0) + times);
    readers.set(d, [...(readers.get(d) ?? []), { by: t, plain }]);
    for (const s of scans.get(d)!) scans.get(t)!.add(s);
  };

  const end = ({ t, vars }: Frame): void => {
    const depends = scans.get(t)!;
    if (t instanceof ScanTensor) depends.delete(t.node);
    for (const v of vars) if (stepOf.has(v)) depends.add(stepOf.get(v)!);
    order.push(t);
  };

  // Not by recursion: a large model's tensors stand upon each other some thousand deep.
  const visit = (root: TensorExpr): void => {
    if (visited.has(root)) return;
    const open = [begin(root)];
    for (let frame = open.at(-1); frame; frame = open.at(-1)) {
      const operand = frame.operands[frame.next];
      if (!operand) {
        end(frame);
        open.pop();
      } else if (visited.has(operand.tensor)) {
        account(frame.t, operand);
        frame.next++;
      } else {
        open.push(begin(operand.tensor));
      }
    }
  };
  for (const r of roots) visit(r);

  const directives = chip
    ? collectSchedules(
        order.filter((t) => t.attached),
        chip,
      )
    : new Map<TensorExpr, Directives>();
  // What has a schedule has loops of its own.
  for (const t of directives.keys()) pinned.add(t);

  const movement = memoized(isMovement);
  const reducing = memoized(hasReduce);
  const movesOnly = (t: TensorExpr): boolean => t instanceof ComputeTensor && t.hints?.materialize !== true && movement(t.body);
  // What plain data movement (or another view) reads is evaluated as often as that is, wherever it is inlined: readers first.
  for (const t of [...order].reverse()) {
    const more = (reads.get(t) ?? 0) / Math.max(t.size, 1) - 1;
    if (more <= 0 || pinned.has(t)) continue;
    const loads = t instanceof ReshapeTensor ? [{ tensor: t.base, times: t.size }] : movesOnly(t) ? loadsIn.get(t)! : [];
    for (const { tensor, times } of loads) reads.set(tensor, reads.get(tensor)! + more * times);
  }
  const inlined = new Set<TensorExpr>();
  /** Reads of memory behind one element of a tensor, where what it reads is inlined; shared ones as often as they are written. */
  const weights = new Map<TensorExpr, number>();
  const weightOf = (t: TensorExpr): number => {
    const known = weights.get(t);
    if (known !== undefined) return known;
    const behind = t instanceof ReshapeTensor ? [t.base] : (loadsIn.get(t) ?? []).map((l) => l.tensor);
    const weight = behind.reduce((n, b) => n + (b instanceof ReshapeTensor || inlined.has(b) ? weightOf(b) : 1), 0);
    weights.set(t, weight);
    return weight;
  };
  /** Tensors whose loops hold a reduction: their own, or one that was inlined. */
  const heavy = new Set<TensorExpr>();
  for (const t of order) {
    if (!(t instanceof ComputeTensor)) continue;
    if (reducing(t.body)) heavy.add(t);
    if (pinned.has(t)) continue;
    const once = (reads.get(t) ?? 0) <= Math.max(t.size, 1) || t.hints?.materialize === false;
    if (!heavy.has(t)) {
      if (once || (movesOnly(t) && weightOf(t) <= MOST_READS)) inlined.add(t);
      continue;
    }
    const [reader, ...more] = readers.get(t) ?? [];
    if (!once || !reader?.plain || more.length || heavy.has(reader.by)) continue;
    if (!(reader.by instanceof ComputeTensor) || reducing(reader.by.body)) continue;
    // What does not change with the steps of a recurrence is computed before it, all steps at once.
    if (scans.get(t)!.size !== scans.get(reader.by)!.size) continue;
    inlined.add(t);
    heavy.add(reader.by);
  }
  return { order, inlined, directives, within: (t) => scans.get(t) ?? new Set() };
};
