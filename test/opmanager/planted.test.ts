/** Fast but wrong kernels: each is found by verification, and never chosen after it; honest ones are, to the level they declare. */
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/core/tensor.ts';
import type { Numerics } from '../../src/core/numerics.ts';
import { roundTo } from '../../src/accuracy/precision.ts';
import { callsOf } from '../../src/cli/verify/catalogue.ts';
import { opSet } from '../../src/ops/index.ts';
import type { EvidenceSnapshot, Level } from '../../src/opmanager/evidence.ts';
import { verifyCall, type CaseVerdict } from '../../src/opmanager/verify/check.ts';
import { accuracyRows } from '../../src/opmanager/verify/rows.ts';
import { snapshotOf } from '../../src/opmanager/tables/snapshot.ts';
import type { AccuracyRow } from '../../src/opmanager/tables/rows.ts';
import { supported, type ChipSession, type KernelProvider } from '../../src/plugins/contract.ts';
import { openRuntime } from '../dispatch/kit.ts';

/** A float32 product of matrices (batches and vectors left out), with a place for a fault. */
interface Recipe {
  readonly numerics?: Numerics;
  /** Rounds an input, and the sum after each term. */
  readonly input?: (x: number) => number;
  readonly sum?: (x: number) => number;
  /** What becomes of a result: its position, column, number of columns, Σ|a||b|. */
  readonly finish?: (y: number, at: { index: number; column: number; columns: number; size: number }) => number;
}
const float32: Numerics = { inputs: 'same', accumulate: 'float32', notes: ['reassociated'] };
const same = (x: number): number => x;

/** To 11 significant bits (Veltkamp's splitting): float16 as long as nothing overflows. */
const half = (x: number): number => {
  const c = x * (2 ** 42 + 1);
  return Number.isFinite(c) ? c - (c - x) : x;
};

const recipes: Readonly<Record<string, Recipe>> = {
  honest: {},
  oneIn10000: { finish: (y, { index }) => (index % 10_000 === 9_999 ? y * 1.01 : y) },
  halfSums: { sum: half },
  tail: { finish: (y, { column, columns }) => (columns > 16 && column >= columns - (columns % 16) ? y * 1.001 : y) },
  cancels: { finish: (y, { size }) => (Math.abs(y) < 1e-3 * size ? 0 : y) },
  bf16: { numerics: { inputs: 'bfloat16', accumulate: 'float32', notes: ['reassociated'] }, input: roundTo('bfloat16') },
  winograd: { numerics: { inputs: 'same', accumulate: 'float32', notes: ['winograd'] } },
  bf16Unsaid: { input: roundTo('bfloat16') },
};

const product = (
  a: Tensor,
  b: Tensor,
  out: Tensor,
  { input = same, sum = Math.fround, finish = same as Recipe['finish'] }: Recipe,
): void => {
  const [rows, inner] = a.dims as [number, number];
  const columns = b.dims[1]!;
  const [x, w, y] = [(a.data as Float32Array).map(input), (b.data as Float32Array).map(input), out.data as Float32Array];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let [total, size] = [0, 0];
      for (let k = 0; k < inner; k++) {
        const term = Math.fround(x[i * inner + k]! * w[k * columns + j]!);
        total = sum(total + term);
        size += Math.abs(term);
      }
      y[i * columns + j] = finish!(total, { index: i * columns + j, column: j, columns, size });
    }
  }
};

const session = (recipe: Recipe): ChipSession => ({
  regions: 'single',
  dynamicShapes: false,
  prior: { overheadUs: 0, gflops: 1e6, gbps: 1e6 },
  supports: ({ nodes, inputs }) =>
    nodes[0]!.op === 'MatMul' && inputs.every(({ type }) => type?.kind === 'tensor' && type.dtype === 'float32' && type.shape?.length === 2)
      ? supported
      : { ok: false, reason: 'NO_KERNEL', detail: 'matrices only' },
  variants: () => [{ name: 'planted', numerics: recipe.numerics ?? float32 }],
  prepare: () => ({
    workspaceBytes: 0,
    run: ([a, b], [y]) => product(a as Tensor, b as Tensor, y as Tensor, recipe),
    dispose: () => {},
  }),
  close: () => {},
});

const provider = (recipe: Recipe): KernelProvider => ({
  name: 'acme',
  kind: 'vendor',
  version: '1',
  probe: () => ({ chips: [{ id: 'npu', description: 'planted', fingerprint: 'x' }] }),
  open: () => session(recipe),
});

const record = opSet.find('', 'MatMul')!;
/** Some of its calls: one with more than 10⁴ results, tails of tiles, sums that cancel. */
const calls = callsOf(record, opSet, 'float32').filter((c) =>
  /^(m1n17k33|m7n13k5|m15n16k17|m16n16k16|m33n64k31|m128n131k40|m3n4k0)$/.test(c.label),
);
const verified = async (recipe: Recipe): Promise<{ verdicts: CaseVerdict[]; rows: AccuracyRow[] }> => {
  const target = { provider: 'acme', chip: 'npu', session: session(recipe) };
  const verdicts: CaseVerdict[] = [];
  for (const call of calls) verdicts.push(...(await verifyCall(target, call, 'float32')).verdicts);
  return { verdicts, rows: accuracyRows(verdicts, { fingerprint: '1', chip: 'x', host: 'test', date: '2026-01-01T00:00:00Z' }) };
};

/** Evidence as selection sees it: through the tables' own snapshot. */
const evidenceOf = (rows: readonly AccuracyRow[]): EvidenceSnapshot =>
  snapshotOf(rows, { chips: new Map([['acme/npu', { fingerprint: '1', chip: 'x' }]]) });

