/**
 * Other people's rules of acceptance, as they are: for comparison, and for teams that have to meet them.
 * Ours (`flagos`) is the error model; none of these knows the op, its lengths or its precision.
 */
import { FlagosError } from '../core/errors.ts';
import { dtypeInfo } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import { numbersIn } from '../accuracy/precision.ts';
import { numpyGate, onnxGate, polygraphyGate, pytorchGate } from './close-rules.ts';

export interface GateVerdict {
  /** Undefined where the rule says nothing of such tensors. */
  readonly ok: boolean | undefined;
  /** Elements out of tolerance, where the rule is by element. */
  readonly bad?: number;
}

export interface Gate {
  readonly name: string;
  /** The rule in words, with where it comes from. */
  readonly rule: string;
  judge(actual: Tensor, golden: Tensor): GateVerdict;
}

const norm = (x: Float64Array): number => Math.sqrt(x.reduce((s, v) => s + v * v, 0));

const cosineOf = (a: Float64Array, g: Float64Array): number => {
  let [aa, gg, ag] = [0, 0, 0];
  for (let i = 0; i < g.length; i++) {
    aa += a[i]! * a[i]!;
    gg += g[i]! * g[i]!;
    ag += a[i]! * g[i]!;
  }
  return aa === 0 && gg === 0 ? 1 : ag / (Math.sqrt(aa) * Math.sqrt(gg));
};

/** Norms up to which msprobe takes a tensor for zero: np.finfo(float).eps. */
const MSPROBE_ZERO = 2 ** -52;

/**
 * msprobe's "accuracy reached" for dumps of real data: cosine and largest absolute error together. NaN and infinities count
 * as 0 where both sides have them, and fail elsewhere; of single numbers it gives no cosine, and so no verdict; where one
 * side alone is all zero the cosine is NaN and the largest error decides.
 * Source: Ascend/mstt, msprobe/core/compare/utils.py or check.py (check_accuracy), npy_compare.py (GetCosineSimilarity,
 * handle_inf_nan), core/common/const.py (COS_THRESHOLD 0.99, MAX_ABS_ERR_THRESHOLD 0.001, COS_MAX_THRESHOLD 0.9,
 * MAX_ABS_ERR_MAX_THRESHOLD 1).
 */
const msprobe: Gate = {
  name: 'msprobe:L1',
  rule: 'not (cosine < 0.99 and max abs > 0.001), cosine ≥ 0.9, max abs ≤ 1 (Ascend msprobe, comparison of API outputs)',
  judge: (actual, golden) => {
    if (actual.dims.join() !== golden.dims.join() || actual.dtype !== golden.dtype) return { ok: false };
    if (dtypeInfo(golden.dtype).kind === 'string' || golden.size < 2) return { ok: undefined };
    const [a, g] = [numbersIn(actual), numbersIn(golden)];
    let maxAbs = 0;
    for (let i = 0; i < g.length; i++) {
      const [x, y] = [a[i]!, g[i]!];
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        if ((x !== x) !== (y !== y) || (x === x && Math.abs(x) !== Math.abs(y))) return { ok: false };
        a[i] = g[i] = 0;
      } else maxAbs = Math.max(maxAbs, Math.abs(x - y));
    }
    const [na, ng] = [norm(a), norm(g)];
    const cosine = na <= MSPROBE_ZERO && ng <= MSPROBE_ZERO ? 1 : na <= MSPROBE_ZERO || ng <= MSPROBE_ZERO ? NaN : cosineOf(a, g);
    return { ok: !((cosine < 0.99 && maxAbs > 0.001) || cosine < 0.9 || maxAbs > 1) };
  },
};

const cosine = (least: number): Gate => ({
  name: `cosine>=${least}`,
  rule: `cosine of both as vectors ≥ ${least}`,
  judge: (actual, golden) => {
    if (actual.size !== golden.size || dtypeInfo(golden.dtype).kind === 'string') return { ok: actual.size === golden.size };
    return { ok: cosineOf(numbersIn(actual), numbersIn(golden)) >= least };
  },
});

const pairOf = (text: string | undefined, defaults: readonly [number, number] | undefined): readonly [number, number] | undefined => {
  if (text === undefined) return defaults;
  const parts = text.split(',').map((t) => (t.trim() === '' ? NaN : Number(t)));
  return parts.length === 2 && parts.every((n) => n >= 0) ? [parts[0]!, parts[1]!] : undefined;
};

export const gateNames = ['polygraphy', 'pytorch', 'onnx', 'numpy:<rtol>,<atol>', 'msprobe:L1', 'cosine>=<x>'] as const;

/** The rule a name stands for. @throws FLAGOS_E_USAGE */
export const parseGate = (text: string): Gate => {
  const atLeast = /^cosine>=(.+)$/.exec(text)?.[1];
  if (atLeast !== undefined && Number(atLeast) <= 1) return cosine(Number(atLeast));
  const [, name, parameters] = /^([a-z]+)(?::(.*))?$/.exec(text) ?? [];
  if (name === 'polygraphy') {
    const pair = pairOf(parameters, [1e-5, 1e-5]);
    if (pair) return polygraphyGate(...pair);
  }
  if (name === 'numpy') {
    const pair = pairOf(parameters, undefined);
    if (pair) return numpyGate(text, ...pair);
  }
  if (text === 'pytorch') return pytorchGate;
  if (text === 'onnx') return onnxGate;
  if (text === 'msprobe:L1') return msprobe;
  throw new FlagosError('FLAGOS_E_USAGE', `--gate does not know '${text}'`, { hint: `it takes ${gateNames.join(', ')}` });
};
