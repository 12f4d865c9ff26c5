/**
 * M frameworks × N providers: every framework's models, through the framework's own API, on every chip of this
 * machine. What a chip claims runs there and nowhere else (a failure is an error, nothing is tried again); what it
 * refuses runs on FlagOS's own kernels, and the table says how much that is. The witness is the framework itself.
 *
 * `npm run docs:providers` writes docs/frameworks-and-providers.md from a run of this.
 */
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import { GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seedWeights } from '../../src/cli/seeded/weights.ts';
import { install, type FlagosBackend } from '../../src/entries/tfjs.ts';
import { unregisterTfBackend } from '../../src/frameworks/tfjs/install.ts';
import { lowestOpset, writeModel } from '../../src/formats/onnx/index.ts';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';
import { findOnnxTests } from '../../src/host/onnx-cases.ts';
import { readOnnx } from '../../src/host/onnx-files.ts';
import { findPackage } from '../../src/host/package-json.ts';
import { readTfjs } from '../../src/host/tfjs-files.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';

interface Run {
  /** Every output, by name. */
  readonly outputs: Readonly<Record<string, ArrayLike<number>>>;
  readonly coverage: string;
  readonly claimed: number;
  readonly total: number;
}
interface FrameworkRow {
  readonly framework: string;
  readonly model: string;
  /** Why the row is left out, if it is. */
  readonly missing?: string | undefined;
  /** Chips on which it would take minutes, for the reason given. */
  readonly leftOut?: Readonly<Record<string, string>>;
  /** Where more than the usual difference is right, how much, and why. */
  readonly wider?: Readonly<Record<string, { readonly most: number; readonly why: string }>>;
  /** The framework by itself. */
  witness(): Promise<Run['outputs']>;
  /** The framework on FlagOS, this chip first. */
  on(chip: string, flagos: Flagos): Promise<Run>;
}

const root = findOnnxTests(join(import.meta.dirname, '../..'));
const require = createRequire(import.meta.url);

const wave = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898) * 2);

/** Models in ONNX, through onnxruntime's API. */
const onnxRow = (
  model: string,
  bytes: () => Promise<Uint8Array>,
  feeds: () => ort.InferenceSession.FeedsType,
  more: Partial<FrameworkRow> = {},
): FrameworkRow => {
  const run = async (providers: object[]): Promise<[ort.InferenceSession, Run['outputs']]> => {
    const options = { executionProviders: providers, logSeverityLevel: 3 } as ort.InferenceSession.SessionOptions;
    const session = await ort.InferenceSession.create(await bytes(), options);
    const results = await session.run(feeds());
    return [session, Object.fromEntries(Object.entries(results).map(([k, t]) => [k, t.data as ArrayLike<number>]))];
  };
  return {
    framework: 'onnxruntime',
    model,
    witness: async () => {
      const [session, outputs] = await run([{ name: 'cpu' }]);
      await session.release();
      return outputs;
    },
    on: async (chip) => {
      const [session, outputs] = await run([{ name: 'flagos', prefer: [chip], fallback: 'native', onFailure: 'error' }]);
      const { flagos } = (session as unknown as { handler: { flagos: FlagosModel } }).handler;
      const { nodes, total, line } = flagos.coverage();
      await session.release();
      return { outputs, coverage: line, claimed: nodes[chip] ?? 0, total };
    },
    ...more,
  };
};
const seeded = (name: string): (() => Promise<Uint8Array>) => {
  let made: Uint8Array | undefined;
  return async () => {
    if (made) return made;
    const { model } = seedWeights(readOnnx(join(root!, 'light', `light_${name}.onnx`)), 1);
    return (made = writeModel({ graph: model.graph, name, opsets: { '': lowestOpset(model.graph) } }));
  };
};
const image = (name: string) => (): ort.InferenceSession.FeedsType => ({
  [name]: new ort.Tensor('float32', wave(3 * 224 * 224), [1, 3, 224, 224]),
});
const noLight = root === undefined ? 'set FLAGOS_ONNX_TESTS to the folder of the ONNX backend tests' : undefined;
const silero = join(dirname(require.resolve('@ricky0123/vad-web/package.json')), 'dist/silero_vad_v5.onnx');
const sileroFeeds = (): ort.InferenceSession.FeedsType => ({
  input: new ort.Tensor('float32', wave(512), [1, 512]),
  state: new ort.Tensor('float32', new Float32Array(256), [2, 1, 128]),
  sr: new ort.Tensor('int64', BigInt64Array.of(16000n), []),
});

