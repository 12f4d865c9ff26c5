/** Rows of the kit's level `performance`: what a runtime finds of them when it plans the very same call. */
import { expect, it } from 'vitest';
import { silentLogger } from '../../src/core/log.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { performanceChecks } from '../../src/kit/level-performance.ts';
import { Tables } from '../../src/opmanager/tables/tables.ts';
import { opSet } from '../../src/ops/index.ts';
import { openRuntime, vendor } from '../dispatch/kit.ts';

it('are about the kernel and the call, on this chip', async () => {
  const tables = await Tables.open([], silentLogger);
  const provider = vendor('acme', { ops: ['Relu', 'Add', 'Conv'] });
  const runtime = await openRuntime([provider, vendor('other')], {}, { tables });
  const { chip, session } = runtime.chips.find((c) => c.id === 'acme/chip')!;
  const subject = {
    provider,
    // As its provider found it: rows complete what it says of itself by the machine, as the runtime does.
    chip: { ...chip, fingerprint: '1' },
    session,
    host: runtime.host,
    ops: opSet,
    filter: /^(Relu|Add)$/,
    machine: { name: 'box', quiet: () => true },
  };
  const found = [];
  for (const check of performanceChecks(subject)) found.push(await check.run());
  const rows = found.map((f) => f.row!);
  expect(rows.map((r) => [r.kernel, r.signature, r.host, r.quiet])).toEqual([
    ['acme/chip:Add.default', 'Add(float32[512,512],float32[512,512])', 'box', true],
    ['acme/chip:Relu.default', 'Relu(float32[512,512])', 'box', true],
  ]);
  for (const [i, { row, detail }] of found.entries()) {
    expect(row!.samplesUs.length).toBeGreaterThanOrEqual(5);
    expect(row!.medianUs).toBeGreaterThan(0);
    expect(row!.bytes).toBe((i === 0 ? 3 : 2) * 512 * 512 * 4);
    expect(detail).toBe(`${row!.medianUs.toFixed(1)} µs`);
  }
  await tables.append(rows, 'process');
  const decision = await runtime.explainCall('Relu', [Tensor.zeros('float32', [512, 512])]);
  const verdict = decision.verdicts.find((v) => v.kernel === 'acme/chip:Relu.default')!;
  expect(verdict.performance.medianUs).toBeCloseTo(rows[1]!.medianUs, 1);
  await runtime.close();
});
