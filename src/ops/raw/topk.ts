/** TopK in C: a heap of the best so far, per row. What is generated for it is a function on the host. */
import type { DType } from '../../core/dtype.ts';
import type { RawC, RawCall } from './kernel.ts';

const types: Readonly<Partial<Record<DType, string>>> = {
  float32: 'float',
  float64: 'double',
  int8: 'int8_t',
  uint8: 'uint8_t',
  int16: 'int16_t',
  uint16: 'uint16_t',
  int32: 'int32_t',
  uint32: 'uint32_t',
  int64: 'int64_t',
  uint64: 'uint64_t',
};
/** Number of a type in the text, by which the kernel is told which one it has. */
const names = Object.keys(types) as DType[];

/** Elements a thread should look at at least. */
const GRAIN_ELEMENTS = 16_384;

/**
 * One piece is a row: the elements along the axis at one outer and one inner index. The heap's root is the worst of
 * those kept. NaN counts as the largest, and of equals the first is better: (a, i) is better than (b, j).
 */
const forType = (T: string): string => `typedef struct { ${T} v; i64 i; } E_${T};
INLINE int less_${T}(${T} a, ${T} b) { return a < b || (b != b && a == a); }
INLINE int better_${T}(E_${T} a, E_${T} b, i64 largest) {
  if (largest ? less_${T}(b.v, a.v) : less_${T}(a.v, b.v)) return 1;
  return !(largest ? less_${T}(a.v, b.v) : less_${T}(b.v, a.v)) && a.i < b.i;
}
INLINE void sift_${T}(E_${T}* h, i64 n, i64 at, i64 largest) {
  const E_${T} e = h[at];
  for (i64 c; (c = 2 * at + 1) < n; at = c) {
    if (c + 1 < n && better_${T}(h[c], h[c + 1], largest)) c++;
    if (!better_${T}(e, h[c], largest)) break;
    h[at] = h[c];
  }
  h[at] = e;
}
static void topk_${T}(const ${T}* x, i64 stride, i64 n, i64 k, i64 largest, E_${T}* h) {
  for (i64 i = 0; i < k; i++) h[i] = (E_${T}){x[i * stride], i};
  for (i64 at = k / 2 - 1; at >= 0; at--) sift_${T}(h, k, at, largest);
  for (i64 i = k; i < n; i++) {
    const E_${T} e = {x[i * stride], i};
    if (!better_${T}(e, h[0], largest)) continue;
    h[0] = e;
    sift_${T}(h, k, 0, largest);
  }
  for (i64 m = k - 1; m > 0; m--) { const E_${T} worst = h[0]; h[0] = h[m]; h[m] = worst; sift_${T}(h, m, 0, largest); }
}
static void rows_${T}(const ${T}* x, ${T}* values, int64_t* indices, const i64* p, i64 lo, i64 hi, E_${T}* h) {
  const i64 n = p[1], inner = p[2], k = p[3], largest = p[4];
  for (i64 row = lo; row < hi; row++) {
    const i64 o = row / inner, i = row % inner;
    topk_${T}(x + o * n * inner + i, inner, n, k, largest, h);
    for (i64 j = 0; j < k; j++) {
      const i64 at = (o * k + j) * inner + i;
      if (values) values[at] = h[j].v;
      if (indices) indices[at] = h[j].i;
    }
  }
}`;

const source = `${Object.values(types).map(forType).join('\n')}
static void kernel(const void* const* x, void* const* y, const i64* p, i64 lo, i64 hi, void* scratch) {
  if (p[3] == 0) return;
  switch (p[0]) {
${Object.values(types)
  .map((T, i) => `    case ${i}: rows_${T}(x[0], y[0], y[1], p, lo, hi, scratch); break;`)
  .join('\n')}
  }
}`;

/** The axis as how many rows there are around it, its extent, and how far apart its elements are. */
const extents = ({ attrs, inputs }: RawCall): { outer: number; n: number; inner: number; k: number } => {
  const { dims } = inputs[0]!;
  const axis = Number(attrs['axis']);
  const at = axis < 0 ? dims.length + axis : axis;
  const size = (part: readonly number[]): number => part.reduce((m, d) => m * d, 1);
  return { outer: size(dims.slice(0, at)), n: dims[at]!, inner: size(dims.slice(at + 1)), k: Number(inputs[1]!.value!.data[0]) };
};

export const topkHeap: RawC = {
  chip: 'flagos/cpu',
  name: 'heap',
  numerics: { inputs: 'same', accumulate: 'exact', notes: [] },
  // Measured: about 20 times as fast as the host function.
  prior: { gflops: 2000, gbps: 20 },
  applies: (call) => {
    const [X, K] = call.inputs;
    if (!X || !(X.dtype in types)) return 'no type C has';
    if (!K?.value) return 'K is not known yet';
    const { n, k } = extents(call);
    return k >= 0 && k <= n ? true : 'K is out of range';
  },
  source,
  plan: (call) => {
    const { outer, n, inner, k } = extents(call);
    return {
      count: outer * inner,
      grain: Math.max(1, Math.ceil(GRAIN_ELEMENTS / Math.max(1, n))),
      params: [names.indexOf(call.inputs[0]!.dtype), n, inner, k, call.attrs['largest'] === true ? 1 : 0],
      scratch: 16 * k,
      operations: outer * inner * n,
    };
  },
};