/** Models of TensorFlow.js, through its own API: whole, as `install` runs them. */
const tfjsRow = (name: string, more: Partial<FrameworkRow> = {}): FrameworkRow => {
  const run = async (): Promise<Run['outputs']> => {
    const model = await loadGraphModel({
      load: async () => readTfjs(join(findPackage('@vladmandic/human', import.meta.dirname)!, 'models', `${name}.json`)) as never,
    });
    const feeds = Object.fromEntries(
      model.inputs.map(({ name: input, shape, dtype }) => {
        const dims = shape!.map((d) => (d < 0 ? 1 : d));
        const size = dims.reduce((n, d) => n * d, 1);
        const values = dtype === 'int32' ? Int32Array.from(wave(size), (v) => 64 * (v + 2)) : wave(size).map((v) => v / 4 + 0.5);
        return [input, tf.tensor(values, dims, dtype as 'float32')];
      }),
    );
    const names = model.outputs.map((o) => o.name);
    const made = model.execute(feeds, names);
    const tensors = Array.isArray(made) ? made : [made];
    const outputs = Object.fromEntries(await Promise.all(tensors.map(async (t, i) => [names[i]!, await t.data()] as const)));
    tf.dispose([tensors, Object.values(feeds)]);
    model.dispose();
    return outputs;
  };
  return {
    framework: 'TensorFlow.js',
    model: name,
    witness: async () => {
      expect(version_cpu).toBeDefined();
      await tf.setBackend('cpu');
      return run();
    },
    on: async (chip, runtime) => {
      await install(tf, { runtime, prefer: [chip], fallback: 'native', onFailure: 'error', models: { GraphModel } });
      try {
        await tf.setBackend('flagos');
        const outputs = await run();
        const { ops, line } = (tf.backend() as unknown as FlagosBackend).coverage();
        return { outputs, coverage: line, claimed: ops[chip] ?? 0, total: Object.values(ops).reduce((n, c) => n + c, 0) };
      } finally {
        unregisterTfBackend(tf as never);
      }
    },
    ...more,
  };
};
/** In float64, one expression after another. */
const minutes = { reference: 'minutes in float64' };

/** Another framework adds its rows here: `witness` runs it by itself, `on` the same model on FlagOS. */
const rows: readonly FrameworkRow[] = [
  onnxRow('SqueezeNet 1.0', seeded('squeezenet'), image('data_0'), { missing: noLight, leftOut: { reference: 'minutes in float64' } }),
  onnxRow('ResNet-50', seeded('resnet50'), image('gpu_0/data_0'), {
    missing: noLight,
    leftOut: { reference: 'minutes in float64', 'flagos/js': 'most of a minute without vectors' },
  }),
  onnxRow('Silero VAD 5', () => readFile(silero), sileroFeeds),
  tfjsRow('blazeface', { leftOut: minutes }),
  tfjsRow('facemesh', {
    leftOut: minutes,
    wider: {
      'onnxruntime/cpu': {
        most: 1e-3,
        why: 'its sigmoid is exact to 1.4e-7 of 1, not of the value ([diff.md](diff.md#a-finding-sigmoids-that-are-zero)), and one output is a sigmoid near 0',
      },
    },
  }),
  tfjsRow('emotion'),
  tfjsRow('handlandmark-lite', { leftOut: minutes }),
  tfjsRow('movenet-lightning', { leftOut: minutes }),
];

