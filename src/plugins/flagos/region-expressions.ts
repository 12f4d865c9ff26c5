/**
 * A region as one tensor expression: each node's record applied to the expressions of the nodes
 * before it. Fusion then is nothing special: what lowering may inline, it inlines across nodes.
 */
import { isFloat, dtypeInfo } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { concreteShape, type Node } from '../../core/graph.ts';
import type { Tensor } from '../../core/tensor.ts';
import { rounded as roundedElement } from '../../compiler/expr.ts';
import { InputTensor, map, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { bindNode, expressionsOf, isConcrete, usesHost, type BoundNode } from '../../ops/bind.ts';
import type { OpSet } from '../../ops/registry.ts';
import { refused, supported, type Region, type Support } from '../contract.ts';

/** Whether a node of a region is written as expressions, and its shapes are known. */
export const supportsNode = (ops: OpSet, node: Node, region: Region): Support => {
  const record = ops.find(node.domain, node.op);
  if (!record) return refused('NO_KERNEL', 'there is no record of it');
  if (!record.compute) return refused('NO_KERNEL', 'it is not written as tensor expressions');
  const bound = bindNode(record, node);
  const args = node.inputs.map((name) =>
    name === '' ? { type: undefined } : { type: region.types.get(name), value: region.constants.get(name) },
  );
  if (
    usesHost(
      bound,
      args.map((a) => a.type),
      args.map((a) => a.value),
    )
  )
    return refused('DTYPE', 'strings and complex numbers are left to the host');
  return isConcrete(bound, args) ? supported : refused('SHAPE_UNKNOWN', 'shapes depend on values that are not known yet');
};

/** Narrow floats are rounded between ops, as they would be in memory. */
const rounded = (x: TensorExpr): TensorExpr => (isFloat(x.dtype) && dtypeInfo(x.dtype).bits < 32 ? map(x, roundedElement) : x);

export interface RegionExpressions {
  /** One per input of the region and per constant that is read. */
  readonly inputs: readonly { readonly tensor: InputTensor; readonly constant: Tensor | undefined; readonly position: number }[];
  /** In the order of the region's outputs. */
  readonly outputs: readonly TensorExpr[];
}

export const regionExpressions = (ops: OpSet, region: Region): RegionExpressions => {
  const values = new Map<string, TensorExpr>();
  const inputs: { tensor: InputTensor; constant: Tensor | undefined; position: number }[] = [];
  region.inputs.forEach(({ name, type }, position) => {
    const shape = concreteShape(type);
    if (!shape || type?.kind !== 'tensor') throw new FlagosError('FLAGOS_E_UNSUPPORTED', `value '${name}' has no known shape`);
    const tensor = new InputTensor(name, type.dtype, shape);
    inputs.push({ tensor, constant: undefined, position });
    values.set(name, tensor);
  });
  const valueOf = (name: string): TensorExpr | undefined => {
    if (name === '') return undefined;
    const known = values.get(name);
    if (known) return known;
    const constant = region.constants.get(name);
    if (!constant) throw new FlagosError('FLAGOS_E_INTERNAL', `value '${name}' is not in the region`);
    const tensor = new InputTensor(name, constant.dtype, constant.dims, constant);
    inputs.push({ tensor, constant, position: -1 });
    values.set(name, tensor);
    return tensor;
  };
  const wanted = new Set([...region.outputs.map((o) => o.name), ...region.nodes.flatMap((n) => n.inputs)]);
  for (const node of region.nodes) {
    const record = ops.find(node.domain, node.op)!;
    const pruned: Node = { ...node, outputs: node.outputs.map((o) => (wanted.has(o) ? o : '')) };
    const bound: BoundNode = { ...bindNode(record, node), node: pruned };
    const args = node.inputs.map((name, i) =>
      record.inputs[Math.min(i, record.inputs.length - 1)]?.role === 'value' ? undefined : valueOf(name),
    );
    const known = node.inputs.map((name) => region.constants.get(name));
    // `value` inputs are passed by their contents; the expression needs no buffer for them.
    const made = expressionsOf(
      bound,
      args.map((a, i) => a ?? (known[i] ? new InputTensor(node.inputs[i]!, known[i]!.dtype, known[i]!.dims, known[i]) : undefined)),
      known,
    );
    made.forEach((x, i) => x && values.set(node.outputs[i]!, region.nodes.length > 1 ? rounded(x) : x));
  }
  return { inputs, outputs: region.outputs.map((o) => values.get(o.name)!) };
};
