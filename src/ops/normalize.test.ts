import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { BatchNormalization, GroupNormalization } from './channel-normalize.ts';
import { NegativeLogLikelihoodLoss } from './loss.ts';
import { LpNormalization, LRN } from './lp-normalize.ts';
import { LayerNormalization, RMSNormalization } from './normalize.ts';
import { SimplifiedLayerNormalization, SkipLayerNormalization, SkipSimplifiedLayerNormalization } from './skip-normalize.ts';
import { Hardmax, LogSoftmax, Softmax } from './softmax.ts';
import { callOp, tensor } from './testing-plain.ts';

const numbers = (t: Tensor | undefined): number[] => [...t!.toNumbers()];

describe('softmax', () => {
  it('neither overflows nor loses small logarithms', () => {
    expect(numbers(callOp(Softmax, [tensor('float64', [1000, 1000])])[0])).toEqual([0.5, 0.5]);
    expect(numbers(callOp(LogSoftmax, [tensor('float64', [0, -1000])])[0])).toEqual([0, -1000]);
    expect(numbers(callOp(Softmax, [tensor('float32', [-Infinity, 0])])[0])).toEqual([0, 1]);
    expect(numbers(callOp(Hardmax, [tensor('float32', [1, 3, 3])])[0])).toEqual([0, 1, 0]);
    expect(callOp(Softmax, [Tensor.zeros('float32', [2, 0])])[0]!.dims).toEqual([2, 0]);
    expect(() => callOp(Softmax, [tensor('float32', 1)])).toThrow(/at least 1 axis/);
  });
});

describe('layer norm', () => {
  const ones = tensor('float64', [1, 1]);

  it('loses nothing to a large mean', () => {
    // Mean 1e9 + 1, variance 1: a one-pass variance would be all rounding.
    const [y, mean, inv] = callOp(
      LayerNormalization,
      [tensor('float64', [[1e9, 1e9 + 2]]), ones],
      { epsilon: { type: 'float', value: 0 } },
      3,
    );
    expect(numbers(y)).toEqual([-1, 1]);
    expect([mean!.dtype, mean!.dims, numbers(inv)]).toEqual(['float32', [1, 1], [1]]);
  });

  it('broadcasts scale and bias one way only, and checks stash_type', () => {
    const x = tensor('float32', [
      [1, 3],
      [2, 6],
    ]);
    expect(
      numbers(
        callOp(LayerNormalization, [x, tensor('float32', [2]), tensor('float32', [[1], [5]])], { epsilon: { type: 'float', value: 0 } })[0],
      ),
    ).toEqual([-1, 3, 3, 7]);
    expect(() => callOp(LayerNormalization, [x, tensor('float32', [1, 2, 3])])).toThrow(/FLAGOS_E_SHAPE/);
    expect(() => callOp(LayerNormalization, [x, tensor('float32', [[[1, 2]]])])).toThrow(/'scale' of shape \[1, 1, 2\] does not broadcast/);
    expect(() => callOp(LayerNormalization, [x, tensor('float32', [1, 2])], { stash_type: 7 })).toThrow(/stash_type/);
  });

  it('comes as RMS norm, with the type of its scale', () => {
    const [y] = callOp(RMSNormalization, [tensor('float16', [3, 4]), tensor('float32', [1, 2])], { epsilon: { type: 'float', value: 0 } });
    expect(y!.dtype).toBe('float32');
    expect(numbers(y)[0]).toBeCloseTo(3 / Math.sqrt(12.5), 6);
    expect(
      numbers(
        callOp(
          SimplifiedLayerNormalization,
          [tensor('float32', [3, 4]), tensor('float32', [1, 2])],
          { epsilon: { type: 'float', value: 0 } },
          2,
        )[1],
      )[0],
    ).toBeCloseTo(1 / Math.sqrt(12.5), 6);
  });

  it('takes a residual, and gives the sum back', () => {
    const [x, skip] = [tensor('float32', [[[1, 2]], [[3, 4]]]), tensor('float32', [[1, 0]])];
    const [gamma, bias] = [tensor('float32', [1, 1]), tensor('float32', [0, 1])];
    const [y, , , total] = callOp(SkipLayerNormalization, [x, skip, gamma, undefined, bias], {}, 4);
    expect(numbers(total)).toEqual([2, 3, 4, 5]);
    expect(numbers(y)[0]).toBeCloseTo(-1, 5);
    expect(numbers(callOp(SkipSimplifiedLayerNormalization, [x, skip, gamma])[0])[0]).toBeCloseTo(2 / Math.sqrt(4), 5);
    expect(() => callOp(SkipSimplifiedLayerNormalization, [x, skip, gamma], {}, 2)).toThrow(/output 1 is asked for/);
    expect(() => callOp(SkipLayerNormalization, [x, skip, tensor('float32', [1])])).toThrow(/'gamma' has shape \[1\]/);
  });
});

describe('per channel', () => {
  const c = tensor('float32', [1]);

  it('batch norm mixes types, takes vectors, and needs training for its statistics', () => {
    const [y] = callOp(BatchNormalization, [tensor('float16', [1, 2]), c, c, c, c], { epsilon: { type: 'float', value: 0 } });
    expect([y!.dtype, numbers(y)]).toEqual(['float16', [1, 2]]);
    const [, mean, variance] = callOp(
      BatchNormalization,
      [tensor('float32', [[1], [3]]), c, c, c, c],
      { training_mode: 1, momentum: 0.5 },
      3,
    );
    expect([numbers(mean), numbers(variance)]).toEqual([[1.5], [1]]);
    expect(() => callOp(BatchNormalization, [tensor('float32', [[1]]), c, c, c, c], {}, 3)).toThrow(/training_mode/);
    expect(() => callOp(BatchNormalization, [tensor('float32', [[1, 2]]), c, c, c, c])).toThrow(
      /'scale' has shape \[1\], it must be \[2\]/,
    );
  });

  it('groups must divide channels, norms and windows must make sense', () => {
    expect(() =>
      callOp(GroupNormalization, [tensor('float32', [[[1], [2], [3]]]), tensor('float32', [1, 1, 1]), tensor('float32', [1, 1, 1])], {
        num_groups: 2,
      }),
    ).toThrow(/3 channels do not divide into 2 groups/);
    expect(() => callOp(LpNormalization, [c], { p: 3 })).toThrow(/p is 3/);
    expect(numbers(callOp(LpNormalization, [tensor('float32', [-1, 3])], { p: 1 })[0])).toEqual([-0.25, 0.75]);
    expect(() => callOp(LRN, [tensor('float32', [[1]])], { size: 0 })).toThrow(/size is 0/);
  });
});

describe('losses', () => {
  it('refuse targets that are no class', () => {
    const logp = tensor('float32', [
      [-1, -2],
      [-3, -4],
    ]);
    expect(numbers(callOp(NegativeLogLikelihoodLoss, [logp, tensor('int64', [1, -7])], { ignore_index: -7 })[0])).toEqual([2]);
    expect(() => callOp(NegativeLogLikelihoodLoss, [logp, tensor('int64', [1, 2])])).toThrow(/target 2 is none of the 2 classes/);
    expect(() => callOp(NegativeLogLikelihoodLoss, [logp, tensor('int64', [1])])).toThrow(/'target' has shape \[1\]/);
  });
});
