/** Scans (recurrences): a loop over steps that keeps a state, all of whose next values are there before any is replaced. */
import { ix } from '../loops.ts';
import { ScanTensor, type ScanNode } from '../tensor-expr.ts';
import type { TensorLowering } from './tensors.ts';

export const lowerScan = (to: TensorLowering, node: ScanNode): void => {
  const { writer, places } = to;
  const state = node.state.map((s) => writer.temp(s.dtype, s.size));
  const next = node.state.map((s) => writer.temp(s.dtype, s.size));
  const outs = node.outs.map((o) => writer.temp(o.dtype, o.size * node.length));
  node.initial.forEach((x, i) => to.copy(x, state[i]!));
  node.state.forEach((s, i) => places.put(s, state[i]!));
  writer.steps(node, (t) => {
    node.next.forEach((x, i) => to.copy(x, next[i]!));
    node.outs.forEach((x, i) => {
      to.prepareTensor(x);
      writer.nest([x.size], ([j]) =>
        writer.push({ kind: 'store', buffer: outs[i]!, at: ix.add(ix.mul(t, x.size), j!), value: to.readFlat(x, j!) }),
      );
    });
    node.state.forEach((s, i) =>
      writer.nest([s.size], ([j]) =>
        writer.push({ kind: 'store', buffer: state[i]!, at: j!, value: { kind: 'read', type: s.dtype, buffer: next[i]!, at: j! } }),
      ),
    );
  });
  for (const part of to.inventory.order)
    if (part instanceof ScanTensor && part.node === node) places.put(part, (part.part === 'state' ? state : outs)[part.position]!);
};
