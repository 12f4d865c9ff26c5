/**
 * How much work an op is, counted from its own expressions: arithmetic operations and bytes moved.
 * Declared speeds (priors) turn that into a guess of time until there are measurements.
 */
import { dtypeInfo } from '../core/dtype.ts';
import { concreteShape, typeBytes, type ValueType } from '../core/graph.ts';
import { sizeOf } from '../core/tensor.ts';
import { childrenOf, type Expr } from '../compiler/expr.ts';
import { takeInventory } from '../compiler/materialize.ts';
import { ComputeTensor, InputTensor, ScatterTensor } from '../compiler/tensor-expr.ts';
import { expressionsOf, isConcrete, usesHost, type Arg, type BoundNode } from '../ops/bind.ts';
import type { CostPrior } from '../plugins/contract.ts';

export interface Work {
  /** Arithmetic operations (a multiply-add is two). */
  readonly flops: number;
  /** Bytes of inputs and outputs. */
  readonly bytes: number;
}

const operations = (e: Expr, seen: Set<Expr>): number => {
  if (seen.has(e) || e.type === 'index') return 0;
  seen.add(e);
  const inner = childrenOf(e).reduce((n, c) => n + operations(c, seen), 0);
  if (e.kind === 'reduce') return (inner + 1) * e.axes.reduce((n, a) => n * a.extent, 1);
  return inner + (e.kind === 'unary' || (e.kind === 'binary' && e.type !== 'bool') ? 1 : 0);
};

const bytesOf = (types: readonly (ValueType | undefined)[]): number => types.reduce((n, t) => n + (typeBytes(t) ?? 0), 0);

/** Work of one node. Where shapes are unknown, or the op is a host function, one operation per known byte. */
export const workOf = (bound: BoundNode | undefined, args: readonly Arg[], outputs: readonly (ValueType | undefined)[]): Work => {
  const types = args.map((a) => a.type);
  const bytes = bytesOf(types) + bytesOf(outputs);
  if (
    !bound ||
    usesHost(
      bound,
      types,
      args.map((a) => a.value),
    ) ||
    !isConcrete(bound, args)
  )
    return { flops: bytes, bytes };
  const inputs = args.map((a) => {
    const shape = concreteShape(a.type);
    return shape && a.type?.kind === 'tensor' ? new InputTensor('', a.type.dtype, shape, a.value) : undefined;
  });
  const roots = expressionsOf(
    bound,
    inputs,
    args.map((a) => a.value),
  ).flatMap((x) => (x ? [x] : []));
  let flops = 0;
  for (const t of takeInventory(roots).order) {
    if (t instanceof ComputeTensor) flops += t.size * operations(t.body, new Set());
    else if (t instanceof ScatterTensor) flops += sizeOf(t.domain);
  }
  return { flops, bytes };
};

/** Microseconds a node of this much work takes by declared speeds, the start of its region not counted. */
export const workUs = (work: Work, { gflops, gbps, nodeUs = 0 }: CostPrior): number =>
  nodeUs + Math.max(work.flops / (gflops * 1e3), work.bytes / (gbps * 1e3));

/** Bytes of one element, for limits. */
export const elementBytes = (type: ValueType): number => (type.kind === 'tensor' ? dtypeInfo(type.dtype).bytes : 0);
