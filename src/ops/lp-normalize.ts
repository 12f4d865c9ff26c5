/** Division by the size of a neighbourhood: LRN, LpNormalization, MeanVarianceNormalization. */
import { abs, add, and, cast, div, eq, ge, lt, mul, pow, select, sqrt, sub, sum } from '../compiler/expr.ts';
import { atBroadcast, compute } from '../compiler/tensor-expr.ts';
import { float, int, ints, requiredInt } from './attrs.ts';
import { defineOp } from './define.ts';
import { statistics } from './normalize.ts';
import { overAxes } from './reduce.ts';
import { floats } from './types.ts';
import { expectRank, normalizeAxes, normalizeAxis, replaceAt, valueError, workingType } from './util.ts';

export const LRN = defineOp({
  name: 'LRN',
  since: 1,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float(1e-4), beta: float(0.75), bias: float(1), size: requiredInt() },
  compute: ({ X }, { alpha, beta, bias, size }) => {
    expectRank(X.shape, 2, 'X');
    if (size < 1) throw valueError(`size is ${size}, it must be at least 1`);
    const channels = X.shape[1]!;
    const before = Math.floor((size - 1) / 2);
    return compute(X.shape, (...i) => {
      const squares = sum(size, (k) => {
        const c = add(i[1]!, k!);
        const inside = and(ge(c, before), lt(c, channels + before));
        const e = X.at(...replaceAt(i, 1, sub(c, before)));
        return select(inside, mul(e, e), 0);
      });
      return div(X.at(...i), pow(add(bias, mul(alpha / size, squares)), beta));
    });
  },
});

export const LpNormalization = defineOp({
  name: 'LpNormalization',
  since: 1,
  inputs: { input: floats },
  outputs: { output: 'input' },
  attrs: { axis: int(-1), p: int(2) },
  compute: ({ input: x }, { axis: given, p }) => {
    expectRank(x.shape, 1, 'input');
    if (p !== 1 && p !== 2) throw valueError(`p is ${p}, it must be 1 or 2`);
    const type = workingType(x.dtype);
    const norm = overAxes(x, [normalizeAxis(given, x.rank)], true, ({ extents, read }) => {
      const total = sum(extents, (...k) => {
        const e = cast(read(...k), type);
        return p === 1 ? abs(e) : mul(e, e);
      });
      return p === 1 ? total : sqrt(total);
    });
    return compute(x.shape, (...i) => {
      const n = atBroadcast(norm, i);
      return cast(select(eq(n, 0), 0, div(cast(x.at(...i), type), n)), x.dtype);
    });
  },
});

export const MeanVarianceNormalization = defineOp({
  name: 'MeanVarianceNormalization',
  since: 9,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { axes: ints([0, 2, 3]) },
  compute: ({ X }, { axes }) => {
    const dtype = workingType(X.dtype);
    // ε of the operator's function body; it is added to the deviation, not to the variance.
    const { mean, spread } = statistics(X, normalizeAxes(axes, X.rank), dtype, (v) => add(sqrt(v), 1e-9));
    return compute(X.shape, (...i) => div(sub(cast(X.at(...i), dtype), atBroadcast(mean, i)), atBroadcast(spread, i)));
  },
});