const a = Tensor.from('float32', [2, 2], [1, 2, 3, 4]);
/** Kernel chosen for a product, and why acme's was not. */
const chosen = async (
  recipe: Recipe,
  evidence: EvidenceSnapshot | undefined,
  min: 'loose' | 'standard' = 'standard',
): Promise<readonly [string, string]> => {
  const policy = { prefer: ['vendor:acme', 'reference'], accuracy: { min } };
  const runtime = await openRuntime([provider(recipe)], policy, evidence ? { evidence } : {});
  const decision = await runtime.explainCall('MatMul', [a, a]);
  await runtime.close();
  const acme = decision.verdicts.find((v) => v.provider === 'acme')!;
  return [decision.kernel!.id, acme.status === 'rejected' ? String(acme.reason) : 'chosen'];
};

describe('planted kernels', () => {
  it.each([
    ['oneIn10000', /m128n131k40/],
    ['halfSums', /normal/],
    ['tail', /n17k33|n131/],
    ['cancels', /cancellation/],
    ['bf16Unsaid', /normal/],
  ] as const)('%s is found, and not chosen any more', async (name, where) => {
    const recipe = recipes[name]!;
    expect(await chosen(recipe, undefined)).toEqual(['acme/npu:MatMul.planted', 'chosen']);
    const { verdicts, rows } = await verified(recipe);
    const failed = verdicts.filter((v) => v.level === 'fail');
    expect(failed.map((v) => v.id).join(' ')).toMatch(where);
    expect(rows).toMatchObject([{ level: 'fail', kernel: 'acme/npu:MatMul.planted', signature: 'MatMul(float32,float32)' }]);
    for (const min of ['standard', 'loose'] as const)
      expect(await chosen(recipe, evidenceOf(rows), min)).toEqual(['reference/cpu:MatMul.float64', 'ACC_FAIL']);
  });

  it('an honest kernel reaches standard and goes on being chosen', async () => {
    const { verdicts, rows } = await verified(recipes['honest']!);
    expect(verdicts.filter((v) => v.level === 'fail' || v.level === 'loose')).toEqual([]);
    const { level } = rows[0]!;
    expect(['standard', 'tight'] satisfies Level[]).toContain(level);
    expect(await chosen(recipes['honest']!, evidenceOf(rows))).toEqual(['acme/npu:MatMul.planted', 'chosen']);
  });

  it('bfloat16 is as exact as it declares, and wins when, and only when, loose will do', async () => {
    const { verdicts, rows } = await verified(recipes['bf16']!);
    expect(verdicts.flatMap((v) => (v.level === 'fail' ? [`${v.id}: ${v.problem}`] : []))).toEqual([]);
    expect(rows[0]!.level).toBe('loose');
    expect(await chosen(recipes['bf16']!, evidenceOf(rows), 'standard')).toEqual(['reference/cpu:MatMul.float64', 'ACC_FAIL']);
    expect(await chosen(recipes['bf16']!, evidenceOf(rows), 'loose')).toEqual(['acme/npu:MatMul.planted', 'chosen']);
    // Without evidence only its name lets it in.
    expect(await chosen(recipes['bf16']!, undefined, 'loose')).toEqual(['reference/cpu:MatMul.float64', 'ACC_UNKNOWN']);
  });

  it('a kernel that declares Winograd’s algorithm wins when, and only when, loose will do, however exact it is', async () => {
    const { rows } = await verified(recipes['winograd']!);
    expect(rows[0]!.level).toBe('loose');
    expect(await chosen(recipes['winograd']!, evidenceOf(rows), 'standard')).toEqual(['reference/cpu:MatMul.float64', 'ACC_FAIL']);
    expect(await chosen(recipes['winograd']!, evidenceOf(rows), 'loose')).toEqual(['acme/npu:MatMul.planted', 'chosen']);
    expect(await chosen(recipes['winograd']!, undefined, 'loose')).toEqual(['reference/cpu:MatMul.float64', 'ACC_UNKNOWN']);
  });

  it('cases run again alone: the same values, the same verdict', async () => {
    const recipe = recipes['tail']!;
    const { verdicts } = await verified(recipe);
    const found = verdicts.find((v) => v.level === 'fail' && v.inputClass === 'log-uniform')!;
    const call = calls.find((c) => found.id.includes(`/${c.label}/`))!;
    const target = { provider: 'acme', chip: 'npu', session: session(recipe) };
    expect((await verifyCall(target, call, 'float32', { only: ['log-uniform'] })).verdicts).toEqual([found]);
  });

  it('kernels that change inputs, leave results unwritten, or throw fail too', async () => {
    const honest = session({});
    const faulty = (run: (inputs: readonly Tensor[], y: Tensor) => void): ChipSession => ({
      ...honest,
      prepare: () => ({ workspaceBytes: 0, run: (inputs, [y]) => run(inputs as Tensor[], y as Tensor), dispose: () => {} }),
    });
    const [, call] = calls.filter((c) => c.label === 'm1n17k33' || c.label === 'm16n16k16');
    const problem = async (s: ChipSession): Promise<string> => {
      const { verdicts } = await verifyCall({ provider: 'acme', chip: 'npu', session: s }, call!, 'float32', { only: ['normal'] });
      return `${verdicts[0]!.level}: ${verdicts[0]!.problem}`;
    };
    expect(
      await problem(
        faulty(([x, w], y) => {
          product(x!, w!, y, {});
          (x!.data as Float32Array)[0] = 7;
        }),
      ),
    ).toBe('fail: input x0 was changed');
    expect(await problem(faulty(() => {}))).toBe('flaky: y0 differs from run to run');
    expect(
      await problem(
        faulty(() => {
          throw new Error('no');
        }),
      ),
    ).toBe('fail: the kernel failed: no');
  });
});
