/**
 * Times cases on one chip with one number of threads, in a process of its own: thread pools are
 * started once a process. Contenders do what a user's program does: `model.run(inputs)` of a loaded
 * model here, the peer's own call there. A case that fails is a result too, and does not end the run.
 */
import type { NumericData } from '../../src/core/dtype.ts';
import { asError } from '../../src/core/errors.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';
import { findOnnxTests } from '../../src/host/onnx-cases.ts';
import { agree } from './agree.ts';
import { convCases } from './conv-cases.ts';
import { measure, type Contender } from './measure.ts';
import { build, type OpCase } from './op-case.ts';
import { opCases } from './op-cases.ts';
import type { Job, OpResult, PeerResult } from './op-result.ts';
import type { OpenedCase, Peer } from './peer.ts';
import { onnxruntimePeer } from './peer-onnxruntime.ts';
import { openBlasPeer } from './peer-openblas.ts';
import { tfjsPeer } from './peer-tfjs.ts';
import { untilQuiet } from './quiet.ts';

/** Makes a peer, or says why it is not here. */
const peers: Readonly<Record<string, (job: Job) => Peer | string | Promise<Peer | string>>> = {
  onnxruntime: ({ threads }) => onnxruntimePeer(threads),
  openblas: ({ threads }) => openBlasPeer(threads),
  tfjs: ({ chip }) => tfjsPeer(chip),
};

/** Operations beyond which a case is left out on a chip: tfjs's cpu backend takes 27 s for 2048×2048×2048. */
const mostFlops: Readonly<Record<string, number>> = { js: 4e9 };

const message = (e: unknown): string => asError(e).message.split('\n')[0]!.slice(0, 200);

const timeCase = async (c: OpCase, flagos: Flagos, others: readonly Peer[], job: Job): Promise<OpResult | undefined> => {
  const head = { chip: job.chip, threads: job.threads, name: c.name, group: c.group };
  const built = build(c);
  const opened: { readonly peer: Peer; readonly it: OpenedCase }[] = [];
  const results: PeerResult[] = [];
  let model: Awaited<ReturnType<Flagos['load']>> | undefined;
  try {
    for (const peer of others) {
      try {
        const it = await peer.open(c, built);
        if (it) opened.push({ peer, it });
      } catch (e) {
        results.push({ peer: peer.name, problem: message(e) });
      }
    }
    if (opened.length + results.length === 0) return undefined;
    const start = performance.now();
    model = await flagos.load(built.bytes);
    const run = model.run.bind(model, built.feeds);
    const ours = (await run())['y'] as Tensor;
    const firstMs = performance.now() - start;
    const contenders: Contender[] = [{ name: 'flagos', run }];
    for (const { peer, it } of opened) {
      try {
        const { ok, error } = agree(ours.data as NumericData, await it.result(), c.levels);
        results.push({ peer: peer.name, error, ...(ok ? {} : { problem: `results differ by ${error.toExponential(1)}` }) });
        if (ok) contenders.push({ name: peer.name, run: it.run });
      } catch (e) {
        results.push({ peer: peer.name, problem: message(e) });
      }
    }
    const { rounds, sliceMs, caseMs: budgetMs } = job;
    const timings = await measure(contenders, { rounds, sliceMs, warmupMs: 60, budgetMs, settle: untilQuiet });
    const us = timings[0]!.medianUs;
    return {
      ...head,
      us,
      firstMs,
      rounds: timings[0]!.rounds,
      ...(c.flops ? { gflops: c.flops / us / 1e3 } : {}),
      peers: results.map((r) => {
        const t = timings.find(({ name }) => name === r.peer);
        return t ? { ...r, us: t.medianUs, speed: t.ratio } : r;
      }),
    };
  } catch (e) {
    return { ...head, problem: message(e), peers: results };
  } finally {
    for (const { it } of opened) await it.close();
    await model?.dispose();
  }
};

/** @param note for people: what the peers are, what was left out. */
export const work = async (job: Job, note: (text: string) => void, give: (result: OpResult) => void): Promise<void> => {
  const id = `flagos/${job.chip}`;
  const flagos = await createRuntime({ discover: false, file: false, threads: job.threads, prefer: [id], fallback: 'none', log: 'error' });
  const chip = flagos.runtime.chips.find((c) => c.id === id);
  if (!chip) throw new Error(`${id} is not here: ${JSON.stringify(flagos.runtime.probes.flatMap((p) => p.missing))}`);
  note(`${id}: ${chip.chip.description}`);
  const others: Peer[] = [];
  for (const name of job.peers) {
    const peer = await peers[name]!(job);
    note(typeof peer === 'string' ? peer : `${peer.name}: ${peer.description}`);
    if (typeof peer !== 'string') others.push(peer);
  }
  const tests = findOnnxTests(process.cwd());
  if (!tests) note('convolutions of ResNet-50 and SqueezeNet are left out: no ONNX backend tests (set FLAGOS_ONNX_TESTS)');
  const filter = new RegExp(job.filter);
  for (const c of [...opCases, ...convCases(tests)]) {
    if (!filter.test(c.name) && !filter.test(c.group)) continue;
    if ((c.flops ?? 0) > (mostFlops[job.chip] ?? Infinity)) {
      note(`${c.name} is left out: too long on ${id}`);
      continue;
    }
    const result = await timeCase(c, flagos, others, job);
    if (result) give(result);
  }
  await flagos.close();
};