/** Largest difference, relative to the largest number of its output. */
const difference = (actual: Run['outputs'], expected: Run['outputs']): number => {
  let worst = 0;
  for (const [name, e] of Object.entries(expected)) {
    const a = actual[name]!;
    expect(a.length).toBe(e.length);
    let [scale, most] = [0, 0];
    for (let i = 0; i < e.length; i++) {
      scale = Math.max(scale, Math.abs(Number(e[i])));
      const d = Math.abs(Number(a[i]) - Number(e[i]));
      most = Number.isNaN(d) ? Infinity : Math.max(most, d);
    }
    expect(scale).toBeGreaterThan(0);
    worst = Math.max(worst, most / scale);
  }
  return worst;
};

/** What differing orders of summation explain. */
const USUAL = 1e-4;

describe('frameworks × providers', () => {
  let flagos: Flagos;
  const table = new Map<string, Map<string, string>>();
  const details: string[] = [];
  const missing: string[] = [];
  const wide: string[] = [];
  beforeAll(async () => {
    flagos = await createRuntime({ log: 'error' });
    await flagos.install(ort as never);
  });
  afterAll(async () => {
    const to = process.env['FLAGOS_TABLE'];
    if (to) writeFileSync(to, written());
    await flagos.close();
  });

  const written = (): string => {
    const chips = flagos.runtime.chips.map((c) => c.id);
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    return [
      '# Frameworks and providers',
      '',
      '<!-- Written by `npm run docs:providers`; do not edit. -->',
      '',
      "Every framework's models, through the framework's own API, on every chip of one machine. A cell says how many of the",
      "model's nodes the chip claims and ran, of all that are left after constants are folded, and the largest difference from the",
      "framework by itself, relative to the largest number of an output. What a chip claims runs there or fails; the other nodes run on FlagOS's own kernels.",
      'The suite fails where a result differs by more than 1e-4.',
      '',
      line(['framework', 'model', ...chips]),
      line(['---', '---', ...chips.map(() => '---')]),
      ...rows
        .filter((r) => table.has(r.model))
        .map((r) => line([r.framework, r.model, ...chips.map((c) => table.get(r.model)!.get(c) ?? '')])),
      '',
      ...(missing.length ? ['Left out:', '', ...missing.map((m) => `- ${m}`), ''] : []),
      ...(wide.length ? ['More than that is explained:', '', ...wide.map((m) => `- ${m}`), ''] : []),
      'Where the nodes ran:',
      '',
      ...details.map((d) => `- ${d}`),
      '',
    ].join('\n');
  };

  for (const row of rows) {
    if (row.missing) missing.push(`${row.model}: ${row.missing}`);
    it.skipIf(row.missing)(`${row.framework}, ${row.model}`, async () => {
      const expected = await row.witness();
      const cells = new Map<string, string>();
      const wrong: string[] = [];
      for (const { id } of flagos.runtime.chips) {
        const why = row.leftOut?.[id] ?? row.leftOut?.[id.split('/')[0]!];
        if (why) {
          cells.set(id, '–');
          missing.push(`${row.model} on ${id}: ${why}`);
          continue;
        }
        try {
          const { outputs, claimed, total, coverage } = await row.on(id, flagos);
          const worst = difference(outputs, expected);
          cells.set(id, `${claimed}/${total}, ${worst === 0 ? '0' : worst.toExponential(0)}`);
          details.push(`${row.model}, ${id}: ${coverage}`);
          const wider = row.wider?.[id];
          if (worst >= USUAL && wider) wide.push(`${row.model} on ${id}: ${wider.why}`);
          if (!(worst < (wider?.most ?? USUAL))) wrong.push(`${id}: differs by ${worst}`);
        } catch (thrown) {
          cells.set(id, 'fails');
          wrong.push(`${id}: ${String(thrown).slice(0, 500)}`);
        }
      }
      table.set(row.model, cells);
      expect(wrong).toEqual([]);
    });
  }
});
