/**
 * The code generated for a dozen ops, as files: a change of the compiler shows what it changes. C is
 * written for one fixed processor. `npx vitest run src/compiler/render/generated.test.ts -u` takes new ones.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Attributes, Node } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { bindNode, expressionsOf } from '../../ops/bind.ts';
import { opSet } from '../../ops/index.ts';
import { channelsLast } from '../contraction/layout.ts';
import { scheduleContractions } from '../contraction/schedule.ts';
import type { Target } from '../contraction/types.ts';
import { lower } from '../lower.ts';
import { InputTensor, type TensorExpr } from '../tensor-expr.ts';
import { renderC } from './c.ts';
import { storageType } from './c-types.ts';
import { renderJsFast } from './js-fast.ts';
import { renderWasm } from './wasm.ts';

const target: Target = { vectorBytes: 32, registers: 16, l1: 32 << 10, l2: 512 << 10, l3: 8 << 20, threads: 4 };

const int = (value: number) => ({ type: 'int', value }) as const;
const ints = (...value: number[]) => ({ type: 'ints', value }) as const;

interface Case {
  readonly op: string;
  readonly inputs: readonly (readonly number[] | Tensor)[];
  readonly attrs?: Attributes;
}
const window = { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1), strides: ints(2, 2) };
const cases: readonly Case[] = [
  { op: 'Relu', inputs: [[6, 10]] },
  { op: 'Add', inputs: [[6, 10], [10]] },
  { op: 'Gelu', inputs: [[6, 10]] },
  { op: 'Softmax', inputs: [[6, 40]], attrs: { axis: int(-1) } },
  { op: 'LayerNormalization', inputs: [[6, 40], [40], [40]], attrs: { axis: int(-1) } },
  { op: 'ReduceSum', inputs: [[6, 300], Tensor.from('int64', [1], [1])], attrs: { keepdims: int(0) } },
  { op: 'Transpose', inputs: [[20, 30]], attrs: { perm: ints(1, 0) } },
  {
    op: 'Concat',
    inputs: [
      [2, 6, 10],
      [2, 4, 10],
    ],
    attrs: { axis: int(1) },
  },
  {
    op: 'MatMul',
    inputs: [
      [40, 50],
      [50, 60],
    ],
  },
  { op: 'Gemm', inputs: [[40, 50], [60, 50], [60]], attrs: { transB: int(1) } },
  { op: 'Conv', inputs: [[1, 16, 12, 12], [24, 16, 3, 3], [24]], attrs: { ...window } },
  { op: 'MaxPool', inputs: [[1, 16, 12, 12]], attrs: window },
];

/** The op as tensors. */
const expressions = ({ op, inputs, attrs = {} }: Case): { ins: InputTensor[]; outs: TensorExpr[] } => {
  const record = opSet.find('', op)!;
  const names = inputs.map((_, i) => `x${i}`);
  const node: Node = { name: op, op, domain: '', version: record.since, inputs: names, outputs: ['y'], attrs };
  const tensors = inputs.map((x, i) =>
    x instanceof Tensor ? new InputTensor(names[i]!, x.dtype, x.dims, x) : new InputTensor(names[i]!, 'float32', x),
  );
  const values = inputs.map((x) => (x instanceof Tensor ? x : undefined));
  const [y] = expressionsOf(bindNode(record, node), tensors, values);
  return { ins: tensors.filter((_, i) => values[i] === undefined), outs: [y!] };
};

/** Only what is the op's own: what every program begins with, and helpers, are left out. */
const stages = (source: string): string => source.slice(source.search(/static (NOINLINE )?void stage0/));

describe('generated code', () => {
  for (const c of cases) {
    it(c.op, async () => {
      const file = (ending: string): string => join(import.meta.dirname, '__snapshots__', `${c.op}.${ending}`);
      const { ins, outs } = expressions(c);
      const scheduled = lower(ins, outs, (body) => scheduleContractions(body, { target, storage: storageType }), channelsLast, 'cpu');
      await expect(stages(renderC(scheduled).source)).toMatchFileSnapshot(file('c.txt'));
      const plain = (chip: 'js' | 'wasm'): ReturnType<typeof lower> => lower(ins, outs, undefined, undefined, chip);
      await expect(renderJsFast(plain('js')).sources.join('\n\n')).toMatchFileSnapshot(file('js.txt'));
      await expect(renderWasm(plain('wasm')).text).toMatchFileSnapshot(file('wat.txt'));
    });
  }
});
