import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { Col2Im } from './col2im.ts';
import { NonMaxSuppression } from './nms.ts';
import { DepthToSpace, ReverseSequence } from './rearrange.ts';
import { Compress, NonZero } from './select.ts';
import { callOp, shapesOf, tensor } from './testing-plain.ts';
import { TopK } from './topk.ts';
import { Unique } from './unique.ts';

describe('selection', () => {
  it('compresses any type, and takes a short condition', () => {
    expect(
      callOp(
        Compress,
        [
          tensor('string', [
            ['a', 'b'],
            ['c', 'd'],
          ]),
          tensor('bool', [false, true]),
        ],
        { axis: -1 },
      )[0],
    ).toEqual(tensor('string', [['b'], ['d']]));
    expect(callOp(Compress, [tensor('float16', [1, 2, 3]), tensor('bool', [true])])[0]).toEqual(tensor('float16', [1]));
    expect(() => callOp(Compress, [tensor('float32', [1]), tensor('bool', [true, true])])).toThrow(/true at 1/);
  });

  it('finds what is not zero', () => {
    expect(
      callOp(NonZero, [
        tensor('float16', [
          [0, NaN],
          [-0, 2],
        ]),
      ])[0],
    ).toEqual(
      tensor('int64', [
        [0, 1],
        [1, 1],
      ]),
    );
    expect(callOp(NonZero, [tensor('string', ['', 'x'])])[0]).toEqual(tensor('int64', [[1]]));
    expect(callOp(NonZero, [new Tensor('complex64', [2], Float32Array.from([0, 0, 0, 1]))])[0]).toEqual(tensor('int64', [[1]]));
    expect(callOp(NonZero, [tensor('float32', 3)])[0]!.dims).toEqual([0, 1]);
  });

  it('keeps one of each, by code point, NaN once and last', () => {
    const [y, first, inverse, counts] = callOp(Unique, [tensor('string', ['\u{1f600}', 'b', '\uff5e', 'b'])], {}, 4);
    expect(y!.data).toEqual(['b', '\uff5e', '\u{1f600}']);
    expect([first, inverse, counts].map((t) => [...t!.data])).toEqual([
      [1n, 2n, 0n],
      [2n, 0n, 1n, 0n],
      [2n, 1n, 1n],
    ]);
    expect(callOp(Unique, [tensor('float32', [NaN, 2, NaN, -1])])[0]!.data).toEqual(Float32Array.from([-1, 2, NaN]));
    expect(
      callOp(
        Unique,
        [
          tensor('int64', [
            [3, 1],
            [3, 1],
            [0, 5],
          ]),
        ],
        { axis: 0, sorted: 0 },
      )[0],
    ).toEqual(
      tensor('int64', [
        [3, 1],
        [0, 5],
      ]),
    );
    expect(callOp(Unique, [Tensor.zeros('float32', [0])], {}, 4).map((t) => t.dims)).toEqual([[0], [0], [0], [0]]);
  });

  it('orders the best, ties by index, for few and for many', () => {
    const x = tensor(
      'int64',
      Array.from({ length: 100 }, (_, i) => i % 10),
    );
    const few = callOp(TopK, [x, tensor('int64', [3])], {}, 2)[1]!.data;
    expect([...few]).toEqual([9n, 19n, 29n]);
    expect([...callOp(TopK, [x, tensor('int64', [12])], { largest: 0 }, 2)[1]!.data].slice(9)).toEqual([90n, 1n, 11n]);
    expect(callOp(TopK, [x, tensor('int64', [0])], {}, 2)[0]!.dims).toEqual([0]);
    expect(shapesOf(TopK, [Tensor.zeros('float32', [4, 5]), tensor('int64', [2])], { axis: 0 }, 2)).toEqual([
      [2, 5],
      [2, 5],
    ]);
    expect(() => callOp(TopK, [x, tensor('int64', [101])], {}, 2)).toThrow(/K is 101/);
  });

  it('suppresses boxes only beyond the threshold', () => {
    const boxes = tensor('float32', [
      [
        [0, 0, 1, 1],
        [1, 1, 0, 0],
        [0, 2, 1, 3],
      ],
    ]);
    const run = (...rest: (Tensor | undefined)[]): bigint[] => [
      ...(callOp(NonMaxSuppression, [boxes, tensor('float32', [[[0.5, 0.9, 0.7]]]), ...rest])[0]!.data as BigInt64Array),
    ];
    expect(run(tensor('int64', 3))).toEqual([0n, 0n, 1n, 0n, 0n, 2n]);
    expect(run(tensor('int64', [3]), tensor('float32', [1]))).toEqual([0n, 0n, 1n, 0n, 0n, 2n, 0n, 0n, 0n]);
    expect(run(tensor('int64', 3), undefined, tensor('float32', [0.7]))).toEqual([0n, 0n, 1n]);
    expect(run()).toEqual([]);
    expect(() => callOp(NonMaxSuppression, [boxes, tensor('float32', [[0.5]])])).toThrow(/FLAGOS_E_SHAPE/);
  });
});

describe('rearrangement', () => {
  it('checks what must divide or fit', () => {
    expect(() => callOp(DepthToSpace, [Tensor.zeros('float32', [1, 3, 1, 1])], { blocksize: 2 })).toThrow(/3 channels do not divide/);
    expect(() => callOp(ReverseSequence, [tensor('float32', [[1, 2]]), tensor('int64', [1, 5])])).toThrow(/a sequence of 5 steps/);
    expect(() => callOp(Col2Im, [Tensor.zeros('float32', [1, 4, 3]), tensor('int64', [3, 3]), tensor('int64', [2, 2])])).toThrow(
      /FLAGOS_E_SHAPE/,
    );
  });
});
