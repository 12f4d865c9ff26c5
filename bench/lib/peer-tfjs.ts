/**
 * TensorFlow.js: its WebAssembly backend (XNNPACK) beside flagos/wasm, its cpu backend beside flagos/js.
 * Inputs and weights stay where the backend keeps them; the result is read with `dataSync`, since ours
 * is an array of the host too.
 */
// oxlint-disable-next-line import/no-unassigned-import -- it registers the backend, and that is all it does
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths, version_wasm as wasmVersion } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Peer } from './peer.ts';
import { inTfjs } from './tfjs-ops.ts';

const toTf = (t: Tensor): tf.Tensor =>
  t.dtype === 'int64'
    ? tf.tensor(Int32Array.from(t.data as BigInt64Array, Number), [...t.dims], 'int32')
    : tf.tensor(t.data as Float32Array, [...t.dims], 'float32');

const supported = new Set(['float32', 'int64']);

export const tfjsPeer = async (chip: string): Promise<Peer> => {
  const backend = chip === 'wasm' ? 'wasm' : 'cpu';
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend(backend);
  await tf.ready();
  const has = (what: string): Promise<unknown> => Promise.resolve(tf.env().getAsync(`WASM_HAS_${what}_SUPPORT`));
  // In Node it says that it has no threads, whatever it is told.
  const simd = backend === 'wasm' ? `, SIMD ${String(await has('SIMD'))}, threads ${String(await has('MULTITHREAD'))}` : '';
  return {
    name: `tfjs-${backend}`,
    description: `TensorFlow.js ${backend === 'wasm' ? wasmVersion : tf.version_core}, backend ${tf.getBackend()}${simd}; images channels-last there, channels-first here`,
    open: async (c, { values }) => {
      if (!c.operands.every((o) => !o || supported.has(o.dtype))) return undefined;
      const before = new Set<tf.Tensor>();
      const made = inTfjs(
        c,
        values.map((v) => {
          const t = v && toTf(v);
          if (t) before.add(t);
          return t;
        }) as tf.Tensor[],
        values,
      );
      if (!made) {
        tf.dispose([...before]);
        return undefined;
      }
      const read = (f: () => tf.Tensor): Float32Array => {
        const y = tf.tidy(f);
        const data = y.dataSync() as Float32Array;
        y.dispose();
        return data;
      };
      const { run, channelsLast } = made;
      return {
        run: () => read(run),
        // A copy: on some backends it is a view of memory that is used again.
        result: async () => read(channelsLast ? () => tf.transpose(run(), [0, 3, 1, 2]) : run).slice(),
        close: () => tf.dispose([...before, ...made.kept]),
      };
    },
  };
};
