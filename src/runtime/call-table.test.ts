import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { CallTable } from './call-table.ts';

const x = Tensor.zeros('float32', [1]);

describe('CallTable', () => {
  it('finds a kind of call by everything that makes it one', () => {
    const table = new CallTable<string>(10, () => {});
    const tensor = Tensor.from('float32', [2], [1, 2]);
    const calls = [
      ['A', [x], {}, {}],
      ['B', [x], {}, {}],
      ['A', [x, x], {}, {}],
      ['A', [undefined, x], {}, {}],
      ['A', [x], { axis: 0 }, {}],
      ['A', [x], { axis: -0 }, {}],
      ['A', [x], { axis: NaN }, {}],
      ['A', [x], { axis: 0n }, {}],
      ['A', [x], { axis: '0' }, {}],
      ['A', [x], { axis: [0] }, {}],
      ['A', [x], { axis: [0, 1] }, {}],
      ['A', [x], { value: tensor }, {}],
      ['A', [x], { axis: 0, other: 1 }, {}],
      ['A', [x], {}, { outputs: 2 }],
      ['A', [x], {}, { policy: { prefer: ['vendor'] } }],
      ['A', [x], {}, { policy: { prefer: ['flagos'] } }],
    ] as const;
    const all = new CallTable<number>(100, () => {});
    calls.forEach(([op, inputs, attributes, options], i) => {
      expect(all.find(op, inputs, attributes, options)).toBeUndefined();
      all.add(op, inputs, attributes, options, i);
    });
    calls.forEach(([op, inputs, attributes, options], i) => expect(all.find(op, inputs, attributes, options)).toBe(i));
    expect(all.find('A', [x], { other: 1, axis: 0, left: undefined }, { outputs: 1 })).toBe(12);
    expect(table.find('A', [x], {}, {})).toBeUndefined();
  });

  it('keeps attributes as they were', () => {
    const table = new CallTable<number>(10, () => {});
    const perm = [0, 1];
    const value = Tensor.from('float32', [1], [1]);
    table.add('T', [x], { perm, value }, {}, 1);
    expect(table.find('T', [x], { perm: [0, 1], value: value.clone() }, {})).toBe(1);
    perm[0] = 5;
    expect(table.find('T', [x], { perm, value }, {})).toBeUndefined();
    value.data[0] = 7;
    expect(table.find('T', [x], { perm: [0, 1], value }, {})).toBeUndefined();
  });

  it('forgets what was used longest ago', () => {
    const dropped: number[] = [];
    const table = new CallTable<number>(3, (r) => dropped.push(r));
    [0, 1, 2].forEach((i) => table.add('A', [x], { i }, {}, i));
    table.find('A', [x], { i: 0 }, {});
    table.add('B', [x], {}, {}, 3);
    expect(dropped).toEqual([1]);
    table.add('B', [x], { i: 4 }, {}, 4);
    expect(dropped).toEqual([1, 2]);
    expect(table.all()).toEqual([0, 3, 4]);
    expect(table.find('A', [x], { i: 1 }, {})).toBeUndefined();
  });
});
