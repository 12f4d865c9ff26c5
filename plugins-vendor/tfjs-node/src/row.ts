/** What an op of ONNX is here: a rule that refuses what cannot be done, and then adds its ops to a program. */
import type { DType, Facts, Row as RowOf } from 'flagos/plugin';
import { typeAttr } from './library.ts';
import type { Program, Slot } from './program.ts';

export type Row = RowOf<Program>;

export const floats: readonly DType[] = ['float32'];
export const numbers: readonly DType[] = ['float32', 'int32', 'int64'];
export const any: readonly DType[] = ['float32', 'int32', 'int64', 'bool'];

/** One input, one output, same shape: where channels stand does not matter. */
export const mapped =
  (dtypes: readonly DType[], make: (p: Program, x: Slot, f: Facts) => Slot, check: (f: Facts) => void = () => {}): Row =>
  (f, p) => {
    f.needType(0, ...dtypes);
    check(f);
    if (!p) return;
    const form = p.isLast(f, 0) ? 'last' : 'plain';
    p.output(f, make(p, form === 'last' ? p.last(f, 0) : p.plain(f, 0), f), form);
  };
export const unary = (op: string, dtypes: readonly DType[] = floats): Row =>
  mapped(dtypes, (p, x, f) => p.op(op, op === 'LogicalNot' ? [] : [typeAttr(x.dtype)], [x], f.outType()));
