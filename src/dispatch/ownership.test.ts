import { describe, expect, it } from 'vitest';
import { MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import { copyInto, ownResults, placeResults, writablePlaces } from './ownership.ts';

const row = (...values: number[]): Tensor => Tensor.from('float32', [values.length], values);
const data = (t: Value | undefined): Tensor['data'] => {
  if (t instanceof Tensor) return t.data;
  throw new Error('no tensor');
};
/** Two tensors next to each other in one buffer, and one across both. */
const shared = (): [a: Tensor, b: Tensor, across: Tensor] => {
  const buffer = new ArrayBuffer(16);
  return [
    [0, 2],
    [8, 2],
    [4, 2],
  ].map(([offset, n]) => new Tensor('float32', [n!], new Float32Array(buffer, offset, n))) as [Tensor, Tensor, Tensor];
};

describe('ownResults', () => {
  it('copies results that are inputs, or parts of them, or handed out twice', () => {
    const x = row(1, 2);
    const [a, , across] = shared();
    const y = row(3);
    const results = ownResults([x, across, y, y, new Sequence([x, y])], [x, a], [false, false, false, false, false]);
    expect(data(results[0])).not.toBe(x.data);
    expect(data(results[1])).not.toBe(across.data);
    expect(results[2]).toBe(y);
    expect(data(results[3])).not.toBe(y.data);
    const items = (results[4] as Sequence).items;
    expect(new Set([...items.map(data), ...results.slice(0, 4).map(data), x.data, y.data]).size).toBe(7);
    expect(items.map((t) => [...data(t)])).toEqual([[1, 2], [3]]);
  });

  it('looks into sequences and maps of the inputs', () => {
    const [x, y] = [row(1), row(2)];
    const results = ownResults([x, y], [new Sequence([x]), new MapValue(new Map([['k', y]]))], [false, false]);
    expect(results.map((r, i) => data(r) === [x, y][i]!.data)).toEqual([false, false]);
  });

  it('leaves what is fresh as it is, and nothing else shares with it', () => {
    const y = row(1);
    const results = ownResults([y, y], [], [false, true]);
    expect(results[1]).toBe(y);
    expect(data(results[0])).not.toBe(y.data);
    expect(ownResults([null], [null], [false])).toEqual([null]);
  });

  it('copies strings, too', () => {
    const s = Tensor.from('string', [1], ['a']);
    expect(data(ownResults([s], [s], [false])[0])).not.toBe(s.data);
  });
});

describe('places for results', () => {
  it('may be written meanwhile unless an input is in the same memory', () => {
    const [a, b, across] = shared();
    expect(writablePlaces([a, b, undefined], [row(1)])).toEqual([a, b, undefined]);
    expect(writablePlaces([b], [a])).toEqual([b]);
    expect(writablePlaces([across], [a])).toEqual([undefined]);
    expect(writablePlaces([a], [new Sequence([across])])).toEqual([undefined]);
  });

  it('that share memory with each other are refused', () => {
    const [a, b, across] = shared();
    for (const into of [
      [a, a],
      [a, b, across],
    ])
      expect(() => writablePlaces(into, [])).toThrow(/FLAGOS_E_INPUT.*share memory/);
  });

  it('get the results, those of the right type and shape', () => {
    const [here, wrong, strings] = [row(0, 0), row(0), Tensor.from('string', [1], [''])];
    const results = [row(1, 2), row(3, 4), Tensor.from('string', [1], ['x']), null];
    expect(placeResults(results, [here, wrong, strings, row(9)])).toEqual([here, results[1], strings, null]);
    expect([[...here.data], [...wrong.data], strings.data]).toEqual([[1, 2], [0], ['x']]);
  });

  it('keep every bit', () => {
    const from = new Tensor('float32', [1], new Float32Array(new Uint32Array([0x7fc12345]).buffer));
    const to = row(0);
    copyInto(to, from);
    expect(new Uint32Array((to.data as Float32Array).buffer)[0]).toBe(0x7fc12345);
  });
});
