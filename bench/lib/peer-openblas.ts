/**
 * OpenBLAS of this machine (Debian's `libopenblas0-pthread`) on plain matrix products, called through
 * koffi. A vector times a matrix goes to `sgemv`, as whoever calls BLAS would do.
 */
import koffi from 'koffi';
import type { Peer } from './peer.ts';

const places = [
  'libopenblas.so.0',
  '/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0',
  '/usr/lib/aarch64-linux-gnu/openblas-pthread/libopenblas.so.0',
];
const [ROW_MAJOR, PLAIN, TRANSPOSED] = [101, 111, 112];

type Library = ReturnType<typeof koffi.load>;
const find = (): Library | undefined => {
  for (const place of places) {
    try {
      return koffi.load(place);
    } catch {
      // Not at this place; that it is nowhere is said by the caller.
    }
  }
  return undefined;
};

/** OpenBLAS with a number of threads, or why there is none. */
export const openBlasPeer = (threads: number): Peer | string => {
  const library = find();
  if (!library) return 'OpenBLAS is left out: no libopenblas.so.0 (Debian: libopenblas0-pthread)';
  library.func('void openblas_set_num_threads(int)')(threads);
  const gemm = library.func('void cblas_sgemm(int, int, int, int, int, int, float, void*, int, void*, int, float, void*, int)');
  const gemv = library.func('void cblas_sgemv(int, int, int, int, float, void*, int, void*, int, float, void*, int)');
  const text = (name: string): string => String(library.func(`const char* ${name}()`)()).trim();
  return {
    name: 'OpenBLAS',
    description: `${text('openblas_get_config')}; kernels for ${text('openblas_get_corename')}, ${threads} threads`,
    open: async ({ product }, { values }) => {
      if (!product) return undefined;
      const { m, n, k } = product;
      const [a, b, c] = [values[0]!.data as Float32Array, values[1]!.data as Float32Array, new Float32Array(m * n)];
      const run =
        m === 1
          ? (): void => void gemv(ROW_MAJOR, TRANSPOSED, k, n, 1, b, n, a, 1, 0, c, 1)
          : (): void => void gemm(ROW_MAJOR, PLAIN, PLAIN, m, n, k, 1, a, k, b, n, 0, c, n);
      return {
        run,
        result: async () => {
          run();
          return c;
        },
        close: () => {},
      };
    },
  };
};
