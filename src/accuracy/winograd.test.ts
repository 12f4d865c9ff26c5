/** The bound of kernels that declare `winograd`: its formula, what keeps it, and what does not. */
import { describe, expect, it } from 'vitest';
import { winogradMatrices, WINDOW, type WinogradMatrices } from '../compiler/winograd.ts';
import { Tensor } from '../core/tensor.ts';
import type { Numerics } from '../core/numerics.ts';
import { classTensor, inputClasses } from '../opmanager/verify/input-classes.ts';
import { CaseRandom, hashOf } from '../opmanager/verify/random.ts';
import { opSet } from '../ops/index.ts';
import { callGraph } from '../runtime/call.ts';
import { errorModel, type Bounds } from './model.ts';
import { score } from './score.ts';

const winograd: Numerics = { inputs: 'same', accumulate: 'float32', notes: ['winograd'] };
const boundsOf = (x: Tensor, w: Tensor, pads: readonly number[], numerics = winograd, attrs = {}): Bounds => {
  const [node] = callGraph('Conv', [x, w], { pads: [...pads], ...attrs }, 1, opSet).nodes;
  return errorModel(opSet.find('', 'Conv')!, node!, [x, w], { numerics })[0]!;
};

type Matrix = readonly (readonly number[])[];
const transform = (m: Matrix, x: Matrix, round: (v: number) => number): number[][] => {
  const rows = (a: Matrix, b: Matrix): number[][] =>
    a.map((row) => b[0]!.map((_, j) => row.reduce((s, k, i) => (k === 0 ? s : round(s + round(k * b[i]![j]!))), 0)));
  const turned = (a: Matrix): number[][] => a[0]!.map((_, j) => a.map((row) => row[j]!));
  return turned(rows(m, turned(rows(m, x))));
};

interface Options {
  readonly round?: (v: number) => number;
  /** Whether tiles with what is not finite are calculated a second time. */
  readonly direct?: boolean;
  /** Results of tiles over the edge are left out. */
  readonly withoutEdge?: boolean;
}

/** A convolution [1, C, H, W] by [M, C, 3, 3], as a kernel does it: every operation rounded. */
const emulate = (
  x: Tensor,
  w: Tensor,
  [top, left, bottom, right]: readonly number[],
  matrices: WinogradMatrices,
  o: Options = {},
): Tensor => {
  const { round = Math.fround, direct = true } = o;
  const { m, n } = matrices;
  const [, C, H, W] = x.dims as [number, number, number, number];
  const M = w.dims[0]!;
  const [P, Q] = [H + top! + bottom! - 2, W + left! + right! - 2];
  const [xs, ws] = [x.data as Float32Array, w.data as Float32Array];
  const y = new Float32Array(M * P * Q);
  const block = (size: number, at: (i: number, j: number) => number): number[][] =>
    Array.from({ length: size }, (_, i) => Array.from({ length: size }, (__, j) => at(i, j)));
  for (let k = 0; k < M; k++)
    for (let p = 0; p < P; p += m)
      for (let q = 0; q < Q; q += m) {
        const sums = block(n, () => 0);
        const plain = block(m, () => 0);
        for (let c = 0; c < C; c++) {
          const d = block(n, (i, j) => {
            const [r, s] = [p + i - top!, q + j - left!];
            return r >= 0 && r < H && s >= 0 && s < W ? xs[(c * H + r) * W + s]! : 0;
          });
          const g = block(WINDOW, (i, j) => ws[((k * C + c) * WINDOW + i) * WINDOW + j]!);
          const [u, v] = [transform(matrices.weights, g, (e) => e).map((row) => row.map(round)), transform(matrices.patch, d, round)];
          for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sums[i]![j] = round(sums[i]![j]! + round(u[i]![j]! * v[i]![j]!));
          for (let i = 0; i < m; i++)
            for (let j = 0; j < m; j++)
              for (let a = 0; a < WINDOW; a++)
                for (let b = 0; b < WINDOW; b++) plain[i]![j] = round(plain[i]![j]! + round(d[i + a]![j + b]! * g[a]![b]!));
        }
        let results = transform(matrices.results, sums, round);
        if (direct && results.some((row) => row.some((e) => !Number.isFinite(e)))) results = plain;
        const cut = p + m > P || q + m > Q;
        for (let i = 0; i < m && p + i < P; i++)
          for (let j = 0; j < m && q + j < Q; j++) y[(k * P + p + i) * Q + q + j] = o.withoutEdge && cut ? 0 : results[i]![j]!;
      }
  return new Tensor('float32', [1, M, P, Q], y);
};

const pads = [1, 1, 1, 0];
const operands = (kind: (typeof inputClasses)[number]): [Tensor, Tensor] => {
  const r = new CaseRandom(hashOf(kind));
  const x = classTensor(kind, 'float32', [1, 8, 9, 10], r);
  return [x, classTensor(kind === 'extremal' ? 'normal' : kind, 'float32', [6, 8, 3, 3], r)];
};

