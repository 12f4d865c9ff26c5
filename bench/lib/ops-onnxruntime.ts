/** Ops on flagos/cpu beside onnxruntime-node's sessions and OpenBLAS: what a user calls, with a number of threads each. */
import * as ort from 'onnxruntime-node';
import { sizeOf, type Tensor } from '../../src/core/tensor.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import { measure, type Contender, type MeasureOptions } from './measure.ts';
import { modelOf, type OpCase } from './op-case.ts';
import { AGREE, relativeError, type OpRow } from './op-report.ts';
import { findOpenBlas } from './openblas.ts';

const toOrt = (t: Tensor): ort.Tensor => new ort.Tensor(t.dtype as 'float32', t.data as Float32Array, t.dims);

/** m, n, k of a plain matrix product large enough that calls do not count. */
const product = (c: OpCase, feeds: Readonly<Record<string, Tensor>>): [number, number, number] | undefined => {
  const [a, b] = [feeds['a'], feeds['b']];
  if (a && b && sizeOf(a.dims) * b.dims.at(-1)! < 256 ** 3) return undefined;
  return c.op === 'MatMul' && a?.dims.length === 2 && b?.dims.length === 2 ? [a.dims[0]!, b.dims[1]!, a.dims[1]!] : undefined;
};

export const timeOnnxruntime = async (cases: readonly OpCase[], threads: number, settings: MeasureOptions): Promise<OpRow[]> => {
  const flagos = await createRuntime({ discover: false, file: false, log: 'error', threads, prefer: ['flagos/cpu'], fallback: 'none' });
  const blas = findOpenBlas(threads);
  console.log(typeof blas === 'string' ? `skipped: ${blas}` : `OpenBLAS: ${blas.description}`);
  const rows: OpRow[] = [];
  for (const c of cases) {
    const row = { chip: 'cpu', threads, name: c.name, group: c.group };
    const { bytes, feeds } = modelOf(c);
    const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 });
    const ortFeeds = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(t)]));
    const model = await flagos.load(bytes);
    const expected = Object.values(await session.run(ortFeeds))[0]!;
    const actual = Object.values(await model.run(feeds))[0] as Tensor;
    const error = relativeError(actual.data as Float32Array, expected.data as Float32Array);
    if (error > AGREE) rows.push({ ...row, peer: 'onnxruntime-node', problem: `results differ by ${error.toExponential(1)}` });
    else {
      const contenders: Contender[] = [
        { name: 'onnxruntime-node', run: () => session.run(ortFeeds) },
        { name: 'flagos/cpu', run: () => model.run(feeds) },
      ];
      const size = product(c, feeds);
      if (size && typeof blas !== 'string') {
        const [m, n, k] = size;
        const [a, b, out] = [feeds['a']!.data as Float32Array, feeds['b']!.data as Float32Array, new Float32Array(m * n)];
        contenders.push({ name: 'OpenBLAS', run: () => blas.sgemm(m, n, k, a, b, out) });
      }
      const [theirs, ours, openblas] = await measure(contenders, settings);
      rows.push({ ...row, peer: 'onnxruntime-node', peerUs: theirs!.medianUs, ownUs: ours!.medianUs, speed: 1 / ours!.ratio });
      if (openblas)
        rows.push({ ...row, peer: 'OpenBLAS', peerUs: openblas.medianUs, ownUs: ours!.medianUs, speed: openblas.ratio / ours!.ratio });
    }
    await model.dispose();
    await session.release();
  }
  await flagos.close();
  return rows;
};
