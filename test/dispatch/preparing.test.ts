/** What a model says of the preparation of its kernels, for progress. */
import { describe, expect, it } from 'vitest';
import type { PrepareWatch } from '../../src/plugins/contract.ts';
import type { PrepareProgress } from '../../src/dispatch/prepare.ts';
import { f32, graph, listOf, openRuntime, row, vendor } from './kit.ts';

const chain = graph(['a = Abs x', 'b = Neg a', 'y = Abs b'], { inputs: { x: f32('n') }, outputs: ['y'] });

describe('onPrepare', () => {
  it('is told of each kernel before it is prepared, and of the parts its chip counts', async () => {
    const v = vendor('acme', { ops: ['Abs'] });
    const session = v.open.bind(v);
    v.open = async (...args) => {
      const opened = await session(...args);
      const prepare = opened.prepare.bind(opened);
      opened.prepare = (region, variant, watch?: PrepareWatch) => {
        for (const done of [0, 1, 2]) watch?.(done, 2);
        return prepare(region, variant);
      };
      return opened;
    };
    const runtime = await openRuntime([v], { prefer: ['vendor:acme', 'reference'] });
    const said: PrepareProgress[] = [];
    const model = runtime.model({ name: 'm', graph: chain, metadata: {} }, { onPrepare: (p) => said.push(p) });
    expect(listOf((await model.run({ x: row(-1, 2) }))['y'])).toEqual([1, 2]);
    const text = said.map(
      (p) => `${p.done}/${p.regions} ${p.label} ${p.kernel.split(':')[0]} ${p.parts ? `${p.parts.done}/${p.parts.total}` : '-'}`,
    );
    expect(text).toEqual([
      '0/3 a acme/chip -',
      '0/3 a acme/chip 0/2',
      '0/3 a acme/chip 1/2',
      '0/3 a acme/chip 2/2',
      '1/3 b reference/cpu -',
      '2/3 y acme/chip -',
      '2/3 y acme/chip 0/2',
      '2/3 y acme/chip 1/2',
      '2/3 y acme/chip 2/2',
    ]);
    await model.run({ x: row(-1, 2) });
    expect(said.length).toBe(9);
  });
});
