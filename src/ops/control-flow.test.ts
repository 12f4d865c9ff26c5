import { describe, expect, it } from 'vitest';
import { tensorType, type Graph, type Node, type ValueInfo } from '../core/graph.ts';
import { Sequence, Tensor, type Value } from '../core/tensor.ts';
import { If, Loop } from './control-flow.ts';
import type { OpRecord, RunSubgraph } from './define.ts';
import { evaluateNode } from './evaluate.ts';
import { Scan } from './scan-op.ts';
import { SequenceMap } from './sequence.ts';
import { f32, i64, tensor } from './testing.ts';

const scalar = tensorType('float32', []);
/** A body of which only its inputs and outputs matter: `run` says what it does. */
const bodyOf = (inputs: readonly ValueInfo['type'][], outputs: readonly ValueInfo['type'][]): Graph => ({
  name: 'body',
  inputs: inputs.map((type, i) => ({ name: `i${i}`, type })),
  outputs: outputs.map((type, i) => ({ name: `o${i}`, type })),
  initializers: new Map(),
  nodes: [],
  types: new Map(),
});
const evaluate = (
  record: OpRecord,
  inputs: readonly (Value | undefined)[],
  attrs: Node['attrs'],
  run: RunSubgraph,
  outputs = 1,
): ReturnType<typeof evaluateNode> =>
  evaluateNode(
    record,
    {
      name: 'n',
      op: record.name,
      domain: '',
      version: record.since,
      attrs,
      inputs: inputs.map((v, i) => (v === undefined ? '' : `x${i}`)),
      outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
    },
    inputs,
    run,
  );
const graphAttr = (value: Graph): Node['attrs'] => ({ body: { type: 'graph', value } });
const numbers = (v: Value | undefined): unknown => (v instanceof Tensor ? { dims: v.dims, values: v.toValues() } : v);
const one = (v: Value | undefined): number => (v as Tensor).toNumbers()[0]!;
const truth = (v: boolean): Tensor => Tensor.scalar('bool', v);
const failure = (f: () => unknown): string => {
  try {
    f();
  } catch (e) {
    return (e as Error).message.split('\n')[0]!;
  }
  return 'no error';
};

/** Adds 1 to its state, gives the state before as a scan output, and goes on until the state is 3. */
const counting = bodyOf([undefined, undefined, scalar], [undefined, scalar, scalar]);
const count: RunSubgraph = (_, [, , state]) => [truth(one(state) < 2), Tensor.scalar('float32', one(state) + 1), state!];

