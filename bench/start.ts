/**
 * What it takes to start a model on flagos/cpu: compiling from an empty cache, starting from a warm
 * one, and the most memory a process holds that loads and runs it once, beside onnxruntime-node's.
 * Every figure is of a process of its own; `--models squeezenet,resnet50` picks models.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seedWeights } from '../src/cli/seeded/weights.ts';
import { concreteShape } from '../src/core/graph.ts';
import { Tensor, sizeOf } from '../src/core/tensor.ts';
import { lowestOpset, writeModel } from '../src/formats/onnx/index.ts';
import { findOnnxTests } from '../src/host/onnx-cases.ts';
import { readOnnx } from '../src/host/onnx-files.ts';
import { option } from './lib/option.ts';
import { report, type Row } from './lib/report.ts';

interface Start {
  /** From loading to the first result, and making the plan alone: milliseconds. */
  readonly firstMs: number;
  readonly prepareMs: number;
  /** Largest resident set, MiB. */
  readonly peakMiB: number;
}

/** A process's own peak: what the system counts for it (`ru_maxrss`) begins with its parent's. MiB. */
const peakMiB = (): number => {
  const own = existsSync('/proc/self/status') && /VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return (own ? Number(own) : process.resourceUsage().maxRSS) / 1024;
};

/** One process: loads the model at `path` and runs it once. */
const once = async (who: string, path: string): Promise<Start> => {
  const dims = option('dims', '').split('x').map(Number);
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i));
  const start = performance.now();
  let prepareMs = 0;
  if (who === 'onnxruntime') {
    const ort = await import('onnxruntime-node');
    const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
    prepareMs = performance.now() - start;
    await session.run({ [session.inputNames[0]!]: new ort.Tensor('float32', data, dims) });
  } else {
    const { createRuntime } = await import('../src/host/flagos.ts');
    const flagos = await createRuntime({ discover: false, file: false, log: 'error', prefer: ['flagos/cpu'], fallback: 'none' });
    const model = await flagos.load(path);
    const inputs = { [model.inputs[0]!.name]: Tensor.from('float32', dims, data) };
    const before = performance.now();
    await model.prepare({ [model.inputs[0]!.name]: dims });
    prepareMs = performance.now() - before;
    await model.run(inputs);
  }
  return { firstMs: performance.now() - start, prepareMs, peakMiB: peakMiB() };
};

const child = option('child', '');
if (child) {
  writeFileSync(3, JSON.stringify(await once(child, option('model', ''))));
  process.exit(0);
}

const root = findOnnxTests(resolve('.'));
if (!root) {
  console.log('skipped: no ONNX backend tests (set FLAGOS_ONNX_TESTS)');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'flagos-start-'));
const rows: Row[] = [];
try {
  for (const name of option('models', 'squeezenet,resnet50').split(',')) {
    const { model } = seedWeights(readOnnx(join(root, 'light', `light_${name}.onnx`)), 1);
    const { graph } = model;
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, writeModel({ graph, name, opsets: { '': lowestOpset(graph) } }));
    const dims = concreteShape(graph.inputs.find((i) => !graph.initializers.has(i.name))!.type)!;
    const run = (who: string): Start => {
      const args = [fileURLToPath(import.meta.url), '--child', who, '--model', path, '--dims', dims.join('x')];
      const { status, output } = spawnSync(process.execPath, args, {
        env: { ...process.env, FLAGOS_CACHE: join(folder, `cache-${name}`) },
        stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      });
      if (status !== 0) throw new Error(`the process running ${name} on ${who} ended with ${status}`);
      return JSON.parse(String(output[3])) as Start;
    };
    const cold = run('flagos');
    const warm = [1, 2, 3].map(() => run('flagos')).sort((a, b) => a.prepareMs - b.prepareMs)[1]!;
    const theirs = run('onnxruntime');
    const squeezenet = name === 'squeezenet';
    rows.push(
      {
        what: `${name}: compiling, cache empty`,
        value: cold.prepareMs / 1e3,
        unit: 's',
        ...(squeezenet ? { budget: { sense: '≤', value: 10 } as const } : {}),
      },
      {
        what: `${name}: preparing, cache warm`,
        value: warm.prepareMs,
        unit: 'ms',
        ...(squeezenet ? { budget: { sense: '≤', value: 150 } as const } : {}),
      },
      { what: `${name}: loading to first result, cache warm`, value: warm.firstMs, unit: 'ms', details: { onnxruntimeMs: theirs.firstMs } },
      {
        what: `${name}: peak memory over onnxruntime-node's`,
        value: warm.peakMiB / theirs.peakMiB,
        unit: '×',
        budget: { sense: '≤', value: 1.2 },
        details: { flagosMiB: warm.peakMiB, onnxruntimeMiB: theirs.peakMiB },
      },
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
report('starting models on flagos/cpu', rows);
for (const r of rows) if (r.details) console.log(`  ${r.what}: ${JSON.stringify(r.details)}`);
