/** Arithmetic with numpy broadcasting: +, −, ·, /, mod, powers, extremes, and limiting to an interval. */
import { add, cast, div, floormod, gt, lt, max, min, mul, pow, rem, select, sub, type Expr } from '../compiler/expr.ts';
import { map, mapBroadcast } from '../compiler/tensor-expr.ts';
import { isFloat, isInteger, type DType, dtypeInfo } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { float, int } from './attrs.ts';
import { contraction, defineOp, exact, optional, ulp, variadic, type Accuracy, type OpRecord } from './define.ts';
import { floats, ints, numeric } from './types.ts';
import { elementOf } from './util.ts';

/** An op that is one function of two broadcast arguments of one type. */
const binary = (name: string, f: (a: Expr, b: Expr) => Expr, accuracy: Accuracy): OpRecord =>
  defineOp({
    name,
    since: 7,
    inputs: { A: numeric, B: 'A' },
    outputs: { C: 'A' },
    compute: ({ A, B }) => mapBroadcast([A, B], f),
    accuracy,
  });

export const Add = binary('Add', add, ulp(1));
export const Sub = binary('Sub', sub, ulp(1));
export const Mul = binary('Mul', mul, ulp(1));
/** Integer quotients are truncated toward zero. */
export const Div = binary('Div', div, ulp(1));

/** Remainder with the sign of the divisor; with `fmod` of the dividend. */
export const Mod = defineOp({
  name: 'Mod',
  since: 10,
  inputs: { A: numeric, B: 'A' },
  outputs: { C: 'A' },
  attrs: { fmod: int(0) },
  compute: ({ A, B }, { fmod }) => {
    if (fmod !== 0 && fmod !== 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'fmod' is ${fmod}, it must be 0 or 1`);
    return mapBroadcast([A, B], fmod ? rem : floormod);
  },
  accuracy: ulp(1),
});

/** The type in which a base and an exponent are raised: every value of both must be in it. */
const powerType = (base: DType, exponent: DType): DType => {
  if (base === exponent) return base;
  // Powers modulo 2^64 stay right when cut to a narrower integer.
  if (isInteger(base) && isInteger(exponent)) return dtypeInfo(exponent).kind === 'uint' ? 'uint64' : 'int64';
  const fitsFloat32 = (t: DType): boolean => t === 'float32' || dtypeInfo(t).bits <= 16;
  return isFloat(base) && fitsFloat32(base) && fitsFloat32(exponent) ? 'float32' : 'float64';
};

/** X to the power Y, in X's type. Integers wrap; an integer to a negative integer power is 0 (±1 for a base of ±1). */
export const Pow = defineOp({
  name: 'Pow',
  since: 7,
  inputs: { X: [...floats, 'int32', 'int64'], Y: numeric },
  outputs: { Z: 'X' },
  compute: ({ X, Y }) => {
    const type = powerType(X.dtype, Y.dtype);
    return mapBroadcast([X, Y], (x, y) => pow(cast(x, type), cast(y, type)));
  },
  accuracy: ulp(8),
  // A power takes some 5 ns, so a few thousand are worth a thread.
  hints: { parallel: 2048 },
});

/** An op that folds any number of broadcast arguments of one type. */
const folding = (name: string, output: string, types: readonly DType[], f: (a: Expr, b: Expr) => Expr, accuracy: Accuracy): OpRecord =>
  defineOp({
    name,
    since: 8,
    inputs: { data_0: variadic(types) },
    outputs: { [output]: 'data_0' },
    compute: ({ data_0 }) => mapBroadcast(data_0, (...xs) => xs.reduce((a, b) => f(a, b))),
    accuracy,
  });

export const Max = folding('Max', 'max', numeric, max, exact);
export const Min = folding('Min', 'min', numeric, min, exact);
export const Sum = folding('Sum', 'sum', floats, add, contraction);

export const Mean = defineOp({
  name: 'Mean',
  since: 8,
  inputs: { data_0: variadic(floats) },
  outputs: { mean: 'data_0' },
  compute: ({ data_0 }) =>
    mapBroadcast(data_0, (...xs) =>
      div(
        xs.reduce((a, b) => add(a, b)),
        xs.length,
      ),
    ),
  accuracy: contraction,
});

/** min(max(x, lo), hi): where lo > hi everything is hi. */
export const Clip = defineOp({
  name: 'Clip',
  since: 11,
  inputs: { input: numeric, min: optional('input'), max: optional('input') },
  outputs: { output: 'input' },
  compute: ({ input, min: low, max: high }) => {
    const [lo, hi] = [low && elementOf(low, 'min'), high && elementOf(high, 'max')];
    return map(input, (x) => {
      const raised = lo ? max(x, lo) : x;
      return hi ? min(raised, hi) : raised;
    });
  },
  accuracy: exact,
});

/** x drawn toward zero by `bias` outside [−lambd, lambd], 0 inside. Integers are compared and moved as real numbers, then truncated. */
export const Shrink = defineOp({
  name: 'Shrink',
  since: 9,
  inputs: { input: [...ints, 'float32', 'float64', 'float16'] },
  outputs: { output: 'input' },
  attrs: { bias: float(0), lambd: float(0.5) },
  compute: ({ input }, { bias, lambd }) => {
    const type = input.dtype;
    return map(input, (x) => {
      const real = isFloat(type) ? x : cast(x, 'float64');
      // A whole bias keeps integers exact, the 64-bit ones too.
      const moved = (by: number): Expr => (Number.isInteger(by) ? (by < 0 ? sub(x, -by) : add(x, by)) : cast(add(real, by), type));
      return select(lt(real, -lambd), moved(bias), select(gt(real, lambd), moved(-bias), 0));
    });
  },
  accuracy: ulp(1),
});
