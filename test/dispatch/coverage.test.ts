/** Coverage: what chips could run, what was given to them, what ran. */
import { describe, expect, it } from 'vitest';
import { f32, graph, loadModel, row, vendor } from './kit.ts';

describe('coverage', () => {
  it('tells able, routed and executed apart', async () => {
    const chain = graph(['a = Sqrt x', 'b = Neg a', 'y = Abs b'], { inputs: { x: f32(2) }, outputs: ['y'] });
    const model = await loadModel(chain, [vendor('acme', { ops: ['Sqrt', 'Abs'] }), vendor('idle', { ops: ['Abs'] })], {
      prefer: ['vendor:acme'],
    });
    await model.prepare();
    expect(model.coverage()).toMatchObject({
      chips: {
        'reference/cpu': { able: 3, routed: 1, executed: 0 },
        'acme/chip': { able: 2, routed: 2, executed: 0 },
        'idle/chip': { able: 1, routed: 0, executed: 0 },
      },
      total: 3,
      executed: 0,
    });
    await model.run({ x: row(1, 4) });
    expect(model.coverage()).toMatchObject({
      chips: { 'acme/chip': { routed: 2, executed: 2 }, 'idle/chip': { executed: 0 } },
      executed: 3,
    });
  });

  it('does not count what failed before its end', async () => {
    const chain = graph(['a = Sqrt x', 'y = Abs a'], { inputs: { x: f32(2) }, outputs: ['y'] });
    const broken = vendor('acme', {
      run: (_, _outputs, honest, region) => {
        if (region.nodes[0]!.op === 'Abs') throw new Error('broken');
        honest();
      },
    });
    const model = await loadModel(chain, [broken], { prefer: ['vendor'], onFailure: 'error' });
    await expect(model.run({ x: row(1, 4) })).rejects.toThrow('broken');
    expect(model.coverage()).toMatchObject({ executed: 0, chips: { 'acme/chip': { routed: 2, executed: 0 } } });
  });
});
