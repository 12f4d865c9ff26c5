/**
 * Single ops against onnxruntime-node's single-op sessions, OpenBLAS and TensorFlow.js, interleaved in
 * one process per chip and number of threads. Ratios are speeds: above 1 is faster than the peer.
 *
 *     npm run bench:ops -- --chips cpu --threads 1,2 --filter 'Conv|MatMul' --json build/ops.json
 *
 * `cpu` is timed against onnxruntime-node and OpenBLAS, `wasm` and `js` against TensorFlow.js's
 * WebAssembly and cpu backends; `--peers onnxruntime,openblas,tfjs` picks others. See docs/benchmarks.md.
 */
import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { option } from './lib/option.ts';
import type { Job, OpResult } from './lib/op-result.ts';
import { line, printSummaries, summaries } from './lib/op-table.ts';

/** What a measuring process sends. */
type Message = { readonly note: string } | { readonly result: OpResult };

/** OpenBLAS chooses its kernels by the environment: it is to choose its best. */
const environment = (): NodeJS.ProcessEnv => {
  const env = { ...process.env };
  delete env['OPENBLAS_CORETYPE'];
  delete env['OPENBLAS_L2_SIZE'];
  return env;
};

/** Thread pools start once a process: each job has one of its own. */
const run = (job: Job, results: OpResult[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['--job', JSON.stringify(job)], { env: environment() });
    child.on('message', (m: Message) => {
      if ('result' in m) results.push(m.result);
      console.log('result' in m ? line(m.result) : `# ${m.note}`);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`the process timing flagos/${job.chip} with ${job.threads} threads ended with ${signal ?? code}`));
    });
  });

const job = option('job', '');
if (job) {
  const { work } = await import('./lib/op-worker.ts');
  const send = (m: Message): void => void process.send!(m);
  await work(
    JSON.parse(job) as Job,
    (note) => send({ note }),
    (result) => send({ result }),
  );
  process.disconnect();
} else {
  const results: OpResult[] = [];
  const asked = option('peers', '');
  console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`);
  for (const chip of option('chips', 'cpu').split(','))
    // Generated JavaScript runs on one thread.
    for (const threads of chip !== 'js' ? option('threads', '1,2').split(',').map(Number) : [1]) {
      console.log(`\nflagos/${chip}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`);
      const common = { filter: option('filter', '.'), rounds: Number(option('rounds', '7')) };
      const times = { sliceMs: Number(option('slice', '30')), caseMs: Number(option('case', '5000')) };
      const peers = (asked || (chip === 'cpu' ? 'onnxruntime,openblas' : 'tfjs')).split(',');
      await run({ chip, threads, peers, ...common, ...times }, results);
    }
  printSummaries(results);
  const path = option('json', '');
  if (path) {
    mkdirSync(dirname(path), { recursive: true });
    const head = { node: process.versions.node, cpu: cpus()[0]?.model, cpus: cpus().length, date: new Date().toISOString() };
    writeFileSync(path, `${JSON.stringify({ ...head, summaries: summaries(results), results }, undefined, 2)}\n`);
  }
}
