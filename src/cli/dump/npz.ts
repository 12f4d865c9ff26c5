/** NumPy's `.npz`: a zip archive of `.npy` files, named by the arrays. Source: numpy.savez, numpy.savez_compressed. */
import { readNpy } from '../model/npy.ts';
import type { DumpTensor } from './dump.ts';
import { readZip } from './zip.ts';

/** @throws FLAGOS_E_INPUT */
export const readNpz = (bytes: Uint8Array, shown: string): DumpTensor[] =>
  readZip(bytes, shown)
    .filter((e) => e.name.endsWith('.npy'))
    .map((e) => {
      const name = e.name.slice(0, -'.npy'.length);
      return { name, fromFile: false, read: () => readNpy(e.read(), `${shown}: ${name}`) };
    });
