/** Kernels nobody has measured, checked on their first real inputs. */
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { PolicyOverride } from '../../src/opmanager/policy.ts';
import { Tables } from '../../src/opmanager/tables/tables.ts';
import type { RunValue } from '../../src/plugins/contract.ts';
import { f32, graph, listOf, openRuntime, row, runners, vendor, type VendorOptions } from './kit.ts';

const probing: PolicyOverride = { accuracy: { unknown: 'probe' } };
const open = async (options: VendorOptions, policy: PolicyOverride = probing, lines?: Tables) => {
  const tables = lines ?? (await Tables.open([], silentLogger));
  const acme = vendor('acme', options);
  const runtime = await openRuntime([acme], policy, { tables });
  return { runtime, tables, acme };
};
const model = (g: Graph) => ({ name: 'm', graph: g, metadata: {} });
const chain = graph(['a = Sqrt x', 'b = Neg a', 'y = Abs b'], { inputs: { x: f32(3) }, outputs: ['y'] });
const x = row(4, 9, 16);
const rowsOf = (tables: Tables) =>
  tables.rows().flatMap(({ row: r }) => (r.table === 'accuracy' ? [[r.signature, r.kernel, r.level] as const] : []));

/** Changes what a kernel gave for one op. */
const wrongFor =
  (op: string, spoil: (t: Tensor) => void): NonNullable<VendorOptions['run']> =>
  (_, outputs: RunValue[], honest, region) => {
    honest();
    if (region.nodes.some((n) => n.op === op)) for (const y of outputs) if (y instanceof Tensor) spoil(y);
  };
const off = (t: Tensor): void => void (t.data[1] = Number(t.data[1]) * 1.01);

