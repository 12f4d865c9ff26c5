/**
 * What the library itself costs, against its budgets: `session.run` around an empty model, finding
 * the plan of a seen signature, one step of a plan, and a single op called eagerly.
 */
import * as ort from 'onnxruntime-node';
import { tensorType, type Graph, type Model, type Node } from '../src/core/graph.ts';
import { Tensor } from '../src/core/tensor.ts';
import { GraphRunner } from '../src/dispatch/runner.ts';
import { CallTable } from '../src/runtime/call-table.ts';
import { install } from '../src/entries/onnxruntime.ts';
import { writeModel } from '../src/formats/onnx/index.ts';
import { createRuntime } from '../src/host/flagos.ts';
import { definePlugin } from '../src/plugins/define.ts';
import { KERNEL_PROVIDER } from '../src/plugins/contract.ts';
import { nullProvider } from './lib/null-provider.ts';
import { measure } from './lib/measure.ts';
import { report } from './lib/report.ts';

const chainOf = (count: number): Graph => {
  const nodes = Array.from({ length: count }, (_, i): Node => ({
    name: `relu_${i}`,
    op: 'Relu',
    domain: '',
    version: 14,
    inputs: [i === 0 ? 'x' : `v${i - 1}`],
    outputs: [i === count - 1 ? 'y' : `v${i}`],
    attrs: {},
  }));
  const type = tensorType('float32', [4]);
  return { name: 'chain', inputs: [{ name: 'x', type }], outputs: [{ name: 'y', type }], initializers: new Map(), nodes, types: new Map() };
};
const identity: Graph = {
  name: 'identity',
  inputs: [{ name: 'x', type: tensorType('float32', [1]) }],
  outputs: [{ name: 'y', type: tensorType('float32', [1]) }],
  initializers: new Map(),
  types: new Map(),
  nodes: [{ name: 'id', op: 'Identity', domain: '', version: 14, inputs: ['x'], outputs: ['y'], attrs: {} }],
};

const flagos = await createRuntime({
  discover: false,
  file: false,
  plugins: [definePlugin({ abi: 1, bind: (c) => void c.bind(KERNEL_PROVIDER).toConstantValue(nullProvider) })],
  prefer: ['vendor:null'],
  log: 'error',
});
await install(ort as never, { runtime: flagos });

const bytes = writeModel({ graph: identity, name: 'identity', opsets: { '': 17 } });
const session = await ort.InferenceSession.create(bytes, { executionProviders: ['flagos'] });
const feeds = { x: new ort.Tensor('float32', new Float32Array(1), [1]) };
const empty = { inputNames: ['x'], outputNames: ['y'], run: async () => ({ y: feeds.x }) };
const bare = new (ort.InferenceSession as unknown as new (handler: unknown) => ort.InferenceSession)(empty);
const plain = await ort.InferenceSession.create(bytes, { executionProviders: ['cpu'] });

const x = new Tensor('float32', [4], new Float32Array(4));
const model = (graph: Graph): Model => ({ name: graph.name, graph, metadata: {} });
const [short, long] = [chainOf(1), chainOf(1001)].map((g) => flagos.runtime.model(model(g)));
await short!.run({ x });
await long!.run({ x });
const runner = new GraphRunner(chainOf(1), flagos.runtime.dispatcher(), false);
await runner.run([x]);
const inputs = [x];

const [common, ours, theirs] = await measure([
  { name: 'onnxruntime-common alone', run: () => bare.run(feeds) },
  { name: 'flagos', run: () => session.run(feeds) },
  { name: 'onnxruntime-node', run: () => plain.run(feeds) },
]);
const [one, thousand] = await measure([
  { name: '1 step', run: () => short!.runPositional(inputs) },
  { name: '1001 steps', run: () => long!.runPositional(inputs) },
]);
const [resolve] = await measure([
  {
    name: 'resolve',
    run: () => {
      for (let i = 0; i < 100; i++) runner.resolve(inputs);
    },
  },
]);

// A call is found among many kinds, by an attribute, too.
const calls = new CallTable<GraphRunner>(256, () => {});
for (let axis = 0; axis < 4; axis++) calls.add('Relu', inputs, { axis, perm: [1, 0] }, {}, runner);
const [attributes, options] = [{ axis: 2, perm: [1, 0] }, {}];
const findCalls = (times: number): void => {
  for (let i = 0; i < times; i++) calls.find('Relu', inputs, attributes, options)!.resolve(inputs);
};
const [dispatch] = await measure([{ name: 'call', run: () => findCalls(100) }]);
const before = process.memoryUsage().heapUsed;
findCalls(1_000_000);
const allocated = Math.max(0, process.memoryUsage().heapUsed - before) / 1_000_000;

const native = await createRuntime({ discover: false, file: false, prefer: ['flagos'], log: 'error' });
await native.call('Relu', inputs);
await native.ready();
const [eager] = await measure([{ name: 'eager', run: () => native.call('Relu', inputs) }]);
await native.close();

report('overhead', [
  {
    what: 'session.run of an identity model, over onnxruntime-common itself',
    value: ours!.medianUs - common!.medianUs,
    unit: 'µs',
    budget: { sense: '≤', value: 5 },
    details: { common: common!.medianUs, flagos: ours!.medianUs, 'onnxruntime-node': theirs!.medianUs },
  },
  { what: 'the same, onnxruntime-node', value: theirs!.medianUs - common!.medianUs, unit: 'µs' },
  { what: 'finding the plan of a seen signature', value: resolve!.medianUs * 10, unit: 'ns', budget: { sense: '≤', value: 100 } },
  {
    what: 'finding the plan of a seen call, attributes compared',
    value: dispatch!.medianUs * 10,
    unit: 'ns',
    budget: { sense: '≤', value: 100 },
  },
  { what: 'memory that takes', value: allocated, unit: 'bytes', budget: { sense: '≤', value: 0.1 } },
  { what: 'an op called again, with its kernel, result and promise (Relu of 4)', value: eager!.medianUs, unit: 'µs' },
  {
    what: 'one step of a plan',
    value: thousand!.medianUs - one!.medianUs,
    unit: 'ns',
    budget: { sense: '≤', value: 50 },
    details: { oneStepRunUs: one!.medianUs, thousandStepsRunUs: thousand!.medianUs },
  },
]);
await flagos.close();
