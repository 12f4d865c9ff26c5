/** Ops onnxruntime's transformer optimizer and its quantizer leave in models. Expected values are onnxruntime 1.32's. */
import { describe, expect, it } from 'vitest';
import { Tensor, type Value } from '../core/tensor.ts';
import { EmbedLayerNormalization, QEmbedLayerNormalization } from './embed-normalize.ts';
import { QAttention } from './q-attention.ts';
import { DynamicQuantizeLSTM } from './q-rnn.ts';
import { callAll, errorOf, f32, float, i32, int, tensor, text } from './testing.ts';

/** Numbers in some disorder: (7k mod 11 − 5) / 4. */
const floats = (...dims: number[]): Tensor =>
  tensor(
    'float32',
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, k) => (((k * 7) % 11) - 5) / 4),
    dims,
  );
const int8s = (...dims: number[]): Tensor =>
  tensor(
    'int8',
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, k) => ((k * 13) % 31) - 15),
    dims,
  );
const one = (dtype: 'float32' | 'int8' | 'uint8', value: number): Tensor => tensor(dtype, [value], []);

const numbers = (v: Value | undefined): number[] => {
  if (!(v instanceof Tensor)) throw new Error('no tensor');
  return [...v.toNumbers()];
};
const expectClose = (v: Value | undefined, expected: readonly number[]): void => {
  const actual = numbers(v);
  expect(actual).toHaveLength(expected.length);
  actual.forEach((a, i) => expect(Math.abs(a - expected[i]!)).toBeLessThan(2e-6));
};

describe('EmbedLayerNormalization', () => {
  const ids = tensor('int32', [1, 0, 2, 2, 2, 1], [2, 3]);
  const position = tensor('float32', [0.5, 1.5, -0.25, -1.25, -1.25, 0.25, 1.25, -0.5, -0.75, -0.5, 1, -1], [3, 4]);
  const gamma = f32(1, 0.5, 2, 1);
  const beta = f32(0, 1, 0, -1);
  const word = floats(3, 4);

  it('adds three tables, and counts the length of each sequence', () => {
    const segments = tensor('int32', [0, 1, 1, 0, 0, 1], [2, 3]);
    const segment = tensor(
      'float32',
      Array.from(floats(2, 4).toNumbers(), (x) => 2 * x),
      [2, 4],
    );
    const mask = tensor('int32', [1, 1, 0, 1, 1, 1], [2, 3]);
    const [y, lengths, sum] = callAll(EmbedLayerNormalization, [ids, segments, word, position, segment, gamma, beta, mask], {
      epsilon: float(1e-5),
    });
    const s = numbers(sum);
    const rows = numbers(word);
    expect(numbers(lengths)).toEqual([2, 3]);
    // Word 1, position 0, segment 0.
    expect(s.slice(0, 4)).toEqual([0, 1, 2, 3].map((c) => rows[4 + c]! + numbers(position)[c]! + numbers(segment)[c]!));
    const mean = (s[0]! + s[1]! + s[2]! + s[3]!) / 4;
    const deviation = Math.sqrt(s.slice(0, 4).reduce((n, x) => n + (x - mean) ** 2, 0) / 4 + 1e-5);
    expectClose(
      tensor('float32', numbers(y).slice(0, 4)),
      [0, 1, 2, 3].map((c) => ((s[c]! - mean) / deviation) * numbers(gamma)[c]! + numbers(beta)[c]!),
    );
  });
  it('takes places from position_ids, and no mask for no lengths', () => {
    const reversed = tensor(
      'float32',
      Array.from({ length: 20 }, (_, k) => numbers(floats(5, 4))[k - (k % 4) + 3 - (k % 4)]!),
      [5, 4],
    );
    const places = tensor('int32', [2, 1, 4], [1, 3]);
    const [y, lengths] = callAll(
      EmbedLayerNormalization,
      [ids, undefined, word, reversed, undefined, gamma, beta, undefined, places],
      { epsilon: float(1e-5) },
      2,
    );
    expectClose(
      y,
      [
        -0.5773482322692871, 0.7113258838653564, 3.4640893936157227, -1.577348232269287, -0.9999973177909851, 1.499998688697815,
        -1.9999946355819702, -2.682209014892578e-6, -0.9999973177909851, 1.499998688697815, 1.9999946355819702, -1.9999973773956299,
        -0.9999973177909851, 1.499998688697815, 1.9999946355819702, -1.9999973773956299, -0.5773482322692871, 1.8660223484039307,
        -1.1546964645385742, -1.577348232269287, -0.5773482322692871, 0.7113258838653564, 3.4640893936157227, -1.577348232269287,
      ],
    );
    expect(numbers(lengths)).toEqual([0, 0]);
  });
  it('refuses ids outside of the table, negative ones too', () => {
    const wrong = tensor('int32', [1, 0, 2, 2, -1, 1], [2, 3]);
    expect(errorOf(() => callAll(EmbedLayerNormalization, [wrong, undefined, word, position, undefined, gamma, beta]))).toContain(
      'index -1 at position 4 is outside an axis of extent 3',
    );
    expect(
      errorOf(() =>
        callAll(EmbedLayerNormalization, [tensor('int32', [0, 0, 0, 0], [1, 4]), undefined, word, position, undefined, gamma, beta]),
      ),
    ).toContain("'position_embedding' has 3 rows");
  });
});