describe('Loop', () => {
  const start = Tensor.scalar('float32', 0);
  it('stops by condition and by count, and ignores the condition where only a count is given', () => {
    const run = (M: Value | undefined, cond: Value | undefined): number =>
      one((evaluate(Loop, [M, cond, start], graphAttr(counting), count, 2) as Value[])[0]);
    expect(run(undefined, truth(true))).toBe(3);
    expect(run(i64(2), truth(true))).toBe(2);
    expect(run(i64(9), truth(true))).toBe(3);
    expect(run(i64(5), undefined)).toBe(5);
    expect(run(undefined, undefined)).toBe(3);
    expect(run(i64(9), truth(false))).toBe(0);
    expect(run(i64(-1), undefined)).toBe(0);
  });

  it('stacks scan outputs, and gives an empty one of the stated type where it never runs', () => {
    const typed = bodyOf([undefined, undefined, scalar], [undefined, scalar, tensorType('int64', [2, 'n'])]);
    expect(numbers((evaluate(Loop, [i64(3), undefined, start], graphAttr(counting), count, 2) as Value[])[1])).toEqual({
      dims: [3],
      values: [0, 1, 2],
    });
    expect(numbers((evaluate(Loop, [i64(0), undefined, start], graphAttr(typed), count, 2) as Value[])[1])).toEqual({
      dims: [0, 2, 0],
      values: [],
    });
    const untyped = bodyOf([undefined, undefined, scalar], [undefined, scalar, undefined]);
    expect(failure(() => evaluate(Loop, [i64(0), undefined, start], graphAttr(untyped), count, 2))).toContain(
      "does not state the type of scan output 'o2'",
    );
  });

  it('passes the iteration number and condition in the rank the body states', () => {
    const seen: (readonly number[])[] = [];
    const flat = bodyOf([tensorType('int64', [1]), tensorType('bool', []), scalar], [undefined, scalar]);
    void evaluate(
      Loop,
      [i64(1), undefined, start],
      graphAttr(flat),
      (_, [i, c, s]) => (seen.push((i as Tensor).dims, (c as Tensor).dims), [truth(true), s!]),
    );
    expect(seen).toEqual([[1], []]);
  });

  it('waits for a body that answers later, and for nobody otherwise', async () => {
    const later = evaluate(Loop, [i64(4), undefined, start], graphAttr(counting), async (g, x) => count(g, x), 2);
    expect(later).toBeInstanceOf(Promise);
    expect((await later).map(numbers)).toEqual([
      { dims: [], values: [4] },
      { dims: [4], values: [0, 1, 2, 3] },
    ]);
    await expect(
      evaluate(Loop, [i64(4), undefined, start], graphAttr(counting), async () => Promise.reject(new Error('no')), 2),
    ).rejects.toThrow('no');
  });

  it('carries sequences', () => {
    const growing: RunSubgraph = (_, [i, , s]) => [truth(true), new Sequence([...(s as Sequence).items, i!])];
    const [last] = evaluate(
      Loop,
      [i64(2), undefined, new Sequence([])],
      graphAttr(bodyOf([undefined, undefined, undefined], [undefined, undefined])),
      growing,
    ) as Value[];
    expect((last as Sequence).items.map(one)).toEqual([0, 1]);
  });

  it('refuses bodies and slices that do not fit', () => {
    expect(failure(() => evaluate(Loop, [i64(1), undefined], graphAttr(counting), count, 2))).toBe(
      'FLAGOS_E_MODEL_INVALID: the body has 3 inputs, it is given 2',
    );
    const uneven: RunSubgraph = (_, [i, , s]) => [truth(true), s!, Tensor.zeros('float32', [1 + one(i)])];
    expect(failure(() => evaluate(Loop, [i64(2), undefined, start], graphAttr(counting), uneven, 2))).toBe(
      'FLAGOS_E_SHAPE: stack of shapes [1] and [2], which do not fit',
    );
    const mixed: RunSubgraph = (_, [i, , s]) => [truth(true), s!, one(i) ? start : i!];
    expect(failure(() => evaluate(Loop, [i64(2), undefined, start], graphAttr(counting), mixed, 2))).toContain(
      'FLAGOS_E_DTYPE: stack of int64 and float32',
    );
  });
});

describe('If', () => {
  const branches = (then: number, otherwise: number): Node['attrs'] => ({
    then_branch: {
      type: 'graph',
      value: {
        ...bodyOf(
          [],
          Array.from({ length: then }, () => scalar),
        ),
        name: 'then',
      },
    },
    else_branch: {
      type: 'graph',
      value: {
        ...bodyOf(
          [],
          Array.from({ length: otherwise }, () => scalar),
        ),
        name: 'else',
      },
    },
  });
  const name: RunSubgraph = (g) => [tensor('string', [g.name], [])];
  it('runs the branch the one element of its condition chooses', () => {
    expect(evaluate(If, [tensor('bool', [true], [1, 1])], branches(1, 1), name)).toEqual([tensor('string', ['then'], [])]);
    expect(evaluate(If, [truth(false)], branches(1, 1), name)).toEqual([tensor('string', ['else'], [])]);
    expect(failure(() => evaluate(If, [tensor('bool', [true, false])], branches(1, 1), name))).toBe(
      "FLAGOS_E_SHAPE: 'cond' must hold one value, its shape is [2]",
    );
    expect(failure(() => evaluate(If, [truth(false)], branches(2, 1), name, 2))).toBe(
      'FLAGOS_E_MODEL_INVALID: else_branch has 1 outputs, at least 2 are needed',
    );
  });
});

