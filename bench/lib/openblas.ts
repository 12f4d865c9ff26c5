/** OpenBLAS of this machine (Debian's `libopenblas0-pthread`), called through koffi; absent is normal. */
import koffi from 'koffi';

export interface OpenBlas {
  /** Which kernels it runs. */
  readonly description: string;
  /** c = a · b, row-major float32: [m, k] · [k, n]. */
  sgemm(m: number, n: number, k: number, a: Float32Array, b: Float32Array, c: Float32Array): void;
}

const places = [
  'libopenblas.so.0',
  '/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0',
  '/usr/lib/aarch64-linux-gnu/openblas-pthread/libopenblas.so.0',
];
const [ROW_MAJOR, NO_TRANSPOSE] = [101, 111];

/** OpenBLAS with a number of threads, or why there is none. */
export const findOpenBlas = (threads: number): OpenBlas | string => {
  for (const place of places) {
    try {
      const library = koffi.load(place);
      library.func('void openblas_set_num_threads(int)')(threads);
      const config = library.func('const char* openblas_get_config()')() as string;
      const raw = library.func('cblas_sgemm', 'void', [
        'int',
        'int',
        'int',
        'int',
        'int',
        'int',
        'float',
        'void*',
        'int',
        'void*',
        'int',
        'float',
        'void*',
        'int',
      ]);
      return {
        description: config.trim(),
        sgemm: (m, n, k, a, b, c) => void raw(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, 1, a, k, b, n, 0, c, n),
      };
    } catch {
      // Not at this place.
    }
  }
  return 'OpenBLAS was not found (Debian: libopenblas0-pthread)';
};
