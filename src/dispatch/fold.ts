/** Folding: what of a node's outputs is known before anything runs, from constants, or from the shapes of its inputs alone. */
import { concreteShape, typeBytes } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { lower } from '../compiler/lower.ts';
import { takeInventory } from '../compiler/materialize.ts';
import { renderJs } from '../compiler/render/js.ts';
import { InputTensor } from '../compiler/tensor-expr.ts';
import { expressionsOf, inferTypes, isConcrete, isDeterministic, usesHost, type Arg, type BoundNode } from '../ops/bind.ts';
import { evaluateNode } from '../ops/evaluate.ts';

/** Results of folding, in the order of the node's outputs; undefined where the node omits one. */
export type Folded = readonly (Value | undefined)[];

/** Bytes up to which ops that read shapes only are worked out here. */
const SHAPE_BYTES = 1024;

/** Folding must not blow up memory: no large tensor is made out of a small one. */
const smallEnough = (bound: BoundNode, args: readonly Arg[], foldBytes: number): boolean => {
  const bytes = inferTypes(bound, args).map(typeBytes);
  if (bytes.includes(undefined))
    return (
      usesHost(
        bound,
        args.map((a) => a.type),
        args.map((a) => a.value),
      ) && args.every((a) => (a.value?.byteLength ?? 0) <= foldBytes)
    );
  const made = bytes.reduce<number>((n, b) => n + b!, 0);
  return made <= foldBytes || made <= args.reduce((n, a) => n + (a.value?.byteLength ?? 0), 0);
};

/** Ops that read only shapes (Shape, Size, Range of constants, …): their expressions load no unknown input. */
const foldShapes = (bound: BoundNode, args: readonly Arg[]): Folded | undefined => {
  const types = args.map((a) => a.type);
  if (
    !bound.record.compute ||
    usesHost(
      bound,
      types,
      args.map((a) => a.value),
    ) ||
    !isConcrete(bound, args)
  )
    return undefined;
  if (inferTypes(bound, args).some((t) => (typeBytes(t) ?? 0) > SHAPE_BYTES)) return undefined;
  const inputs = args.map((a) =>
    a.type?.kind === 'tensor' ? new InputTensor('', a.type.dtype, concreteShape(a.type)!, a.value) : undefined,
  );
  const roots = expressionsOf(
    bound,
    inputs,
    args.map((a) => a.value),
  );
  const wanted = roots.flatMap((x) => (x ? [x] : []));
  if (takeInventory(wanted).order.some((t) => t instanceof InputTensor)) return undefined;
  const results = wanted.map((x) => Tensor.zeros(x.dtype, x.shape));
  renderJs(lower([], wanted)).run(
    [],
    results.map((r) => r.data),
  );
  let next = 0;
  return roots.map((x) => x && results[next++]);
};

/**
 * A node's outputs, if they are tensors that are known already.
 * @param foldBytes a folded value may be at most this large, unless it is smaller than what it was made from.
 * @throws user errors for inputs the op does not allow.
 */
export const fold = (bound: BoundNode, args: readonly Arg[], foldBytes: number): Folded | undefined => {
  const { record, node } = bound;
  if (
    record.control ||
    !isDeterministic(
      bound,
      args.map((a) => a.type),
      args.map((a) => a.value),
    )
  )
    return undefined;
  if (!node.inputs.every((n, i) => n === '' || args[i]!.value) || !smallEnough(bound, args, foldBytes)) return foldShapes(bound, args);
  const made = evaluateNode(
    record,
    node,
    args.map((a) => a.value),
  );
  return made instanceof Promise || made.some((v) => v !== undefined && !(v instanceof Tensor)) ? undefined : made;
};