describe('Scan', () => {
  // Running sums of columns, read and written in reverse: [[1, 2, 3], [4, 5, 6]] by columns from the right.
  const x = tensor('float32', [1, 2, 3, 4, 5, 6], [2, 3]);
  const sums: RunSubgraph = (_, [state, slice]) => {
    const next = tensor(
      'float32',
      [0, 1].map((i) => (state as Tensor).toNumbers()[i]! + (slice as Tensor).toNumbers()[i]!),
    );
    return [next, next];
  };
  const body = bodyOf([undefined, undefined], [undefined, tensorType('float32', [2])]);
  const attrs = (more: Node['attrs'] = {}): Node['attrs'] => ({ ...graphAttr(body), num_scan_inputs: { type: 'int', value: 1 }, ...more });
  const list = (...value: number[]): Node['attrs'][string] => ({ type: 'ints', value });

  it('follows axes and directions', () => {
    const run = (more: Node['attrs']): unknown[] => (evaluate(Scan, [f32(0, 0), x], attrs(more), sums, 2) as Value[]).map(numbers);
    expect(run({ scan_input_axes: list(-1) })).toEqual([
      { dims: [2], values: [6, 15] },
      { dims: [3, 2], values: [1, 4, 3, 9, 6, 15] },
    ]);
    expect(run({ scan_input_axes: list(1), scan_output_axes: list(-1), scan_input_directions: list(1) })[1]).toEqual({
      dims: [2, 3],
      values: [3, 5, 6, 6, 11, 15],
    });
    expect(run({ scan_input_axes: list(1), scan_output_directions: list(1) })[1]).toEqual({ dims: [3, 2], values: [6, 15, 3, 9, 1, 4] });
  });

  it('gives an empty scan output where there is nothing to scan', () => {
    expect(
      (evaluate(Scan, [f32(7, 8), tensor('float32', [], [2, 0])], attrs({ scan_input_axes: list(1) }), sums, 2) as Value[]).map(numbers),
    ).toEqual([
      { dims: [2], values: [7, 8] },
      { dims: [0, 2], values: [] },
    ]);
  });

  it('refuses attributes that do not fit', () => {
    expect(failure(() => evaluate(Scan, [f32(0, 0), x], attrs({ scan_input_axes: list(0, 1) }), sums, 2))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'scan_input_axes' has 2 entries, it must have 1",
    );
    expect(failure(() => evaluate(Scan, [f32(0, 0), x], attrs({ scan_input_directions: list(2) }), sums, 2))).toContain(
      'holds 2, directions are 0',
    );
    expect(failure(() => evaluate(Scan, [f32(0, 0), x], attrs({ num_scan_inputs: { type: 'int', value: 3 } }), sums, 2))).toContain(
      'it must be from 1 to 2',
    );
  });
});

describe('SequenceMap', () => {
  const pair = bodyOf([undefined, undefined], [undefined]);
  it('takes sequences item by item and other values whole', () => {
    const items = new Sequence([f32(1), f32(2)]);
    const add: RunSubgraph = (_, [a, b]) => [f32(one(a) + one(b))];
    const [sum] = evaluate(SequenceMap, [items, f32(10)], graphAttr(pair), add) as Value[];
    expect((sum as Sequence).items.map(one)).toEqual([11, 12]);
    expect(failure(() => evaluate(SequenceMap, [items, new Sequence([f32(1)])], graphAttr(pair), add))).toBe(
      'FLAGOS_E_VALUE: sequences of 2 and 1 items cannot be mapped together',
    );
    expect(failure(() => evaluate(SequenceMap, [f32(1), items], graphAttr(pair), add))).toBe(
      "FLAGOS_E_DTYPE: input 'input_sequence' must be a sequence, it is a float32[1]",
    );
  });
});
