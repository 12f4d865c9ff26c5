/** onnxruntime-node: a session of the one-op model on its own kernels. */
import * as ort from 'onnxruntime-node';
import type { NumericData } from '../../src/core/dtype.ts';
import type { Peer } from './peer.ts';

export const onnxruntimePeer = (threads: number): Peer => ({
  name: 'onnxruntime',
  description: `onnxruntime-node ${ort.env.versions.node ?? ''}, intraOpNumThreads ${threads}`,
  open: async (_c, { bytes, feeds }) => {
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    const own = Object.fromEntries(
      Object.entries(feeds).map(([name, t]) => [name, new ort.Tensor(t.dtype as 'float32', t.data as Float32Array, t.dims)]),
    );
    return {
      run: () => session.run(own),
      result: async () => (await session.run(own))['y']!.data as NumericData,
      close: () => session.release(),
    };
  },
});
