/** Matrix products: extents around tiles and vectors, empty and single ones, batches, and one with more than 10⁴ results. */
import type { CallSpec, Family } from './family.ts';

type Extents = readonly [m: number, n: number, k: number];
const extents: readonly Extents[] = [
  [1, 1, 1],
  [0, 3, 4],
  [3, 4, 0],
  [1, 17, 33],
  [17, 1, 33],
  [7, 13, 5],
  [15, 16, 17],
  [16, 16, 16],
  [33, 64, 31],
  [5, 65, 257],
  [128, 131, 40],
];
const named = ([m, n, k]: Extents): string => `m${m}n${n}k${k}`;

const products = new Set(['MatMul', 'com.microsoft.FusedMatMul', 'com.microsoft.TransposeMatMul', 'MatMulInteger']);
const gemms = new Set(['Gemm', 'com.microsoft.FusedGemm']);

export const matrix: Family = (record): CallSpec[] | undefined => {
  const name = record.domain === '' ? record.name : `${record.domain}.${record.name}`;
  if (products.has(name)) {
    const plain = extents.map((e): CallSpec => ({ label: named(e), inputs: { A: [e[0], e[2]], B: [e[2], e[1]] } }));
    const weights = extents
      .slice(3)
      .map((e): CallSpec => ({ label: `${named(e)}w`, inputs: { A: [e[0], e[2]], B: [e[2], e[1]] }, constants: ['B'] }));
    return [
      ...plain,
      ...weights,
      { label: 'batch', inputs: { A: [2, 1, 5, 9], B: [3, 9, 4] } },
      { label: 'vectors', inputs: { A: [37], B: [37] } },
      { label: 'row', inputs: { A: [65], B: [65, 18] } },
      { label: 'column', inputs: { A: [18, 65], B: [65] } },
    ];
  }
  if (!gemms.has(name)) return undefined;
  const attrs = record.name === 'FusedGemm' ? { activation: 'Relu' } : {};
  return extents.flatMap((e): CallSpec[] => {
    const [m, n, k] = e;
    return [
      { label: named(e), inputs: { A: [m, k], B: [k, n] }, attrs },
      {
        label: `${named(e)}tb`,
        inputs: { A: [m, k], B: [n, k], C: [n] },
        attrs: { ...attrs, transB: 1, alpha: 0.5, beta: 2 },
        constants: ['B', 'C'],
      },
      { label: `${named(e)}ta`, inputs: { A: [k, m], B: [k, n], C: [m, 1] }, attrs: { ...attrs, transA: 1 } },
    ];
  });
};
