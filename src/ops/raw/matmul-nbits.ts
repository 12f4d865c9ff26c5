/**
 * MatMulNBits in C for few rows, as generating text one token at a time needs it: weights stay in
 * their 4 bits and are unpacked in registers. What is generated unpacks them once into float32, which is
 * right for many rows; with few, the run is as long as reading the weights takes, and these are 8 times as many bytes.
 */
import type { RawC, RawCall } from './kernel.ts';

/** Rows that share a pass over the weights. */
const MOST_ROWS = 4;
/** A column's weights a thread should get at least. */
const GRAIN_WEIGHTS = 1 << 17;

/**
 * One piece is a column of Y. `scratch` holds the rows of A, elements of even and of odd number apart, because a
 * byte holds one weight of each. A weight is (q − z)·s in float32, as where it is unpacked once:
 * with AVX-512 it is looked up, since a register holds the 16 weights a block can have.
 */
const source = `#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
typedef int32_t I __attribute__((vector_size(4 * LANES)));
typedef float F __attribute__((vector_size(4 * LANES)));
typedef float U __attribute__((vector_size(4 * LANES), aligned(4)));
/* Weights that numbers of 4 bits stand for, of a block with scale s and zero point z; only the lowest 4 bits count. */
#if LANES == 16 && !defined(__clang__)
#define TABLE const F table = ((F){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} - z) * scale;
#define WEIGHTS(q) __builtin_shuffle(table, q)
#else
#define TABLE
#define WEIGHTS(q) ((__builtin_convertvector((q) & 15, F) - z) * scale)
#endif

INLINE void column(const int rows, const i64* p, const uint8_t* w, const float* s, const uint8_t* zeros, const float* even, const float* odd, F* sum) {
  const i64 half = p[1] / 2, bytes = p[3] / 2;
  F other[${MOST_ROWS}];
  for (int m = 0; m < rows; m++) sum[m] = other[m] = (F){0};
  for (i64 at = 0, g = 0; at < half; g++) {
    const float z = zeros ? zeros[g / 2] >> (g & 1) * 4 & 15 : 8, scale = s[g];
    TABLE
    for (const i64 end = at + bytes; at < end; at += LANES) {
      /* Written as a loop, this is one instruction; converting a vector of bytes is not. */
      int32_t wide[LANES]; I q;
      for (int j = 0; j < LANES; j++) wide[j] = w[at + j];
      memcpy(&q, wide, sizeof q);
      const F low = WEIGHTS(q), high = WEIGHTS(q >> 4);
      for (int m = 0; m < rows; m++) { sum[m] += low * *(const U*)(even + m * half + at); other[m] += high * *(const U*)(odd + m * half + at); }
    }
  }
  for (int m = 0; m < rows; m++) sum[m] += other[m];
}

static void kernel(const void* const* x, void* const* y, const i64* p, i64 lo, i64 hi, void* scratch) {
  const i64 rows = p[0], K = p[1], N = p[2], blocks = K / p[3], half = K / 2;
  const float* a = x[0]; const uint8_t* b = x[1]; const float* scales = x[2]; const uint8_t* zeros = x[3]; const float* bias = x[5];
  float* even = scratch; float* odd = even + rows * half; float* out = y[0];
  for (i64 m = 0; m < rows; m++) for (i64 k = 0; k < half; k++) {
    even[m * half + k] = a[m * K + 2 * k];
    odd[m * half + k] = a[m * K + 2 * k + 1];
  }
  for (i64 n = lo; n < hi; n++) {
    F sum[${MOST_ROWS}];
    const uint8_t* z = zeros ? zeros + n * ((blocks + 1) / 2) : 0;
    switch (rows) {
${Array.from({ length: MOST_ROWS }, (_, i) => i + 1)
  .map((r) => `      case ${r}: column(${r}, p, b + n * half, scales + n * blocks, z, even, odd, sum); break;`)
  .join('\n')}
    }
    for (i64 m = 0; m < rows; m++) {
      float total = bias ? bias[n] : 0;
      for (int i = 0; i < LANES; i++) total += sum[m][i];
      out[m * N + n] = total;
    }
  }
}`;

const numbers = ({ attrs, inputs }: RawCall): { rows: number; K: number; N: number; block: number } => {
  const [K, N, block] = [Number(attrs['K']), Number(attrs['N']), Number(attrs['block_size'])];
  const elements = inputs[0]!.dims.reduce((n, d) => n * d, 1);
  return { rows: elements / K, K, N, block };
};

export const nbitsFewRows: RawC = {
  chip: 'flagos/cpu',
  name: 'few-rows',
  numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated'] },
  // Measured: 1 × 4096 × 4096 in half the time of what is generated.
  prior: { gbps: 20 },
  applies: (call) => {
    const { rows, K, block } = numbers(call);
    const [A, , , zeros, order] = call.inputs;
    if (A?.dtype !== 'float32') return 'only float32';
    if (call.attrs['bits'] !== 4) return 'only 4 bits';
    if (zeros && zeros.dtype !== 'uint8') return 'zero points must be packed';
    if (order) return 'weights must be in order';
    if (rows < 1 || rows > MOST_ROWS) return `only 1 to ${MOST_ROWS} rows`;
    return block >= 32 && K % block === 0 ? true : 'only whole blocks of at least 32';
  },
  source,
  plan: (call) => {
    const { rows, K, N, block } = numbers(call);
    return {
      count: N,
      grain: Math.max(1, Math.floor(GRAIN_WEIGHTS / K)),
      params: [rows, K, N, block],
      scratch: rows * K * 4,
      operations: 2 * rows * K * N,
    };
  },
};
