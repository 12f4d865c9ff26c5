/**
 * Level `model`: whole graphs through the planner, with this provider before the reference. Kernels are counted where they
 * run, so that a result that somebody else calculated is no proof.
 */
import { tensorType, type Attribute, type Graph, type Model, type Node } from '../core/graph.ts';
import { isPromise } from '../core/async.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { defaultPolicy, mergePolicies } from '../opmanager/policy.ts';
import type { ChipSession, KernelProvider } from '../plugins/contract.ts';
import { referenceProvider } from '../plugins/reference.ts';
import { ProviderRegistry } from '../plugins/registry.ts';
import { Runtime } from '../runtime/runtime.ts';
import { judge } from './tolerance.ts';
import { fail, skip, type Check, type Outcome, type Subject } from './types.ts';

const node = (line: string, attrs: Readonly<Record<string, number | readonly number[]>> = {}): Node => {
  const [y = '', op = '', ...inputs] = line.split(' ').filter((w) => w !== '=');
  const attr = (v: number | readonly number[]): Attribute =>
    typeof v === 'number' ? { type: 'int', value: v } : { type: 'ints', value: v };
  return {
    name: y,
    op,
    domain: '',
    version: 21,
    inputs,
    outputs: [y],
    attrs: Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, attr(v)])),
  };
};

const wave = (phase: number, ...dims: number[]): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7 + phase)),
  );

const graph = (name: string, dims: readonly number[], nodes: readonly Node[], weights: Readonly<Record<string, Tensor>>): Model => {
  const g: Graph = {
    name,
    nodes,
    inputs: [{ name: 'x', type: tensorType('float32', dims) }],
    outputs: [{ name: nodes.at(-1)!.outputs[0]!, type: undefined }],
    initializers: new Map(Object.entries(weights)),
    types: new Map(),
  };
  return { name, graph: g, metadata: {} };
};

const models: readonly { readonly dims: readonly number[]; readonly model: Model }[] = [
  {
    dims: [4, 24],
    model: graph(
      'perceptron',
      [4, 24],
      [node('a = Gemm x w b'), node('c = Relu a'), node('d = MatMul c v'), node('e = Add d u'), node('y = Softmax e')],
      {
        w: wave(1, 24, 33),
        b: wave(2, 33),
        v: wave(3, 33, 10),
        u: wave(4, 10),
      },
    ),
  },
  {
    dims: [1, 3, 17, 17],
    model: graph(
      'convolutions',
      [1, 3, 17, 17],
      [
        node('a = Conv x w b', { pads: [1, 1, 1, 1] }),
        node('c = Relu a'),
        node('d = MaxPool c', { kernel_shape: [2, 2], strides: [2, 2] }),
        node('e = Conv d v', { group: 2 }),
        node('f = Add e e'),
        node('g = GlobalAveragePool f'),
        node('h = Flatten g'),
        node('y = Gemm h u'),
      ],
      { w: wave(1, 8, 3, 3, 3), b: wave(2, 8), v: wave(3, 6, 4, 3, 3), u: wave(4, 6, 5) },
    ),
  },
  {
    dims: [2, 6, 16],
    model: graph(
      'attention',
      [2, 6, 16],
      [
        node('q = MatMul x wq'),
        node('k = MatMul x wk'),
        node('t = Transpose k', { perm: [0, 2, 1] }),
        node('s = MatMul q t'),
        node('p = Softmax s'),
        node('o = MatMul p x'),
        node('r = Add o x'),
        node('m = Sigmoid r'),
        node('n = Tanh m'),
        node('z = Sub n x'),
        node('y = Abs z'),
      ],
      { wq: wave(1, 16, 16), wk: wave(2, 16, 16) },
    ),
  },
];

/** The provider with kernels that count their runs. */
const counting = (provider: KernelProvider, chip: string): { readonly provider: KernelProvider; readonly runs: () => number } => {
  let runs = 0;
  const wrap = (session: ChipSession): ChipSession =>
    new Proxy(session, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'prepare')
          return async (...args: Parameters<ChipSession['prepare']>) => {
            const prepared = await target.prepare(...args);
            return {
              workspaceBytes: prepared.workspaceBytes,
              run: (...io: Parameters<typeof prepared.run>) => {
                const done = prepared.run(...io);
                if (!isPromise(done)) return void runs++;
                return done.then(() => void runs++);
              },
              dispose: () => prepared.dispose(),
            };
          };
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return {
    runs: () => runs,
    provider: {
      name: provider.name,
      kind: provider.kind,
      version: provider.version,
      probe: async (host) => ({ chips: (await provider.probe(host)).chips.filter((c) => c.id === chip) }),
      open: async (c, host) => wrap(await provider.open(c, host)),
    },
  };
};

const runModel = async (subject: Subject, { dims, model }: (typeof models)[number]): Promise<Outcome> => {
  const { provider, chip, host, ops } = subject;
  const id = `${provider.name}/${chip.id}`;
  const open = (providers: readonly KernelProvider[], prefer: readonly string[]): Promise<Runtime> => {
    const registry = new ProviderRegistry();
    for (const p of providers) registry.register(p.name, [p]);
    // A kernel that fails is to be seen, not replaced.
    return Runtime.open({
      registry,
      ops,
      host,
      policy: mergePolicies(defaultPolicy, { prefer, fallback: 'any', onFailure: 'error', accuracy: { unknown: 'trust' } }),
    });
  };
  const x = wave(0, ...dims);
  const reference = referenceProvider(ops, '1');
  const alone = await open([reference], ['reference']);
  const counted = counting(provider, chip.id);
  const mixed = await open(provider.name === 'reference' ? [counted.provider] : [counted.provider, reference], [id, 'reference']);
  try {
    const output = model.graph.outputs[0]!.name;
    const expected = (await alone.model(model).run({ x }))[output] as Value;
    const loaded = mixed.model(model);
    const actual = (await loaded.run({ x }))[output];
    const places = loaded.placement();
    const here = places.filter((p) => p.kernel.startsWith(`${id}:`));
    const regions = new Set(here.map((p) => p.region)).size;
    const proof = `${here.length} of ${places.length} nodes in ${regions} regions, ${counted.runs()} kernel runs counted`;
    if (here.length === 0) return skip('it has none of the ops of this model');
    if (counted.runs() < regions) return fail(`${proof}: what is said to run here did not`);
    const found = judge(actual, expected);
    return {
      ...found,
      detail: found.detail === undefined ? proof : `${proof}; ${found.detail}`,
      facts: { nodes: here.length, of: places.length, runs: counted.runs() },
    };
  } finally {
    await mixed.close();
    await alone.close();
  }
};

export const modelChecks = (subject: Subject): Check[] =>
  models.map((m) => ({ level: 'model', name: m.model.name, run: () => runModel(subject, m) }));