describe('the bound of Winograd convolution', () => {
  it('is γ·u·|Aᵀ|[Σ (|G||g||Gᵀ|) ⊙ (|Bᵀ||d||B|)]|A| on top of that of the direct sum', () => {
    const [x, w] = operands('normal');
    const size = (t: Tensor): Tensor => new Tensor('float32', t.dims, (t.data as Float32Array).map(Math.abs));
    const magnitudes = (m: Matrix): Matrix => m.map((row) => row.map(Math.abs));
    const sizes = [winogradMatrices[2], winogradMatrices[4]].map((a) => ({
      ...a,
      results: magnitudes(a.results),
      weights: magnitudes(a.weights),
      patch: magnitudes(a.patch),
    }));
    const [two, four] = sizes.map((a) => emulate(size(x), size(w), pads, a, { round: (v) => v }).data as Float32Array);
    const [own, plain] = [winograd, { ...winograd, notes: [] }].map((numerics) => boundsOf(x, w, pads, numerics).allowed!.standard!);
    // 8 channels and 13 roundings of transforms.
    two!.forEach((s, i) => expect((own![i]! - plain![i]!) / (21 * 2 ** -24 * Math.max(s, four![i]!))).toBeCloseTo(1, 5));
  });

  it('is for windows of 3 × 3 with stride 1 alone', () => {
    const x = operands('normal')[0];
    const same = (dims: readonly number[], attrs: object): void => {
      const w = Tensor.from('float32', dims, Array(dims.reduce((a, b) => a * b)).fill(1));
      const [own, plain] = [winograd, { ...winograd, notes: [] }].map((numerics) => boundsOf(x, w, [1, 1, 1, 1], numerics, attrs));
      expect([...own!.allowed!.loose!]).toEqual([...plain!.allowed!.loose!]);
      // Declared, it is no more than loose, whatever was calculated.
      expect([own!.cap, plain!.cap]).toEqual(['loose', undefined]);
    };
    same([2, 8, 3, 3], { strides: [2, 2] });
    same([2, 8, 3, 3], { dilations: [2, 2] });
    same([2, 8, 3, 2], {});
    same([2, 8, 5, 5], {});
    same([2, 4, 3, 3], { group: 2 });
    same([8, 1, 3, 3], { group: 8 });
  });

  it.each(inputClasses)('is kept by F(2, 3) and F(4, 3): %s', (kind) => {
    const [x, w] = operands(kind);
    const bounds = boundsOf(x, w, pads);
    for (const m of [2, 4] as const) {
      const s = score(emulate(x, w, pads, winogradMatrices[m]), bounds);
      expect([m, s.level === 'loose', s.kept === 'fail', s.classMismatches]).toEqual([m, true, false, 0]);
      expect(s.maxEta).toBeLessThan(0.5);
    }
  });

  it.each([2, 4] as const)('is broken by every constant of F(%i, 3) that is wrong by a fifth', (m) => {
    const [x, w] = operands('normal');
    const bounds = boundsOf(x, w, pads);
    const right = winogradMatrices[m];
    for (const which of ['results', 'weights', 'patch'] as const)
      right[which].forEach((row, i) =>
        row.forEach((k, j) => {
          if (k === 0) return;
          const wrong = right[which].map((r, a) => r.map((v, b) => (a === i && b === j ? v * 1.2 : v)));
          const { level } = score(emulate(x, w, pads, { ...right, [which]: wrong }), bounds);
          expect([which, i, j, level]).toEqual([which, i, j, 'fail']);
        }),
      );
  });

  it('is broken by a tile left out, and by what is not finite spread over a tile', () => {
    const [x, w] = operands('normal');
    const four = winogradMatrices[4];
    expect(score(emulate(x, w, pads, four, { withoutEdge: true }), boundsOf(x, w, pads)).level).toBe('fail');
    for (const odd of [Infinity, NaN]) {
      const data = Float32Array.from(x.data as Float32Array);
      data[23] = odd;
      const given = new Tensor('float32', x.dims, data);
      const bounds = boundsOf(given, w, pads);
      expect(score(emulate(given, w, pads, four), bounds)).toMatchObject({ level: 'loose', classMismatches: 0 });
      const spread = score(emulate(given, w, pads, four, { direct: false }), bounds);
      expect(spread.level).toBe('fail');
      expect(spread.classMismatches).toBeGreaterThan(10);
      // What is not finite widens the bound of nothing that is.
      const clean = boundsOf(x, w, pads).allowed!.loose!;
      bounds.exact!.forEach((y, i) => Number.isFinite(y) && expect(bounds.allowed!.loose![i]).toBeLessThanOrEqual(clean[i]! * (1 + 1e-12)));
    }
  });
});
