/** Scatter: a copy of the base, then one write after another, in the order of its domain. */
import type { Buffer, LExpr } from '../loops.ts';
import type { ScatterTensor } from '../tensor-expr.ts';
import { positionOf } from './places.ts';
import { scopeOf } from './scalars.ts';
import type { TensorLowering } from './tensors.ts';

export const lowerScatter = (to: TensorLowering, t: ScatterTensor, buffer: Buffer): void => {
  const { writer, scalars } = to;
  to.copy(t.base, buffer);
  const expressions = [...t.at_, t.value, t.where];
  expressions.forEach((e) => to.prepare(e));
  writer.nest(
    t.domain,
    (at) => {
      const scope = scopeOf(expressions, to.bound(t.axes, at));
      const cond = scalars.expr(t.where, scope);
      const write = (): void => {
        const index = t.at_.map((e) => scalars.expr(e, scope));
        const position = writer.bind(positionOf(index, t.shape));
        const value = scalars.expr(t.value, scope);
        const old: LExpr = { kind: 'read', type: t.dtype, buffer, at: position };
        writer.push({
          kind: 'store',
          buffer,
          at: position,
          value: t.mode === 'set' ? value : { kind: 'binary', type: t.dtype, op: t.mode, a: old, b: value },
        });
      };
      if (cond.kind === 'const' && cond.value) write();
      else writer.push({ kind: 'if', cond, then: writer.collect(write), otherwise: [] });
    },
    false,
  );
};
