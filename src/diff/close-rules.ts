/**
 * Rules that hold element against element, each in the arithmetic of the library it comes from: near a tolerance the
 * rounding of `atol + rtol·|g|` decides, and float16 is compared in float16.
 */
import { dtypeInfo, type DType } from '../core/dtype.ts';
import { numbersIn, roundTo } from '../accuracy/precision.ts';
import type { Gate } from './gates.ts';

type Round = (x: number) => number;
const whole: Round = (x) => x;

/** A rule for elements of a type. Complex ones come as real and imaginary part. */
type Passes = (x: number, y: number, xi: number, yi: number) => boolean;

interface Rule {
  readonly name: string;
  readonly rule: string;
  /** Whether element types must be the same. */
  readonly sameType: boolean;
  passes(dtype: DType): Passes;
}

const gateOf = ({ name, rule, sameType, passes }: Rule): Gate => ({
  name,
  rule,
  judge: (actual, golden) => {
    if ((sameType && actual.dtype !== golden.dtype) || actual.dims.join() !== golden.dims.join()) return { ok: false };
    const { kind, lanes } = dtypeInfo(golden.dtype);
    if (kind === 'string') {
      const bad = (golden.data as string[]).filter((v, i) => v !== actual.data[i]).length;
      return { ok: bad === 0, bad };
    }
    const [a, g] = [numbersIn(actual), numbersIn(golden)];
    const close = passes(golden.dtype);
    let bad = 0;
    for (let i = 0; i < g.length; i += lanes) {
      const [xi, yi] = lanes === 2 ? [a[i + 1]!, g[i + 1]!] : [0, 0];
      if (!close(a[i]!, g[i]!, xi, yi)) bad++;
    }
    return { ok: bad === 0, bad };
  },
});

const isFinite2 = (re: number, im: number): boolean => Number.isFinite(re) && Number.isFinite(im);

/**
 * numpy.testing.assert_allclose: NaN where NaN is, infinities equal, else |a − g| ≤ atol + rtol·|g|. In the type of the
 * arrays (Python's numbers are weak), integers in float64. Source: numpy/testing/_private/utils.py, numpy/_core/numeric.py (isclose).
 */
const numpyPasses =
  (rtol: number, atol: number) =>
  (dtype: DType): Passes => {
    const round = dtype === 'float16' || dtype === 'float32' ? roundTo(dtype) : whole;
    const [r, a] = [round(rtol), round(atol)];
    return (x, y, xi, yi) => {
      if (x !== x || y !== y || xi !== xi || yi !== yi) return (x !== x || xi !== xi) && (y !== y || yi !== yi);
      if (!isFinite2(x, xi) || !isFinite2(y, yi)) return x === y && xi === yi;
      return round(Math.hypot(round(x - y), round(xi - yi))) <= round(a + round(r * Math.hypot(y, yi)));
    };
  };

export const numpyGate = (name: string, rtol: number, atol: number): Gate =>
  gateOf({
    name,
    rule: `|a − g| ≤ ${atol} + ${rtol}·|g| (numpy.testing.assert_allclose)`,
    // `strict=False`, its default, lets types differ; a chip that gives another type than the op's has gone wrong all the same.
    sameType: true,
    passes: numpyPasses(rtol, atol),
  });

/** Types that are numbers to NumPy. Others come from ml_dtypes, of which `np.issubdtype(dtype, np.number)` is false. */
const numpyNumbers = new Set<DType>([
  'float16',
  'float32',
  'float64',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
]);

/**
 * ONNX backend tests: rtol 1e-3 and atol 1e-7 unless a case says otherwise, by numpy.testing.assert_allclose; what is no
 * number to NumPy (bool, strings, bfloat16, float8, …) is equal as a list, in which no NaN equals another.
 * Source: onnx 1.23, onnx/backend/test/loader/__init__.py (tolerances), runner/__init__.py (assert_similar_outputs).
 */
export const onnxGate: Gate = gateOf({
  name: 'onnx',
  rule: '|a − g| ≤ 1e-7 + 1e-3·|g|, equal where NumPy has no such number (ONNX backend tests)',
  sameType: true,
  passes: (dtype) => (numpyNumbers.has(dtype) ? numpyPasses(1e-3, 1e-7)(dtype) : (x, y) => x === y),
});

/**
 * Polygraphy's `simple`, elementwise: bad is what breaks the absolute and the relative tolerance both; NaN breaks either,
 * ∞ − ∞ is NaN, and infinities are not equal unless asked. float16 is cast up; shapes must match, types need not.
 * Source: NVIDIA/TensorRT, tools/Polygraphy/polygraphy/comparator/compare.py (CompareFunc.simple: 1e-5 both), util.py (cast_up).
 */
export const polygraphyGate = (rtol: number, atol: number): Gate =>
  gateOf({
    name: 'polygraphy',
    rule: `both |a − g| > ${atol} and |a − g| / |g| > ${rtol} (Polygraphy, CompareFunc.simple, elemwise)`,
    sameType: false,
    passes: (dtype) => {
      const round = dtype === 'float16' || dtype === 'float32' ? Math.fround : whole;
      const [r, a] = [round(rtol), round(atol)];
      return (x, y) => {
        const abs = round(Math.abs(x - y));
        // It adds an epsilon to zeros to keep the quotient finite; a difference of 0 is within the absolute tolerance anyway.
        const rel = round(abs / Math.abs(y));
        return !((abs > a || abs !== abs) && (rel > r || rel !== rel));
      };
    },
  });

/** Source: torch/testing/_comparison.py, _DTYPE_PRECISIONS; what is not there (integers, bool, float8) has 0 and 0. */
const torchTolerances: Readonly<Partial<Record<DType, readonly [rtol: number, atol: number]>>> = {
  float16: [1e-3, 1e-5],
  bfloat16: [1.6e-2, 1e-5],
  float32: [1.3e-6, 1e-5],
  float64: [1e-7, 1e-7],
  complex64: [1.3e-6, 1e-5],
  complex128: [1e-7, 1e-7],
};

/** How ATen on a processor rounds each operation: halves are calculated in float32 and rounded back. */
const torchRound = (dtype: DType): Round => {
  const { bits, lanes } = dtypeInfo(dtype);
  if (bits / lanes === 64) return whole;
  const back = dtype === 'float16' || dtype === 'bfloat16' ? roundTo(dtype) : whole;
  return (x) => back(Math.fround(x));
};

/**
 * torch.testing.assert_close: equal, or finite and |a − g| ≤ atol + rtol·|g| in the type of the tensors; NaN equals
 * nothing (equal_nan=False); types and shapes must be the same; complex numbers by their absolute values.
 * Source: torch/testing/_comparison.py; ATen, TensorCompare.cpp (isclose).
 */
export const pytorchGate: Gate = gateOf({
  name: 'pytorch',
  rule: '|a − g| ≤ atol + rtol·|g| by element type, NaN never equal (torch.testing.assert_close)',
  sameType: true,
  passes: (dtype) => {
    const [rtol, atol] = torchTolerances[dtype] ?? [0, 0];
    if (rtol === 0 && atol === 0) return (x, y) => x === y;
    const round = torchRound(dtype);
    const single = round === whole ? whole : Math.fround;
    const [r, a] = [single(rtol), single(atol)];
    return (x, y, xi, yi) => {
      if (x === y && xi === yi) return true;
      const error = round(Math.hypot(round(x - y), round(xi - yi)));
      return Number.isFinite(error) && error <= round(a + Math.abs(round(Math.hypot(round(r * y), round(r * yi)))));
    };
  },
});
