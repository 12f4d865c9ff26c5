import { describe, expect, it } from 'vitest';
import { Sequence, Tensor } from '../core/tensor.ts';
import { bytes, count, duration, short, statsOf, summary, table } from './format.ts';
import { toJson, toJsonLine, valueJson } from './json.ts';
import { testIo } from './testing.ts';

describe('format', () => {
  it('writes sizes, times and numbers for people', () => {
    expect([0, 1023, 1536, 5 * 2 ** 30].map(bytes)).toEqual(['0 B', '1023 B', '1.5 KiB', '5.0 GiB']);
    expect([0.01234, 41.26, 999.9, 3412].map(duration)).toEqual(['0.0123 ms', '41.3 ms', '1000 ms', '3.41 s']);
    expect([1 / 3, 7, -0.5, 1.5e-9, -1e-5, NaN, Infinity, 12n, true, 'a', [1, 0.123456789]].map(short)).toEqual([
      '0.333333',
      '7',
      '-0.5',
      '1.5e-9',
      '-1e-5',
      'NaN',
      'Infinity',
      '12',
      'true',
      '"a"',
      '(1, 0.123457)',
    ]);
    expect([count(1, 'node'), count(2, 'node'), count(0, 'node')]).toEqual(['1 node', '2 nodes', '0 nodes']);
  });

  it('lines columns up', () => {
    expect(
      table(
        testIo(),
        ['a', 'long heading', 'c'],
        [
          ['wide cell', 'x', ''],
          ['y', 'z', 'end'],
        ],
      ),
    ).toBe('a          long heading  c\nwide cell  x\ny          z             end\n');
  });

  it('sums tensors up', () => {
    expect(statsOf(Tensor.from('float32', [4], [1, NaN, Infinity, 3]))).toEqual({ min: 1, max: Infinity, mean: 2, nan: 1, inf: 1 });
    expect(statsOf(Tensor.from('string', [1], ['a']))).toBeUndefined();
    expect(statsOf(Tensor.zeros('float32', [0]))).toBeUndefined();
    expect(summary(Tensor.from('float32', [3], [1, 2, 6]))).toBe('float32[3]  min 1  max 6  mean 3  first 1 2 6');
    expect(summary(Tensor.scalar('int64', 5n))).toBe('int64[]  5');
    expect(summary(Tensor.zeros('int8', [9]))).toBe('int8[9]  min 0  max 0  mean 0  first 0 0 0 0 0 0 …');
    expect(summary(new Sequence([Tensor.zeros('int8', [9])]))).toBe('sequence of 1');
    expect(summary(null)).toBe('empty optional');
  });
});

describe('json', () => {
  it('loses nothing', () => {
    expect(toJsonLine({ a: 1n, b: 2n ** 60n, c: NaN, d: -Infinity, e: new Map([['k', 1]]), f: new Set([1]) })).toBe(
      '{"a":1,"b":"1152921504606846976","c":"NaN","d":"-Infinity","e":{"k":1},"f":[1]}\n',
    );
    expect(toJson({ a: 1 })).toBe('{\n  "a": 1\n}\n');
  });

  it('writes values with as many elements as asked', () => {
    expect(valueJson(Tensor.from('bool', [3], [true, false, true]), 2)).toEqual({
      dtype: 'bool',
      shape: [3],
      values: [true, false],
      truncated: true,
    });
    expect(valueJson(new Tensor('complex64', [1], Float32Array.of(1, 2)), 2)).toEqual({
      dtype: 'complex64',
      shape: [1],
      values: [[1, 2]],
      truncated: false,
    });
    expect(valueJson(new Sequence([null]), 2)).toEqual({ sequence: [null] });
  });
});
