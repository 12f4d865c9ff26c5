/**
 * Random programs of every kind that has a stage of its own in C, for several processors, against the
 * JavaScript renderer. They need a C compiler; without one they are skipped.
 */
import { it, expect } from 'vitest';
import { compute, concat, InputTensor, map, mapBroadcast, reshape, scan, type TensorExpr } from '../tensor-expr.ts';
import { max, add, mul, sum, maxOf, minOf, erf, type Expr } from '../expr.ts';
import type { DType } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import { channelsFirst, conv } from '../../ops/conv.ts';
import { gemm, matmul } from '../../ops/matmul.ts';
import { einsum } from '../../ops/einsum.ts';
import { AveragePool, MaxPool } from '../../ops/pool.ts';
import { transposed } from '../../ops/readable.ts';
import { ConvTranspose } from '../../ops/conv-transpose.ts';
import type { OpContext } from '../../ops/define.ts';
import { randomData, runJs, testCompiler, type Compiler } from './compile.test-util.ts';
import type { Target } from './types.ts';

/** How many programs of each kind; `FLAGOS_RANDOM_PROGRAMS` for a longer run, `FLAGOS_SEED` for others. */
const PROGRAMS = Number(process.env['FLAGOS_RANDOM_PROGRAMS'] ?? 3);
let seed = Number(process.env['FLAGOS_SEED'] ?? 1);
const rnd = (n: number): number => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor(seed / 65536) % n;
};
const pick = <X>(xs: readonly X[]): X => xs[rnd(xs.length)]!;
/** Vectors of every width, few registers, a small cache. */
const targets: readonly Partial<Target>[] = [{}, { vectorBytes: 32, registers: 16 }, { vectorBytes: 16, registers: 32 }, { l2: 4096 }];
const dims = [1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 17, 23, 31, 32, 33, 40, 63, 65, 100];

const found = await testCompiler();

/** Compiles and runs a program, and compares every element with the JavaScript renderer's. */
const check = (what: string, ins: readonly InputTensor[], outs: readonly TensorExpr[]): void => {
  const compiler = found as Compiler;
  const data = ins.map((t, i) => randomData(t, i + 1));
  const target = pick(targets);
  const got = compiler.compile(ins, outs, target).run(data);
  runJs(ins, outs, data).forEach((want, o) => {
    const loose = outs[o]!.dtype === 'float16' ? 2 : 0;
    for (let i = 0; i < want.length; i++) {
      const difference = Math.abs(Number(want[i]) - Number(got[o]![i]));
      if (!(difference <= 2e-4 * (1 + Math.abs(Number(want[i]))) + loose)) {
        expect.fail(`${what} for ${JSON.stringify(target)}: element ${i} of output ${o} is ${got[o]![i]}, not ${want[i]}`);
      }
    }
  });
};
const T = (n: string, s: number[], d: DType = 'float32') => {
  const t = new InputTensor(n, d, s);
  return rnd(3) === 0 ? new InputTensor(n, d, s, new Tensor(d, s, randomData(t, 1))) : t;
};
const times = (name: string, f: () => void): void =>
  it.skipIf(typeof found === 'string')(name, () => {
    for (let i = 0; i < PROGRAMS; i++) f();
  });
const dt = (): DType => pick(['float32', 'float32', 'float32', 'float64', 'int32', 'float16', 'int64', 'uint32']);
const fin = (e: Expr, r: number): Expr =>
  e.type !== 'float32' ? e : r === 0 ? max(e, 0) : r === 1 ? mul(mul(e, 0.5), add(1, erf(mul(e, Math.SQRT1_2)))) : e;
