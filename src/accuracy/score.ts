/** Scores what a kernel gave against the error model: η = |y − y*| / T, by element; the level it reaches; what is worst. */
import { compareValues } from '../core/compare.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { equivalent, type IndexMeaning } from './index-outputs.ts';
import { modelLevels, type ModelLevel } from './levels.ts';
import type { Bounds } from './model.ts';
import { precisionOf, readNumbers } from './precision.ts';
import { quantile } from './quantile.ts';

/** What a single comparison can say; `unknown` and `flaky` take more than one. */
export type ScoreLevel = 'bitwise' | ModelLevel | 'fail';

export interface WorstElement {
  /** Row-major position in the storage (complex: of the part). */
  readonly at: number;
  readonly actual: number | bigint | string | undefined;
  readonly golden: number | bigint | string | undefined;
  /** Allowed error, at the level η is for. */
  readonly allowed: number;
  readonly eta: number;
}

export interface Score {
  readonly level: ScoreLevel;
  /** How well it keeps to what it declares: the level without the cap of kernels that declare less than their tensors hold. */
  readonly kept: ScoreLevel;
  /** Largest η at `standard` (or the first level there is); Infinity for an error where none is allowed. */
  readonly maxEta: number;
  /** 99.9 % quantile of η. */
  readonly p999Eta: number;
  /** Largest first, at most eight, only those above 0. */
  readonly worst: readonly WorstElement[];
  /** Elements whose class (NaN, +∞, −∞, finite) differs from the golden's. */
  readonly classMismatches: number;
  /** Elements whose class says nothing, because what leads to them overflows the accumulator. */
  readonly overflowed: number;
  readonly elements: number;
  /** In words, where there is more to say than numbers: wrong type, wrong shape, other kind of value. */
  readonly problem?: string | undefined;
}

const KEPT = 8;

const classOf = (x: number): number => (x !== x ? 2 : x === Infinity ? 1 : x === -Infinity ? -1 : 0);

const lower = (a: ScoreLevel, b: ScoreLevel): ScoreLevel => {
  const order: readonly ScoreLevel[] = ['fail', 'loose', 'standard', 'tight', 'bitwise'];
  return order.indexOf(a) < order.indexOf(b) ? a : b;
};

const failed = (problem: string, elements: number): Score => ({
  level: 'fail',
  kept: 'fail',
  maxEta: Infinity,
  p999Eta: Infinity,
  worst: [],
  classMismatches: 0,
  overflowed: 0,
  elements,
  problem,
});

/** Keeps the worst elements while they come. */
class Worst {
  readonly list: WorstElement[] = [];
  add(eta: number, make: () => WorstElement): void {
    if (eta === 0) return;
    if (this.list.length === KEPT && eta <= this.list[KEPT - 1]!.eta) return;
    this.list.push(make());
    this.list.sort((a, b) => b.eta - a.eta);
    this.list.length = Math.min(this.list.length, KEPT);
  }
}

const scoreFloats = (actual: Tensor, bounds: Bounds, golden: Tensor): Score => {
  const a = readNumbers(actual);
  const rounded = readNumbers(golden);
  const exact = bounds.exact!;
  const levels = modelLevels.filter((l) => bounds.allowed![l]);
  const shown = levels.includes('standard') ? 'standard' : levels[0]!;
  const passes = new Map<ModelLevel, boolean>(levels.map((l) => [l, true]));
  const allowed = bounds.allowed![shown]!;
  const etas = new Float64Array(a.length);
  const worst = new Worst();
  const max = precisionOf(golden.dtype)?.max ?? Infinity;
  let [bitwise, classMismatches, overflowed] = [true, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y, r] = [a[i]!, exact[i]!, rounded[i]!];
    if (x === r || (x !== x && r !== r)) {
      const t = allowed[i]!;
      if (x === x && Number.isFinite(y) && t > 0 && Number.isFinite(t)) etas[i] = Math.min(1, Math.abs(x - y) / t);
      continue;
    }
    bitwise = false;
    if (classOf(x) !== classOf(r)) {
      const t = allowed[i]!;
      // An infinity where the value is within reach of the type's largest, or where sums on the way overflow.
      const edge = Number.isFinite(y) && x === x && r === r && Math.sign(x) === Math.sign(r) && Math.abs(y) + t >= max * (1 - 2 ** -8);
      // Inputs read in less than they hold may become 0, and 0 · ∞ is NaN.
      const vanished = bounds.cap !== undefined && x !== x && Math.abs(y) === Infinity;
      // The logarithm of a sum that cancels: its sign is the rounding's.
      const outside = y !== y && t === Infinity;
      if (edge || vanished || outside || (Number.isFinite(y) && !(t < bounds.overflow))) {
        overflowed++;
        continue;
      }
      classMismatches++;
      etas[i] = Infinity;
      worst.add(Infinity, () => ({ at: i, actual: x, golden: y, allowed: t, eta: Infinity }));
      continue;
    }
    for (const level of levels) {
      const t = bounds.allowed![level]![i]!;
      const difference = Math.abs(x - y);
      const eta = t === Infinity ? 0 : t > 0 ? difference / t : Infinity;
      if (!(eta <= 1)) passes.set(level, false);
      if (level !== shown) continue;
      etas[i] = eta;
      worst.add(eta, () => ({ at: i, actual: x, golden: y, allowed: t, eta }));
    }
  }
  const reached = classMismatches > 0 ? 'fail' : bitwise ? 'bitwise' : (levels.find((l) => passes.get(l)) ?? 'fail');
  let maxEta = 0;
  for (let i = 0; i < etas.length; i++) if (etas[i]! > maxEta) maxEta = etas[i]!;
  return {
    level: bounds.cap ? lower(reached, bounds.cap) : reached,
    kept: reached,
    maxEta,
    p999Eta: quantile(etas, 0.999),
    worst: worst.list,
    classMismatches,
    overflowed,
    elements: a.length,
  };
};

