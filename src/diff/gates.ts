/**
 * Other people's rules of acceptance, as they are: for comparison, and for teams that have to meet them.
 * Ours (`flagos`) is the error model; none of these knows the op, its lengths or its precision.
 */
import { FlagosError } from '../core/errors.ts';
import { dtypeInfo, type DType } from '../core/dtype.ts';
import type { Tensor } from '../core/tensor.ts';
import { numbersIn } from '../accuracy/precision.ts';

export interface GateVerdict {
  readonly ok: boolean;
  /** Elements out of tolerance, where the rule is by element. */
  readonly bad?: number;
}

export interface Gate {
  readonly name: string;
  /** The rule in words, with where it comes from. */
  readonly rule: string;
  judge(actual: Tensor, golden: Tensor): GateVerdict;
}

const sameForm = (a: Tensor, g: Tensor): boolean =>
  a.dtype === g.dtype && a.dims.length === g.dims.length && a.dims.every((d, i) => d === g.dims[i]);

/** A rule by element; what is not a number is compared as it is. */
const elementwise = (name: string, rule: string, passes: (x: number, y: number, dtype: DType) => boolean): Gate => ({
  name,
  rule,
  judge: (actual, golden) => {
    if (!sameForm(actual, golden)) return { ok: false };
    if (dtypeInfo(golden.dtype).kind === 'string') {
      const bad = (golden.data as string[]).filter((v, i) => v !== actual.data[i]).length;
      return { ok: bad === 0, bad };
    }
    const [a, g] = [numbersIn(actual), numbersIn(golden)];
    let bad = 0;
    for (let i = 0; i < g.length; i++) if (!passes(a[i]!, g[i]!, golden.dtype)) bad++;
    return { ok: bad === 0, bad };
  },
});

/** numpy.testing.assert_allclose: NaN where NaN is, infinities equal, else |a − g| ≤ atol + rtol·|g|. */
const numpyClose =
  (rtol: number, atol: number) =>
  (x: number, y: number): boolean => {
    if (x !== x || y !== y) return x !== x && y !== y;
    if (!Number.isFinite(x) || !Number.isFinite(y)) return x === y;
    return Math.abs(x - y) <= atol + rtol * Math.abs(y);
  };

/** Polygraphy's `simple`, elementwise: bad is what breaks the absolute and the relative tolerance both; NaN breaks either, and ∞ − ∞ is NaN. */
const polygraphy = (rtol: number, atol: number): Gate =>
  elementwise('polygraphy', `both |a − g| > ${atol} and |a − g| / |g| > ${rtol} (Polygraphy, CompareFunc.simple, elemwise)`, (x, y) => {
    const abs = Math.abs(x - y);
    const rel = abs / Math.abs(y);
    return !((abs > atol || abs !== abs) && (rel > rtol || rel !== rel));
  });

/** Source: the table of defaults of torch.testing.assert_close. */
const torchTolerances: Readonly<Partial<Record<DType, readonly [rtol: number, atol: number]>>> = {
  float16: [1e-3, 1e-5],
  bfloat16: [1.6e-2, 1e-5],
  float32: [1.3e-6, 1e-5],
  float64: [1e-7, 1e-7],
  complex64: [1.3e-6, 1e-5],
  complex128: [1e-7, 1e-7],
};

const pytorch = elementwise(
  'pytorch',
  '|a − g| ≤ atol + rtol·|g| by element type, NaN never equal (torch.testing.assert_close)',
  (x, y, dtype) => {
    const [rtol, atol] = torchTolerances[dtype] ?? [0, 0];
    return x === y || (Number.isFinite(x) && Number.isFinite(y) && Math.abs(x - y) <= atol + rtol * Math.abs(y));
  },
);

const cosineOf = (a: Float64Array, g: Float64Array): number => {
  let [aa, gg, ag] = [0, 0, 0];
  for (let i = 0; i < g.length; i++) {
    aa += a[i]! * a[i]!;
    gg += g[i]! * g[i]!;
    ag += a[i]! * g[i]!;
  }
  return aa === 0 && gg === 0 ? 1 : ag / (Math.sqrt(aa) * Math.sqrt(gg));
};

/** msprobe's "accuracy reached": cosine and largest absolute error together. Equal NaN and infinities count as 0; at different places they fail. */
const msprobe: Gate = {
  name: 'msprobe:L1',
  rule: 'not (cosine < 0.99 and max abs > 0.001), cosine ≥ 0.9, max abs ≤ 1 (Ascend msprobe, comparison of API outputs)',
  judge: (actual, golden) => {
    if (actual.dims.join() !== golden.dims.join()) return { ok: false };
    if (dtypeInfo(golden.dtype).kind === 'string') return { ok: true };
    const [a, g] = [numbersIn(actual), numbersIn(golden)];
    let maxAbs = 0;
    for (let i = 0; i < g.length; i++) {
      const [x, y] = [a[i]!, g[i]!];
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        if ((x !== x) !== (y !== y) || (x === x && Math.abs(x) !== Math.abs(y))) return { ok: false };
        a[i] = g[i] = 0;
      } else maxAbs = Math.max(maxAbs, Math.abs(x - y));
    }
    // It gives no cosine of single numbers, and none where one side is 0; then the other half of the rule decides.
    const cosine = g.length < 2 ? NaN : cosineOf(a, g);
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
    if (pair) return polygraphy(...pair);
  }
  if (name === 'numpy') {
    const pair = pairOf(parameters, undefined);
    if (pair) return elementwise(text, `|a − g| ≤ ${pair[1]} + ${pair[0]}·|g| (numpy.testing.assert_allclose)`, numpyClose(...pair));
  }
  if (text === 'pytorch') return pytorch;
  if (text === 'onnx') return elementwise('onnx', '|a − g| ≤ 1e-7 + 1e-3·|g| (ONNX backend tests)', numpyClose(1e-3, 1e-7));
  if (text === 'msprobe:L1') return msprobe;
  throw new FlagosError('FLAGOS_E_USAGE', `--gate does not know '${text}'`, { hint: `it takes ${gateNames.join(', ')}` });
};
