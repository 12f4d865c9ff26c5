import { describe, expect, it } from 'vitest';
import type { Tensor } from '../core/tensor.ts';
import { GRU, LSTM, RNN } from './rnn.ts';
import { call, callAll, errorOf, f32, float, i32, int, tensor, text } from './testing.ts';

const X = tensor('float32', [0.5, -1, 1, 0.25, -0.5, 2, 0.75, -1, 1.5, 0.5, -0.25, 1], [3, 2, 2]);
const weights = [0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7, 0.2];
const recurrent = [0.2, -0.4, 0.6, 0.1];
const W = (gates: number): Tensor => tensor('float32', weights.slice(0, 2 * gates), [1, gates, 2]);
const R = (gates: number): Tensor => tensor('float32', recurrent.slice(0, gates), [1, gates, 1]);

const expectClose = (actual: unknown, expected: readonly number[]): void => {
  const values = (actual as Tensor).toValues().map(Number);
  expect(values.length).toBe(expected.length);
  values.forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 5));
};

// Values from onnxruntime 1.32.
describe('LSTM', () => {
  const run = (attrs: Parameters<typeof callAll>[2]): unknown[] => callAll(LSTM, [X, W(4), R(4), undefined, i32(2, 3)], attrs);
  it('runs sequences of different lengths from their own ends', () => {
    const [y, h, c] = run({ direction: text('reverse') });
    expectClose(y, [0.039338, 0.228508, 0.012778, 0.082012, 0, 0.006442]);
    expectClose(h, [0.039338, 0.228508]);
    expectClose(c, [0.090352, 0.40802]);
  });
  it('bounds what activations get', () => {
    const [y, , c] = run({ clip: float(0.2) });
    expectClose(y, [0.036769, 0.055429, 0.037961, 0.068916, 0, 0.054289]);
    expectClose(c, [0.069151, 0.099059]);
  });
  it('couples input and forget gate', () => {
    expectClose(run({ input_forget: int(1) })[0], [0.03656, 0.188277, 0.04694, 0.138888, 0, 0.110804]);
  });
  it('keeps states of sequences without steps', () => {
    const [y, h, c] = callAll(LSTM, [
      tensor('float32', [], [0, 1, 2]),
      W(4),
      R(4),
      undefined,
      undefined,
      tensor('float32', [7], [1, 1, 1]),
    ]);
    expect([y, h, c].map((t) => (t as Tensor).dims)).toEqual([
      [0, 1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
    expectClose(h, [7]);
  });
});

describe('GRU', () => {
  it('hands alpha and beta out to the activations that take them', () => {
    const [y] = callAll(GRU, [X, W(3), R(3), tensor('float32', [0.1, 0.2, 0.3, -0.1, -0.2, 0.5], [1, 6])], {
      linear_before_reset: int(1),
      activations: { type: 'strings', value: ['HardSigmoid', 'affine'] },
      activation_alpha: { type: 'floats', value: [0.25, 0.5] },
      activation_beta: { type: 'floats', value: [0.4, 0.1] },
    });
    expectClose(y, [-0.048711, 0.1175, 0.778657, -0.01738, 0.493792, 0.474216]);
  });
});

describe('what does not fit', () => {
  it('is said', () => {
    expect(errorOf(() => call(LSTM, [X, W(3), R(4)]))).toBe("FLAGOS_E_SHAPE: 'W' has shape [1, 3, 2], it must be [1, 4, 2]");
    expect(errorOf(() => call(RNN, [X, W(1), R(1)], { direction: text('bidirectional') }))).toBe(
      "FLAGOS_E_SHAPE: 'W' has shape [1, 1, 2], it must be [2, 1, 2]",
    );
    expect(errorOf(() => call(RNN, [X, W(1), R(1)], { hidden_size: int(2) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'hidden_size' is 2, 'R' of shape [1, 1, 1] is for 1",
    );
    expect(errorOf(() => call(RNN, [X, W(1), R(1)], { activations: { type: 'strings', value: ['constructor'] } }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'activations' names 'constructor', which is none of the functions the op knows",
    );
    expect(errorOf(() => call(RNN, [f32(1), W(1), R(1)]))).toBe("FLAGOS_E_SHAPE: 'X' has shape [1], it must have 3 axes");
  });
});