/** Whether no index occurs twice along the axis where they must differ. */
const repeated = (t: Tensor, { extent, stride }: NonNullable<IndexMeaning['distinct']>): number => {
  const data = t.toNumbers();
  for (let block = 0; block < data.length; block += extent * stride) {
    for (let inner = 0; inner < stride; inner++) {
      const seen = new Set<number>();
      for (let k = 0; k < extent; k++) {
        const at = block + k * stride + inner;
        if (seen.has(data[at]!)) return at;
        seen.add(data[at]!);
      }
    }
  }
  return -1;
};

/** Everything that must be equal: η is 0 or Infinity. */
const scoreExact = (actual: Tensor, golden: Tensor, index: IndexMeaning | undefined, cap: ModelLevel | undefined): Score => {
  const { kind } = dtypeInfo(golden.dtype);
  const float = kind === 'float' || kind === 'complex';
  const a: ArrayLike<number | bigint | string> = float ? readNumbers(actual) : actual.data;
  const g: ArrayLike<number | bigint | string> = float ? readNumbers(golden) : golden.data;
  const worst = new Worst();
  let [wrong, classMismatches, same] = [0, 0, true];
  const miss = (i: number): void => {
    wrong++;
    worst.add(Infinity, () => ({ at: i, actual: a[i], golden: g[i], allowed: 0, eta: Infinity }));
  };
  for (let i = 0; i < g.length; i++) {
    const [x, y] = [a[i]!, g[i]!];
    if (x === y || (x !== x && y !== y)) continue;
    same = false;
    if (float && classOf(x as number) !== classOf(y as number)) classMismatches++;
    if (index && equivalent(index, i, Number(x), Number(y))) continue;
    miss(i);
  }
  if (index?.distinct && !same) {
    const twice = repeated(actual, index.distinct);
    if (twice >= 0) miss(twice);
  }
  const level = wrong > 0 ? 'fail' : same ? 'bitwise' : 'tight';
  return {
    level: cap ? lower(level, cap) : level,
    kept: level,
    maxEta: wrong > 0 ? Infinity : 0,
    p999Eta: wrong > g.length / 1000 ? Infinity : 0,
    worst: worst.list,
    classMismatches,
    overflowed: 0,
    elements: g.length,
  };
};

/** Scores one output. Never throws: another type or shape is a failure like any other. */
export const score = (actual: Value | undefined, bounds: Bounds): Score => {
  const { golden } = bounds;
  if (!(golden instanceof Tensor) || !(actual instanceof Tensor)) {
    const { ok, problem, compared } = compareValues(actual, golden, { rtol: 0, atol: 0 });
    if (!ok) return failed(problem ?? 'differs', compared);
    return { level: 'bitwise', kept: 'bitwise', maxEta: 0, p999Eta: 0, worst: [], classMismatches: 0, overflowed: 0, elements: compared };
  }
  if (actual.dtype !== golden.dtype) return failed(`is ${actual.dtype}, expected ${golden.dtype}`, golden.size);
  if (actual.dims.length !== golden.dims.length || actual.dims.some((d, i) => d !== golden.dims[i]))
    return failed(`has shape [${actual.dims.join(', ')}], expected [${golden.dims.join(', ')}]`, golden.size);
  return bounds.allowed ? scoreFloats(actual, bounds, golden) : scoreExact(actual, golden, bounds.index, bounds.cap);
};
