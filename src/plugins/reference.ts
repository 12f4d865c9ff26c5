/** The built-in provider `reference`: every op with a record, in float64, from the records themselves. What is right is defined here. */
import { concreteShape, opName, type ValueType } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';
import { bindNode, isConcrete, usesHost } from '../ops/bind.ts';
import { compileNode } from '../ops/evaluate.ts';
import type { OpSet } from '../ops/registry.ts';
import { argsOfNode, contentCheck, gatherArguments, isHostRegion, prepareHost } from './host-kernels.ts';
import { refused, supported, type ChipSession, type KernelProvider, type Prepared, type Region, type Support } from './contract.ts';

const float64 = { inputs: 'float64', accumulate: 'float64', notes: [] } as const;

class ReferenceSession implements ChipSession {
  readonly regions = 'single';
  readonly instant = true;
  readonly dynamicShapes = true;
  /** Generated JavaScript over float64: measured on a few contractions, and deliberately on the slow side. */
  readonly prior = { overheadUs: 5, gflops: 0.5, gbps: 0.5 };
  readonly ops: OpSet;
  constructor(ops: OpSet) {
    this.ops = ops;
  }

  supports(region: Region): Support {
    const [node] = region.nodes;
    if (!node || region.nodes.length !== 1) return refused('REGION', 'runs one op at a time');
    const record = this.ops.find(node.domain, node.op);
    if (!record) return refused('NO_KERNEL', `there is no record of ${opName(node.domain, node.op)}`);
    if (record.control) return refused('NO_KERNEL', 'control flow is run by the runtime');
    const bound = bindNode(record, node);
    const args = argsOfNode(region);
    const types = args.map((a) => a.type);
    if (
      usesHost(
        bound,
        types,
        args.map((a) => a.value),
      )
    )
      return record.host ? supported : refused('DTYPE', `has no function for ${types.map(kindOf).join(', ')}`);
    if (types.some((t, i) => t && t.kind !== 'tensor' && node.inputs[i] !== '')) return refused('DTYPE', 'takes tensors only');
    return isConcrete(bound, args) ? supported : refused('SHAPE_UNKNOWN', 'shapes depend on values that are not known yet');
  }

  variants(): [{ name: string; numerics: typeof float64 }] {
    return [{ name: 'float64', numerics: float64 }];
  }

  prepare(region: Region): Prepared {
    if (isHostRegion(this.ops, region)) return prepareHost(this.ops, region);
    const node = region.nodes[0]!;
    const record = this.ops.find(node.domain, node.op)!;
    const bound = bindNode(record, node);
    const args = argsOfNode(region);
    const gather = gatherArguments(region);
    // Outputs nobody reads are not computed.
    const kept = { ...bound, node: { ...node, outputs: node.outputs.map((o) => (region.outputs.some((r) => r.name === o) ? o : '')) } };
    const samples = args.map((a) =>
      a.type?.kind === 'tensor' ? { dtype: a.type.dtype, dims: concreteShape(a.type)!, value: a.value } : undefined,
    );
    const evaluation = compileNode(kept, samples);
    const order = kept.node.outputs.flatMap((o) => (o === '' ? [] : [region.outputs.findIndex((r) => r.name === o)]));
    const check = contentCheck(this.ops, region);
    return {
      workspaceBytes: evaluation.kernel.workspaceBytes,
      run: (inputs, outputs) => {
        check?.(inputs);
        const results = evaluation.run(
          gather(inputs) as (Tensor | undefined)[],
          order.map((i) => outputs[i] as Tensor | undefined),
        );
        order.forEach((at, i) => (outputs[at] = results[i]));
      },
      dispose: () => {},
    };
  }

  close(): void {}
}

const kindOf = (t: ValueType | undefined): string => (t?.kind === 'tensor' ? t.dtype : (t?.kind ?? 'nothing'));

export const referenceProvider = (ops: OpSet, version: string): KernelProvider => ({
  name: 'reference',
  kind: 'reference',
  version,
  probe: () => ({ chips: [{ id: 'cpu', description: 'float64 in JavaScript, from the op records', fingerprint: 'float64' }] }),
  open: () => new ReferenceSession(ops),
});
