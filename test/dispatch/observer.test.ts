/** Watching a run: every step, those inside control flow too; the run waits for whoever watches. */
import { describe, expect, it } from 'vitest';
import { tensorType, type Graph, type Node } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';

const node = (op: string, inputs: string[], output: string, attrs: Node['attrs'] = {}): Node => ({
  name: output,
  op,
  domain: '',
  version: 16,
  inputs,
  outputs: [output],
  attrs,
});
const graph = (nodes: Node[], inputs: Graph['inputs'], output: string): Graph => ({
  name: 'g',
  inputs,
  outputs: [{ name: output, type: undefined }],
  initializers: new Map(),
  nodes,
  types: new Map(),
});
const x = { name: 'x', type: tensorType('float32', [2]) };
const load = async (g: Graph): Promise<FlagosModel> => {
  const { runtime } = await createRuntime({
    cwd: import.meta.dirname,
    discover: false,
    file: false,
    env: {},
    prefer: ['reference'],
    fallback: 'none',
  });
  return runtime.model({ name: 'm', graph: g, metadata: {} });
};

describe('StepObserver', () => {
  it('makes the next step wait for a promise, and sees inputs and outputs while it does', async () => {
    const model = await load(graph([node('Abs', ['x'], 'a'), node('Neg', ['a'], 'y')], [x], 'y'));
    const seen: unknown[] = [];
    await model.run(
      { x: Tensor.from('float32', [2], [-1, 2]) },
      {
        observer: {
          before: (step) => void seen.push(`before ${step.label}`),
          after: async (step) => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            const [value] = step.outputs;
            seen.push(step.label, value instanceof Tensor && [...value.toNumbers()]);
          },
        },
      },
    );
    expect(seen).toEqual(['before a', 'a', [1, 2], 'before y', 'y', [-1, -2]]);
    await model.dispose();
  });

  it('sees steps of the branch that ran, and an error it throws ends the run', async () => {
    const branch = (op: string): Graph => graph([node(op, ['x'], `${op}_out`)], [], `${op}_out`);
    const model = await load(
      graph(
        [
          node('If', ['c'], 'y', {
            then_branch: { type: 'graph', value: branch('Abs') },
            else_branch: { type: 'graph', value: branch('Neg') },
          }),
        ],
        [x, { name: 'c', type: tensorType('bool', []) }],
        'y',
      ),
    );
    const labels: string[] = [];
    const feeds = { x: Tensor.from('float32', [2], [-1, 2]), c: Tensor.scalar('bool', false) };
    await model.run(feeds, { observer: { after: (step) => void labels.push(step.label) } });
    expect(labels).toEqual(['Neg_out', 'y']);
    await expect(model.run(feeds, { observer: { after: () => Promise.reject(new Error('seen enough')) } })).rejects.toThrow('seen enough');
    await model.dispose();
  });

  it('a cancelled run stops inside a loop', async () => {
    const stop = new AbortController();
    const body: Graph = {
      ...graph(
        [node('Identity', ['go'], 'on'), node('Abs', ['v'], 'next')],
        [
          { name: 'i', type: tensorType('int64', []) },
          { name: 'go', type: tensorType('bool', []) },
          { name: 'v', type: tensorType('float32', [2]) },
        ],
        'on',
      ),
      outputs: [
        { name: 'on', type: undefined },
        { name: 'next', type: undefined },
      ],
    };
    const model = await load(
      graph(
        [node('Loop', ['n', '', 'x'], 'y', { body: { type: 'graph', value: body } })],
        [x, { name: 'n', type: tensorType('int64', []) }],
        'y',
      ),
    );
    let steps = 0;
    const observer = { after: () => void (++steps === 10 && stop.abort()) };
    await expect(
      model.run({ x: Tensor.zeros('float32', [2]), n: Tensor.scalar('int64', 1_000_000) }, { signal: stop.signal, observer }),
    ).rejects.toMatchObject({ code: 'FLAGOS_E_CANCELLED' });
    expect(steps).toBeLessThan(15);
    await model.dispose();
  });
});

describe('planning', () => {
  it('an op without a record is an error, not a wait for shapes that never come', async () => {
    const { runtime } = await createRuntime({ cwd: import.meta.dirname, discover: false, file: false, env: {} });
    const model = runtime.model({
      name: 'm',
      graph: graph([node('Frobnicate', ['x'], 'f'), node('Abs', ['f'], 'y')], [x], 'y'),
      metadata: {},
    });
    await expect(model.run({ x: Tensor.zeros('float32', [2]) })).rejects.toMatchObject({
      code: 'FLAGOS_E_NO_KERNEL',
      trace: { op: 'Frobnicate' },
    });
    await runtime.close();
  });
});
