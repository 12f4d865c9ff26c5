/**
 * A cut: the calls that must run so that some values are there, and what of their results somebody still
 * holds. Its key says the structure: calls of equal kinds wired in the same way run by the same plan.
 */
import type { DType } from '../../core/dtype.ts';
import { tensorType, type Graph, type Node, type ValueInfo } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { type Call, type Cell, sameDims } from './cells.ts';
import type { Template } from './template.ts';

export interface Leaf {
  readonly cell: Cell;
  readonly shape: readonly number[];
}

export interface Cut {
  readonly calls: readonly Call[];
  readonly leaves: readonly Leaf[];
  /** What comes out, in order. */
  readonly wanted: readonly Cell[];
  readonly key: string;
}

/** Calls that must run before a value is there, each after those it needs. */
const callsBehind = (targets: readonly Cell[]): Call[] => {
  const found: Call[] = [];
  const stack: { call: Call; next: number }[] = [];
  const enter = (cell: Cell): void => {
    const { call } = cell;
    if (!call || call.at !== -1) return;
    call.at = -2;
    stack.push({ call, next: 0 });
  };
  for (const target of targets) {
    enter(target);
    while (stack.length) {
      const top = stack[stack.length - 1]!;
      if (top.next < top.call.inputs.length) enter(top.call.inputs[top.next++]!);
      else {
        stack.pop();
        top.call.at = found.length;
        found.push(top.call);
      }
    }
  }
  return found;
};

/**
 * Values to calculate together with some: what somebody holds of waiting calls that share calls with them.
 * Else what they share would be forgotten (it has no holder) and calculated again for the others, in a
 * training loop from the first step on, since no step's update is ever read.
 */
export const connectedTo = (targets: readonly Cell[], waiting: readonly Call[]): readonly Cell[] => {
  if (waiting.length < 2) return targets;
  const wanted = [...targets];
  const taken = new Set<Call>();
  const take = (cells: readonly Cell[]): void => {
    for (const call of callsBehind(cells)) {
      call.at = -1;
      taken.add(call);
    }
  };
  take(targets);
  for (let found = true; found;) {
    found = false;
    const known = new Map<Call, boolean>();
    const touches = (call: Call): boolean => {
      let is = known.get(call);
      if (is === undefined) {
        is = taken.has(call) || call.inputs.some((cell) => cell.call !== undefined && touches(cell.call));
        known.set(call, is);
      }
      return is;
    };
    for (const call of waiting) {
      if (taken.has(call)) continue;
      const held = call.outputs.filter((o) => o.call && o.refCount > 0);
      if (held.length === 0 || !touches(call)) continue;
      wanted.push(...held);
      take(held);
      found = true;
    }
  }
  return wanted;
};

/** @param all whether results nobody holds are wanted too. */
export const cutFor = (targets: readonly Cell[], all = false): Cut => {
  const calls = callsBehind(targets);
  const leaves: Leaf[] = [];
  const wanted: Cell[] = [];
  const seen = calls.length > 1 ? new Map<Cell, number[]>() : undefined;
  let key = '';
  const leafOf = (cell: Cell, shape: readonly number[]): number => {
    if (!seen) {
      // A single call has few inputs.
      for (let i = 0; i < leaves.length; i++) if (leaves[i]!.cell === cell && sameDims(leaves[i]!.shape, shape)) return i;
      return leaves.push({ cell, shape }) - 1;
    }
    const known = seen.get(cell);
    const same = known?.find((i) => sameDims(leaves[i]!.shape, shape));
    if (same !== undefined) return same;
    leaves.push({ cell, shape });
    if (known) known.push(leaves.length - 1);
    else seen.set(cell, [leaves.length - 1]);
    return leaves.length - 1;
  };
  for (const call of calls) {
    key += `${call.template.id}(`;
    call.inputs.forEach((cell, i) => {
      if (cell.call) key += `${cell.call.at}.${cell.output},`;
      else key += `l${leafOf(cell, call.shapes[i]!)},`;
    });
    key += ')';
    for (const cell of call.outputs) {
      if (cell.refCount <= 0 && !all && !targets.includes(cell)) continue;
      wanted.push(cell);
      key += `>${cell.output}`;
    }
  }
  return { calls, leaves, wanted, key };
};

/** To be called when a cut is done with: calls belong to none again. */
export const release = (cut: Cut): void => {
  for (const call of cut.calls) call.at = -1;
};

/** The cut as a graph: one input per leaf, one output per value wanted. Calls must still have their positions. */
export const graphOf = (cut: Cut): Graph => {
  const nodes: Node[] = [];
  const initializers = new Map<string, Tensor>();
  const types = new Map<string, ReturnType<typeof tensorType>>();
  const names = new Map<Cell, string>();
  let reshapes = 0;
  const reshaped = (name: string, shape: readonly number[]): string => {
    const [to, made] = [`s${reshapes}`, `r${reshapes}`];
    reshapes++;
    initializers.set(to, Tensor.from('int64', [shape.length], shape));
    nodes.push({
      name: made,
      op: 'Reshape',
      domain: '',
      version: 25,
      inputs: [name, to],
      outputs: [made],
      attrs: { allowzero: { type: 'int', value: 1 } },
    });
    return made;
  };
  cut.calls.forEach((call, c) => {
    const { template } = call;
    const local = new Map<string, string>([['', '']]);
    template.inputs.forEach(({ name }, i) => {
      const cell = call.inputs[i]!;
      const shape = call.shapes[i]!;
      const made = names.get(cell);
      if (made === undefined) local.set(name, `x${cut.leaves.findIndex((l) => l.cell === cell && sameDims(l.shape, shape))}`);
      else local.set(name, sameDims(cell.dims, shape) ? made : reshaped(made, shape));
    });
    for (const [name, tensor] of template.constants) {
      local.set(name, `k${c}${name}`);
      initializers.set(`k${c}${name}`, tensor);
    }
    for (const node of template.nodes) {
      for (const o of node.outputs) local.set(o, `v${c}${o}`);
      nodes.push({
        ...node,
        name: `${template.kernel}_${c}${node.name}`,
        inputs: node.inputs.map((n) => local.get(n)!),
        outputs: node.outputs.map((n) => local.get(n)!),
      });
    }
    call.outputs.forEach((cell, i) => names.set(cell, local.get(template.outputs[i]!.name)!));
  });
  const inputs = cut.leaves.map(({ cell, shape }, i): ValueInfo => ({ name: `x${i}`, type: tensorType(cell.dtype as DType, shape) }));
  const outputs = cut.wanted.map((cell): ValueInfo => ({ name: names.get(cell)!, type: undefined }));
  return {
    name: cut.calls
      .map((c) => c.template.kernel)
      .slice(0, 4)
      .join('+'),
    inputs,
    outputs,
    initializers,
    nodes,
    types,
  };
};

/** One call by itself: an input for each of the call's. */
export const graphOfOne = ({ kernel, inputs, nodes, constants, outputs }: Template): Graph => ({
  name: kernel,
  inputs: inputs.map(({ name, dtype, shape }): ValueInfo => ({ name, type: tensorType(dtype, shape) })),
  outputs: outputs.map(({ name }): ValueInfo => ({ name, type: undefined })),
  initializers: constants,
  nodes: nodes.map((n) => ({ ...n, name: `${kernel}_${n.name}` })),
  types: new Map(),
});

/** Inputs of a run of the cut. */
export const leafValues = (cut: Cut): Tensor[] =>
  cut.leaves.map(({ cell, shape }) => (sameDims(cell.value!.dims, shape) ? cell.value! : cell.value!.reshaped(shape)));
