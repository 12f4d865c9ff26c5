/** Attention head by head: the same numbers, and workspace for the scores of one head. */
import { describe, expect, it } from 'vitest';
import { attend, splitHeads } from '../../ops/attention-core.ts';
import type { Node } from '../../core/graph.ts';
import { bindNode, expressionsOf } from '../../ops/bind.ts';
import { opSet } from '../../ops/index.ts';
import type { Stmt } from '../loops.ts';
import { lower, type Scheduled } from '../lower.ts';
import { channelsLast } from './layout.ts';
import { mul, sum } from '../expr.ts';
import { compute, InputTensor, type TensorExpr } from '../tensor-expr.ts';
import { randomData, runJs, testCompiler } from './compile.test-util.ts';
import { sliceNests } from './slices.ts';

const found = await testCompiler();

const attention = (heads: number, length: number, size: number) => {
  const inputs = ['q', 'k', 'v'].map((n) => new InputTensor(n, 'float32', [1, length, heads * size]));
  const [q, k, v] = inputs.map((x) => splitHeads(x, heads, x.name));
  return { inputs, output: attend({ q: q!, k: k!, v: v!, dtype: 'float32', scale: 0.3 }).packed };
};

const product = (a: TensorExpr, b: TensorExpr): TensorExpr =>
  compute([a.shape[0]!, b.shape[1]!], (i, j) => sum([a.shape[1]!], (k) => mul(a.at(i!, k!), b.at(k!, j!))));

describe('nests that share large values', () => {
  it('run slice by slice, on workspace of one slice', () => {
    const { inputs, output } = attention(3, 512, 16);
    const { body } = lower(inputs, [output]);
    // Loops as a schedule sees them, before they are merged.
    let seen: ReturnType<typeof sliceNests> | undefined;
    lower(inputs, [output], (stmts) => {
      seen = sliceNests(stmts, 1 << 16);
      return { body: stmts, prepare: [], temps: [] };
    });
    expect(body.some((s) => s.kind === 'for' && !s.parallel)).toBe(false);
    const loops = seen!.body.filter((s) => s.kind === 'for' && !s.parallel);
    expect(loops.map((s) => s.kind === 'for' && s.extent)).toEqual([3]);
    expect(Math.max(...seen!.temps.map((t) => t.size))).toBe(512 * 512);
  });

  it('stay as they are where values are small, or slices have little to do', () => {
    for (const [length, cache] of [
      [512, 1 << 24],
      [64, 1 << 10],
    ] as const) {
      const { inputs, output } = attention(3, length, 16);
      lower(inputs, [output], (stmts) => {
        expect(sliceNests(stmts, cache)).toEqual({ body: stmts, temps: [] });
        return { body: stmts, prepare: [], temps: [] };
      });
    }
  });

  it('stay as they are where each slice would read a matrix anew for a single row', () => {
    const [x, up, down] = [
      new InputTensor('x', 'float32', [128, 1024]),
      new InputTensor('up', 'float32', [1024, 4096]),
      new InputTensor('down', 'float32', [4096, 1024]),
    ];
    const inner = product(x, up);
    lower([x, up, down], [product(inner, down)], (stmts) => {
      expect(sliceNests(stmts, 1 << 18)).toEqual({ body: stmts, temps: [] });
      return { body: stmts, prepare: [], temps: [] };
    });
  });

  it('stay as they are where slices are rows of windows: few sums, however many bounds', () => {
    const [x, w] = [new InputTensor('x', 'float32', [1, 3, 224, 224]), new InputTensor('w', 'float32', [64, 3, 7, 7])];
    const ints = (...value: number[]) => ({ type: 'ints', value }) as const;
    const attrs = { kernel_shape: ints(7, 7), strides: ints(2, 2), pads: ints(3, 3, 3, 3) };
    const record = opSet.find('', 'Conv')!;
    const node: Node = { name: 'c', op: 'Conv', domain: '', version: record.since, inputs: ['x', 'w'], outputs: ['y'], attrs };
    const [y] = expressionsOf(bindNode(record, node), [x, w], [undefined, undefined]);
    const looked: number[] = [];
    const schedule = (stmts: readonly Stmt[]): Scheduled => {
      looked.push(stmts.length);
      expect(sliceNests(stmts, 1 << 20)).toEqual({ body: stmts, temps: [] });
      return { body: stmts, prepare: [], temps: [] };
    };
    lower([x, w], [y!], schedule, channelsLast, 'cpu');
    // The image turned, the convolution, its result turned back.
    expect(looked).toEqual([3]);
  });

  it.skipIf(typeof found === 'string')('compute the same', () => {
    if (typeof found === 'string') throw new Error(found);
    const { inputs, output } = attention(2, 600, 16);
    const data = inputs.map((x, i) => randomData(x, i + 1));
    const compiled = found.compile(inputs, [output], { l2: 1 << 18 });
    expect(compiled.source).toMatch(/for \(v\[0\] = 0/);
    const [actual, expected] = [compiled.run(data)[0]!, runJs(inputs, [output], data)[0]!];
    let worst = 0;
    for (let i = 0; i < actual.length; i++) worst = Math.max(worst, Math.abs(Number(actual[i]) - Number(expected[i])));
    expect(worst).toBeLessThan(1e-5);
  });
});
