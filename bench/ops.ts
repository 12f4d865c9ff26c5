/**
 * Single ops against onnxruntime-node's single-op sessions, OpenBLAS and TensorFlow.js, interleaved in
 * one process per chip and number of threads. Ratios are speeds: above 1 is faster than the peer.
 *
 *     npm run bench:ops -- --chips cpu --threads 1,2 --filter 'Conv|MatMul' --json build/ops.json
 *
 * `cpu` is timed against onnxruntime-node (and OpenBLAS), `wasm` against tfjs-backend-wasm, `js`
 * against tfjs's cpu backend. Pauses between contenders let spinning thread pools come to rest.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { opCases } from './lib/op-cases.ts';
import { option, printRows, saveRows, type OpRow } from './lib/op-report.ts';
import { timeOnnxruntime } from './lib/ops-onnxruntime.ts';
import { timeTfjs } from './lib/ops-tfjs.ts';

const chips = option('chips', 'cpu').split(',');
const threads = option('threads', '1,2').split(',').map(Number);
const filter = new RegExp(option('filter', '.'));
const cases = opCases.filter((c) => filter.test(c.name) || filter.test(c.group));
const settings = {
  rounds: Number(option('rounds', '7')),
  sliceMs: Number(option('slice', '30')),
  settleMs: Number(option('settle', '50')),
  warmupMs: 60,
};

const child = option('child', '');
if (child) {
  const [chip, count] = child.split(':');
  writeFileSync(
    3,
    JSON.stringify(
      chip === 'cpu' ? await timeOnnxruntime(cases, Number(count), settings) : await timeTfjs(cases, chip as 'wasm' | 'js', settings),
    ),
  );
  process.exit(0);
}

// Thread pools start once a process, and OpenBLAS chooses its kernels by the environment: a child for each.
const env = { ...process.env };
delete env['OPENBLAS_CORETYPE'];
delete env['OPENBLAS_L2_SIZE'];
const rows: OpRow[] = [];
for (const chip of chips) {
  for (const count of chip === 'cpu' ? threads : [1]) {
    const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--child', `${chip}:${count}`];
    const { status, output } = spawnSync(process.execPath, args, {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      maxBuffer: 1 << 26,
    });
    if (status !== 0) process.exit(status ?? 1);
    const made = JSON.parse(String(output[3])) as OpRow[];
    printRows(chip, count, made);
    rows.push(...made);
  }
}
saveRows(rows);