describe('probe', () => {
  it('gives right results on the first run already, and sets aside what was wrong', async () => {
    const { runtime, tables } = await open({ run: wrongFor('Neg', off) });
    const m = runtime.model(model(chain));
    expect(listOf((await m.run({ x }))['y'])).toEqual([2, 3, 4]);
    expect(runners(m)).toEqual({ a: 'acme', b: 'reference', y: 'acme' });
    expect(m.explain('b').verdicts.find((v) => v.provider === 'acme')).toMatchObject({ status: 'rejected', reason: 'ACC_FAIL' });
    expect(rowsOf(tables).sort()).toEqual([
      ['Abs(float32[3])', 'acme/chip:Abs.default', 'bitwise'],
      ['Neg(float32[3])', 'acme/chip:Neg.default', 'fail'],
      ['Sqrt(float32[3])', 'acme/chip:Sqrt.default', 'bitwise'],
    ]);
    expect(runtime.lines.filter((l) => l.startsWith('warn'))).toEqual([
      expect.stringContaining('acme/chip:Neg.default is not accurate enough'),
    ]);
    await runtime.close();
  });

  it('looks once: a later run, a later model, a later process find what is known', async () => {
    const { runtime, tables } = await open({});
    const m = runtime.model(model(chain));
    await m.run({ x });
    const { length } = tables.rows();
    expect(length).toBe(3);
    await m.run({ x });
    await runtime.model(model(chain)).run({ x });
    await runtime.close();
    const again = await open({}, probing, tables);
    await again.runtime.model(model(chain)).run({ x });
    expect(tables.rows()).toHaveLength(length);
    await again.runtime.close();
  });

  it('takes a region apart that is wrong as a whole, and finds its wrong kernel', async () => {
    const { runtime, tables } = await open({ regions: 'connected', run: wrongFor('Neg', off) });
    const m = runtime.model(model(chain));
    expect(listOf((await m.run({ x }))['y'])).toEqual([2, 3, 4]);
    expect(runners(m)['b']).toBe('reference');
    expect(rowsOf(tables).filter(([, , level]) => level === 'fail')).toEqual([['Neg(float32[3])', 'acme/chip:Neg.default', 'fail']]);
    await runtime.close();
  });

  it('says of the kernels of a region no more than can be seen from outside', async () => {
    const { runtime, tables, acme } = await open({ regions: 'connected' });
    await runtime.model(model(chain)).run({ x });
    expect(acme.log.prepared.map((r) => r.nodes.length)).toEqual([3]);
    expect(rowsOf(tables).map(([, , level]) => level)).toEqual(['standard', 'standard', 'standard']);
    await runtime.close();
  });

  it.each<[string, VendorOptions]>([
    ['asynchronous kernels', { slow: true }],
    ['memory of its own', { memory: { latencyUs: 0, gbps: 1 } }],
    ['slow memory of its own', { slow: true, memory: { latencyUs: 0, gbps: 1 } }],
  ])('%s', async (_, options) => {
    const { runtime, tables } = await open({ ...options, ops: ['Sqrt', 'Abs'], run: wrongFor('Abs', off) });
    const m = runtime.model(model(chain));
    expect(listOf((await m.run({ x }))['y'])).toEqual([2, 3, 4]);
    expect(new Set(rowsOf(tables).map(([s, , level]) => `${s} ${level}`))).toContain(
      options.memory ? 'Sqrt(float32[3]) bitwise' : 'Abs(float32[3]) fail',
    );
    await runtime.close();
  });

  it('asks for what policy asks, op by op', async () => {
    // Wrong in the last places: enough for standard, too little for bitwise.
    const nudged = (t: Tensor): void => void (t.data[0] = Number(t.data[0]) + 2 ** -22);
    const steep = graph(['a = Exp x'], { inputs: { x: f32(1) }, outputs: ['a'] });
    const chosen = async (accuracy: PolicyOverride['accuracy']): Promise<string | undefined> => {
      const { runtime } = await open({ run: wrongFor('Exp', nudged) }, { accuracy: { unknown: 'probe', ...accuracy } });
      const m = runtime.model(model(steep));
      await m.run({ x: row(0.5) });
      const ran = runners(m)['a'];
      await runtime.close();
      return ran;
    };
    expect(await chosen({})).toBe('acme');
    expect(await chosen({ min: 'bitwise' })).toBe('reference');
    expect(await chosen({ perOp: { 'E*': 'bitwise' } })).toBe('reference');
    expect(await chosen({ min: 'bitwise', perOp: { Exp: 'standard' } })).toBe('acme');
  });

  it('obeys its budget: what is beyond it runs unchecked and stays unknown', async () => {
    for (const budget of [{ bytes: 20 }, { ms: 0 }]) {
      const { runtime, tables } = await open({ run: wrongFor('Neg', off) }, { accuracy: { unknown: 'probe', budget } });
      const m = runtime.model(model(chain));
      await m.run({ x });
      expect(tables.rows()).toEqual([]);
      expect(m.explain('b').verdicts.find((v) => v.status === 'chosen')).toMatchObject({
        provider: 'acme',
        accuracy: { level: 'unknown' },
      });
      await runtime.close();
    }
  });

  it.each(['trust', 'deny'] as const)('%s: nothing is checked', async (unknown) => {
    const { runtime, tables } = await open({ run: wrongFor('Neg', off) }, { accuracy: { unknown } });
    const m = runtime.model(model(chain));
    await m.run({ x });
    expect([tables.rows().length, runners(m)['b']]).toEqual([0, unknown === 'trust' ? 'acme' : 'reference']);
    await runtime.close();
  });

  it('holds inside of control flow and for single calls, whatever onFailure says', async () => {
    const { runtime } = await open({ run: wrongFor('Neg', off) }, { ...probing, onFailure: 'error' });
    expect(listOf((await runtime.call('Neg', [row(1, 2)]))[0])).toEqual([-1, -2]);
    const then = graph(['t = Neg x'], { outputs: ['t'] });
    const whole = graph(
      [
        {
          ...chain.nodes[0]!,
          op: 'If',
          inputs: ['c'],
          outputs: ['y'],
          attrs: { then_branch: { type: 'graph', value: then }, else_branch: { type: 'graph', value: then } },
        },
      ],
      {
        inputs: { x: f32(2), c: { kind: 'tensor', dtype: 'bool', shape: [] } },
        outputs: ['y'],
      },
    );
    const { y } = await runtime.model(model(whole)).run({ x: row(1, 2), c: Tensor.from('bool', [], [true]) });
    expect(listOf(y)).toEqual([-1, -2]);
    await runtime.close();
  });

  it('leaves an observer what it was', async () => {
    const { runtime } = await open({});
    const seen: string[] = [];
    await runtime
      .model(model(chain))
      .run({ x }, { observer: { before: (s) => seen.push(`before ${s.label}`), after: (s) => void seen.push(`after ${s.label}`) } });
    expect(seen).toEqual(['before a', 'after a', 'before b', 'after b', 'before y', 'after y']);
    await runtime.close();
  });
});