times('matmul', () => {
  const d = dt();
  const [m, n, k] = [pick(dims), pick(dims), pick(dims)];
  const batch = pick([[], [], [2], [3, 2]]);
  const ba = pick([batch, batch, [], batch.map(() => 1)]),
    bb = pick([batch, batch, [], [1].slice(0, batch.length)]);
  const ta = rnd(3) === 0,
    tb = rnd(3) === 0;
  const a = T('a', [...ba, ...(ta ? [k, m] : [m, k])], d),
    b = T('b', [...bb, ...(tb ? [n, k] : [k, n])], d);
  const f = rnd(4);
  check(
    `matmul ${d} ${m} ${n} ${k} [${ba}] [${bb}] ${ta} ${tb} ${f}`,
    [a, b],
    [matmul(ta ? transposed(a) : a, tb ? transposed(b) : b, (e) => fin(e, f))],
  );
});
times('gemm', () => {
  const [m, n, k] = [pick(dims), pick(dims), pick(dims)];
  const ta = rnd(2) === 0,
    tb = rnd(2) === 0;
  const a = T('a', ta ? [k, m] : [m, k]),
    b = T('b', tb ? [n, k] : [k, n]),
    bias = T('c', pick([[n], [m, 1], [1], [m, n], [1, n]]));
  check(
    `gemm ${m} ${n} ${k} ${ta} ${tb} ${bias.shape}`,
    [a, b, bias],
    [gemm(ta ? transposed(a) : a, tb ? transposed(b) : b, bias, { alpha: 0.5, beta: 2 })],
  );
});
times('conv', () => {
  const d = pick<DType>(['float32', 'float32', 'float32', 'float16', 'float64']);
  const sp = pick([1, 2, 2, 2, 2, 3]);
  const g = pick([1, 1, 1, 2, 3]);
  const ci = pick([1, 2, 3, 4, 8, 16, 33]),
    co = pick([1, 2, 3, 5, 8, 16, 17, 32]);
  const L = (f: () => number) => Array.from({ length: sp }, f);
  const ker = L(() => pick([1, 2, 3, 3, 5])),
    st = L(() => pick([1, 1, 2, 3])),
    dil = L(() => pick([1, 1, 1, 2])),
    pads = [...L(() => rnd(4)), ...L(() => rnd(4))];
  const img = ker.map((kk, i) => Math.max(1, (kk - 1) * dil[i]! + 1 - pads[i]!) + rnd(sp === 3 ? 5 : 14));
  const last = rnd(2) === 0;
  const nb = pick([1, 1, 2]);
  const x = T('x', last ? [nb, ...img, ci * g] : [nb, ci * g, ...img], d),
    w = T('w', [co * g, ci, ...ker], d),
    b = T('b', [co * g], d);
  const A = { auto_pad: 'NOTSET' as const, dilations: dil, pads, strides: st, group: g, kernel_shape: undefined };
  const f = rnd(4);
  check(
    `conv ${d} last${last} x[${x.shape}] w[${w.shape}] s${st} d${dil} p${pads} g${g} f${f}`,
    [x, w, b],
    [conv(last ? channelsFirst(x) : x, w, b, A, (e) => fin(e, f), last)],
  );
});
times('convtranspose', () => {
  const g = pick([1, 1, 2]);
  const ci = pick([2, 3, 8, 16]),
    co = pick([1, 3, 8, 16]);
  const ker = [pick([1, 2, 3, 4]), pick([2, 3, 4])],
    st = [pick([1, 2, 3]), pick([1, 2])],
    dil = rnd(3) ? [1, 1] : [2, 1],
    pads = [rnd(2), rnd(2), rnd(2), rnd(2)];
  const img = [pick([3, 5, 8]), pick([4, 7, 13])];
  const x = T('x', [pick([1, 2]), ci * g, ...img]),
    w = T('w', [ci * g, co, ...ker]);
  const A = {
    auto_pad: 'NOTSET' as const,
    dilations: dil,
    pads,
    strides: st,
    group: g,
    kernel_shape: undefined,
    output_padding: undefined,
    output_shape: undefined,
  };
  // Pads may leave nothing of the output.
  if (img.some((d, i) => (d - 1) * st[i]! + (ker[i]! - 1) * dil[i]! + 1 - pads[i]! - pads[i + 2]! < 1)) return;
  const out = ConvTranspose.compute!({ X: x, W: w, B: undefined }, A, {} as OpContext) as TensorExpr;
  check(`convT x[${x.shape}] w[${w.shape}] s${st} d${dil} p${pads} g${g}`, [x, w], [out]);
});
times('pool', () => {
  const kernel = [pick([1, 2, 3]), pick([2, 3, 5])];
  const strides = [pick([1, 2]), pick([1, 2, 3])];
  const pads = [rnd(2), rnd(2), rnd(2), rnd(2)];
  const img = [pick([4, 7, 12]), pick([9, 14, 33, 70])];
  const dilations = img.map((d, i) => (d > 2 * kernel[i]! ? pick([1, 1, 2]) : 1));
  const x = T('x', [pick([1, 2]), pick([1, 3, 16]), ...img]);
  const attrs = {
    auto_pad: 'NOTSET' as const,
    ceil_mode: rnd(2) === 1,
    count_include_pad: rnd(2) === 1,
    dilations,
    kernel_shape: kernel,
    pads,
    strides,
    storage_order: false,
  };
  if (kernel.some((k, d) => pads[d]! >= k || pads[d + 2]! >= k)) return;
  for (const record of [MaxPool, AveragePool]) {
    const made = (record.compute as (i: object, a: object, c: object) => TensorExpr | { readonly Y: TensorExpr })({ X: x }, attrs, {});
    check(`${record.name} x[${x.shape}] k${kernel} s${strides} p${pads}`, [x], ['Y' in made ? made.Y : made]);
  }
});
times('einsum', () => {
  const eq = pick([
    'ij,jk->ik',
    'ij,kj->ki',
    'bij,bjk->bik',
    'bhqd,bhkd->bhqk',
    'ijk,jkl->il',
    'ijk,lkj->li',
    'ab,cd->acbd',
    'ibj,jbk->bik',
    'ijkl,klm->mij',
    'abc,cad->bd',
  ]);
  const ext: Record<string, number> = {};
  const [l, r] = eq.split('->')[0]!.split(',');
  const sh = (s: string) => [...s].map((ch) => (ext[ch] ??= pick([2, 3, 5, 8, 16, 17])));
  const a = T('a', sh(l!)),
    b = T('b', sh(r!));
  check(`einsum ${eq} ${JSON.stringify(ext)}`, [a, b], [einsum(eq, [a, b])]);
});
times('scan', () => {
  const [nb, h, len] = [pick([1, 2, 17]), pick([8, 17, 32]), 3];
  const x = T('x', [len, nb, h]),
    w = T('w', [h, h]),
    r = T('r', [h, h]),
    h0 = T('h', [nb, h]);
  const { state, out } = scan(len, [h0], (t, [s]) => {
    const nx = compute([nb, h], (i, j) =>
      max(
        add(
          sum(h, (k) => mul(x.at(t, i!, k!), w.at(k!, j!))),
          0,
        ),
        0,
      ),
    );
    const nr = compute([nb, h], (i, j) =>
      add(
        nx.at(i!, j!),
        sum(h, (k) => mul(s!.at(i!, k!), r.at(k!, j!))),
      ),
    );
    const q = map(nr, (e) => mul(e, 0.1));
    return { state: [q], out: [q] };
  });
  check(`scan ${nb} ${h}`, [x, w, r, h0], [state[0]!, out[0]!]);
});
times('depthwise', () => {
  const d = pick<DType>(['float32', 'float32', 'float16', 'float64']);
  const C = pick([8, 16, 24, 33, 64, 96]),
    mult = pick([1, 1, 2]);
  const ker = [pick([1, 3, 5]), pick([2, 3])],
    st = [pick([1, 2]), pick([1, 2])],
    dil = [pick([1, 1, 2]), 1],
    pads = [rnd(2), rnd(2), rnd(2), rnd(2)];
  const img = [pick([5, 9]), pick([6, 14])];
  if (ker.some((kk, i) => (kk - 1) * dil[i]! + 1 > img[i]! + pads[i]! + pads[i + 2]!)) return;
  const last = rnd(3) > 0;
  const nb = pick([1, 2]);
  const x = T('x', last ? [nb, ...img, C] : [nb, C, ...img], d),
    w = T('w', [C * mult, 1, ...ker], d),
    b = T('b', [C * mult], d);
  const A = { auto_pad: 'NOTSET' as const, dilations: dil, pads, strides: st, group: C, kernel_shape: undefined };
  const f = rnd(4);
  check(
    `depthwise ${d} last${last} x[${x.shape}] w[${w.shape}] s${st} d${dil} p${pads} f${f}`,
    [x, w, b],
    [conv(last ? channelsFirst(x) : x, w, b, A, (e) => fin(e, f), last)],
  );
});
times('reduce', () => {
  const d = pick<DType>(['float32', 'int32', 'uint8', 'float64', 'int64', 'float16']);
  const [a, b, e] = [pick(dims), pick([1, 3, 8]), pick(dims)];
  const x = T('x', [a, b, e], d);
  const op = pick([sum, maxOf, minOf]);
  check(
    `reduce ${d} ${a} ${b} ${e}`,
    [x],
    [compute([a, e], (i, j) => op(b, (k) => x.at(i!, k!, j!))), compute([e], (j) => op([a, b], (i, k) => x.at(i!, k!, j!)))],
  );
});
times('transpose', () => {
  const d = pick<DType>(['float32', 'int32', 'float64', 'int64', 'float16', 'uint8']);
  const sh = Array.from({ length: pick([2, 3, 4]) }, () => pick([1, 3, 8, 17, 32, 40]));
  const order = sh.map((_, i) => i).sort(() => rnd(3) - 1);
  const x = T('x', sh, d);
  check(
    `transpose ${d} ${sh} ${order}`,
    [x],
    [
      compute(
        order.map((o) => sh[o]!),
        (...i) => x.at(...order.map((_, q) => i[order.indexOf(q)]!)),
      ),
    ],
  );
});
times('net', () => {
  const C = pick([3, 8, 16]),
    M = pick([8, 16, 33]),
    H = pick([7, 9, 14]);
  const x = T('x', [1, C, H, H]),
    w1 = T('w', [M, C, 3, 3]),
    b1 = T('b', [M]),
    w2 = T('w2', [M, M, 1, 1]),
    w3 = T('w3', [M, M / (M % 2 ? 1 : 2), 3, 3]),
    fc = T('fc', [M, 10]),
    sc = T('s', [M]);
  const A = {
    auto_pad: 'NOTSET' as const,
    dilations: undefined,
    pads: [1, 1, 1, 1],
    strides: pick([
      [1, 1],
      [2, 2],
    ]),
    group: 1,
    kernel_shape: undefined,
  };
  const P = { ...A, pads: [0, 0, 0, 0], strides: [1, 1] };
  const relu = (t: TensorExpr) => map(t, (e) => max(e, 0));
  const c1 = relu(conv(x, w1, b1, A));
  const bn = compute(c1.shape, (n, m, h, w) => add(mul(c1.at(n!, m!, h!, w!), sc.at(m!)), 0.1));
  const c2 = conv(bn, w2, undefined, P);
  const r = relu(mapBroadcast([c2, c1], (a, b) => add(a!, b!)));
  const g = relu(conv(r, w3, undefined, { ...P, pads: [1, 1, 1, 1], group: M % 2 ? 1 : 2 }));
  const cc = concat([r, g], 1);
  const hw = g.shape[2]! * g.shape[3]!;
  const gap = compute([1, M], (n, m) =>
    mul(
      sum([g.shape[2]!, g.shape[3]!], (h, w) => g.at(n!, m!, h!, w!)),
      1 / hw,
    ),
  );
  const y = matmul(gap, fc);
  check(`net ${C} ${M} ${H}`, [x, w1, b1, w2, w3, fc, sc], pick([[y], [y, c1], [cc], [cc, y], [r, y], [reshape(cc, [2 * M, hw])]]));
});