describe('QEmbedLayerNormalization', () => {
  it('is the same on tables of 8 bits', () => {
    const bytes = (...dims: number[]): Tensor =>
      tensor(
        'uint8',
        Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, k) => (k * 37) % 256),
        dims,
      );
    const [y, lengths] = callAll(
      QEmbedLayerNormalization,
      [
        tensor('int32', [1, 0, 2, 2, 2, 1], [2, 3]),
        tensor('int32', [0, 1, 1, 0, 0, 1], [2, 3]),
        bytes(3, 4),
        bytes(5, 4),
        bytes(2, 4),
        bytes(4),
        bytes(4),
        tensor('int32', [1, 1, 0, 1, 1, 1], [2, 3]),
        ...[0.02, 0.01, 0.03, 0.015, 0.005].map((v) => one('float32', v)),
        ...[120, 100, 128, 3, 90].map((v) => one('uint8', v)),
      ],
      { epsilon: float(1e-5) },
    );
    expectClose(
      y,
      [
        -0.39224112033843994, -0.21071599423885345, 1.513675570487976, -0.4122942388057709, -0.4383006691932678, -0.01531289517879486,
        1.2396949529647827, -2.2743709087371826, -0.4198625087738037, -0.06878584623336792, 1.4527360200881958, -1.7648054361343384,
        -0.3896262049674988, -0.4930788278579712, 0.3962820768356323, 2.278456449508667, -0.38154467940330505, -0.4005534052848816,
        0.9739739298820496, 1.3967437744140625, -0.4485173523426056, 0.005142509937286377, 1.0833311080932617, -2.46929931640625,
      ],
    );
    expect(numbers(lengths)).toEqual([2, 3]);
  });
});

describe('QAttention', () => {
  const input = tensor(
    'uint8',
    Array.from({ length: 12 }, (_, k) => (k * 37) % 256),
    [1, 3, 4],
  );
  const common = [input, int8s(4, 12), floats(12), one('float32', 0.02), one('float32', 0.03)];
  const zeros = [one('uint8', 120), one('int8', 2)];

  it('projects in integers and attends in float, keys hidden by a mask', () => {
    expectClose(
      callAll(QAttention, [...common, i32(2), ...zeros], { num_heads: int(2) }, 1)[0],
      [
        -0.46430620551109314, -0.10028929263353348, -0.737709641456604, -1.2224966287612915, -0.35187041759490967, -0.24688278138637543,
        -0.22630628943443298, -1.3357603549957275, -0.3810369074344635, -0.20885561406612396, -0.6217527985572815, -1.248178243637085,
      ],
    );
  });
  it('goes on from a past', () => {
    const [y, present] = callAll(QAttention, [...common, undefined, ...zeros, floats(2, 1, 2, 2, 2)], {
      num_heads: int(2),
      unidirectional: int(1),
    });
    expectClose(
      y,
      [
        -0.32099905610084534, -0.6388993263244629, 0.9615406394004822, -0.21853870153427124, -0.6874262690544128, 0.09279920160770416,
        0.28975796699523926, -0.7712299227714539, -0.5123499631881714, -0.21913650631904602, -0.06568309664726257, -0.8622241616249084,
      ],
    );
    expectClose(tensor('float32', numbers(present).slice(0, 6)), [-1.25, 0.5, -0.5, 1.25, -0.49039995670318604, 1.2960000038146973]);
  });
});

describe('DynamicQuantizeLSTM', () => {
  const weights = [int8s(2, 2, 8), int8s(2, 2, 8)];
  const parameters = [f32(0.02, 0.03), tensor('int8', [1, -2]), f32(0.05, 0.04), tensor('int8', [0, 3])];
  const bias = tensor(
    'float32',
    Array.from(floats(2, 16).toNumbers(), (x) => x / 4),
    [2, 16],
  );
  const attrs = { hidden_size: int(2), direction: text('bidirectional') };
  const none = [undefined, undefined, undefined, undefined];

  it('quantizes its input once and its state at every step', () => {
    const [y, h, c] = callAll(DynamicQuantizeLSTM, [floats(3, 1, 2), ...weights, bias, ...none, ...parameters], attrs);
    expectClose(
      y,
      [
        0.09453675895929337, -0.10806217044591904, -0.1256946474313736, -0.03311322629451752, 0.13434326648712158, -0.08961708098649979,
        -0.17796562612056732, -0.04020946845412254, 0.17449384927749634, 0.051749154925346375, -0.13165101408958435, 0.1487099826335907,
      ],
    );
    expectClose(h, [0.17449384927749634, 0.051749154925346375, -0.1256946474313736, -0.03311322629451752]);
    expectClose(c, [0.34083154797554016, 0.112370066344738, -0.2407195270061493, -0.14292111992835999]);
  });
  it('wants a scale for each direction', () => {
    const wrong = [f32(0.02), ...parameters.slice(1)];
    expect(errorOf(() => callAll(DynamicQuantizeLSTM, [floats(3, 1, 2), ...weights, bias, ...none, ...wrong], attrs))).toContain('W_scale');
  });
});
