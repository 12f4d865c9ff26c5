/**
 * Holds the reader's upgrading of old op forms against onnxruntime-node: every ONNX backend case that
 * onnxruntime passes as it stands must pass, with the same outputs, after reading, upgrading and writing.
 *
 * Usage: node scripts/onnx/upgrade-equivalence.mjs [tests folder] [--opset 25] [--write folder]
 *   --opset   version of ai.onnx to write (onnxruntime refuses versions newer than it knows), or `lowest`
 *   --write   keep the written models, one file a case (for check-models.py)
 * Runs cases in child processes, so that a crash is one failed case.
 */
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : otherwise;
};
const root = process.argv[2]?.startsWith('--') === false ? process.argv[2] : (process.env.FLAGOS_ONNX_TESTS ?? '../shared/onnx');
const opset = option('opset', '25');
const keep = option('write');
const suites = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'].filter((s) => existsSync(join(root, s)));

const toOrt = (ort, value) => {
  // onnxruntime-node's JavaScript API has no tensors of fewer than 8 bits (it aborts on them), no float8 and bfloat16, and no sequences as inputs.
  if (value === null || !value.dims || !/^(float(16|32|64)|u?int(8|16|32|64)|bool|string)$/.test(value.dtype))
    throw new Error('not a tensor');
  return new ort.Tensor(value.dtype, value.data, value.dims);
};

const same = (a, b) =>
  a.length === b.length &&
  a.every(
    (x, i) =>
      x === b[i] || (Number.isNaN(x) && Number.isNaN(b[i])) || Math.abs(Number(x) - Number(b[i])) <= 1e-7 + 1e-3 * Math.abs(Number(b[i])),
  );

const runCase = async (ort, onnx, folder, name) => {
  const bytes = readFileSync(join(folder, 'model.onnx'));
  const model = onnx.readModel(bytes, { name });
  const versions = Object.fromEntries(
    model.metadata.opsets
      .split(', ')
      .map((p) => p.split(' '))
      .map(([d, v]) => [d === 'ai.onnx' ? '' : d, Number(v)]),
  );
  const written = onnx.writeModel({
    graph: model.graph,
    name,
    opsets: { ...versions, '': opset === 'lowest' ? onnx.lowestOpset(model.graph) : Math.max(Number(opset), versions[''] ?? 0) },
  });
  if (keep) writeFileSync(join(keep, `${name}.onnx`), onnx.writeModel({ graph: model.graph, name, opsets: { ...versions, '': 28 } }));
  if ([...model.graph.inputs, ...model.graph.outputs].some((v) => v.type?.kind === 'tensor' && v.type.dtype.endsWith('int4')))
    return 'skip int4';
  const random = new Set(['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Bernoulli', 'Multinomial']);
  if (model.graph.nodes.some((n) => random.has(n.op))) return 'skip random';
  const dir = join(folder, 'test_data_set_0');
  const values = (kind, infos) =>
    infos
      .map((info, i) => [info.name, join(dir, `${kind}_${i}.pb`), info.type])
      .filter(([, file]) => existsSync(file))
      .map(([key, file, type]) => [key, onnx.readValue(readFileSync(file), type)]);
  const feeds = Object.fromEntries(values('input', model.graph.inputs).map(([key, value]) => [key, toOrt(ort, value)]));
  const run = async (what) => (await ort.InferenceSession.create(what, { logSeverityLevel: 4 })).run(feeds);
  let expected;
  let kind = 'pass';
  try {
    expected = Object.entries(await run(bytes));
  } catch {
    // onnxruntime cannot run the case as it stands: then the outputs stored with it decide.
    kind = 'gained';
    expected = values('output', model.graph.outputs);
  }
  let after;
  try {
    after = await run(written);
  } catch (error) {
    if (kind === 'gained') return 'skip onnxruntime runs neither form';
    throw error;
  }
  for (const [key, value] of expected) {
    if (String(value.dims) !== String(after[key].dims)) return `fail (${kind}) shape ${value.dims} became ${after[key].dims}`;
    if (!same([...value.data], [...after[key].data])) return `fail (${kind}) values of ${key}`;
  }
  return kind;
};

if (process.send) {
  const ort = (await import('onnxruntime-node')).default;
  const onnx = await import(process.env.FLAGOS_ONNX_BUNDLE);
  process.on('message', async ({ folder, name }) => {
    let result;
    try {
      result = await runCase(ort, onnx, folder, name);
    } catch (error) {
      result = error.message === 'not a tensor' ? 'skip not tensors' : `fail ${error.message.split('\n')[0]}`;
    }
    process.send(result);
  });
} else {
  const bundle = join(tmpdir(), `flagos-onnx-${process.pid}.mjs`);
  const build = await rolldown({
    input: fileURLToPath(new URL('../../src/formats/onnx/index.ts', import.meta.url)),
    platform: 'node',
  });
  await build.write({ file: bundle, format: 'esm' });
  if (keep) mkdirSync(keep, { recursive: true });
  const start = () =>
    fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
      env: { ...process.env, FLAGOS_ONNX_BUNDLE: pathToFileURL(bundle).href },
    });
  let child = start();
  const totals = {};
  for (const suite of suites) {
    for (const name of readdirSync(join(root, suite)).sort()) {
      const result = await new Promise((resolve) => {
        const dead = (code, signal) => resolve(`crash ${signal ?? code}`);
        child.once('exit', dead);
        child.once('message', (m) => {
          child.off('exit', dead);
          resolve(m);
        });
        child.send({ folder: join(root, suite, name), name });
      });
      if (result.startsWith('crash')) child = start();
      const [kind] = result.split(' ');
      totals[kind] = (totals[kind] ?? 0) + 1;
      if (kind !== 'pass' && kind !== 'skip' && kind !== 'gained') console.log(`${suite}/${name}: ${result}`);
    }
  }
  child.kill();
  rmSync(bundle);
  console.log(JSON.stringify(totals));
}
