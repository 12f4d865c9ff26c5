/** Tables and policies that plugins bring, in a whole runtime. */
import { describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/core/log.ts';
import { createRuntime, type RuntimeConfig } from '../../src/host/flagos.ts';
import { accuracyRow, performanceRow } from '../../src/opmanager/tables/testing.ts';
import { POLICY_SOURCE, TABLE_STORE, type PolicySource, type TableSource } from '../../src/plugins/contract.ts';
import { definePlugin } from '../../src/plugins/define.ts';
import { version } from '../../src/version.ts';

const kernel = 'reference/cpu:Abs.float64';
const signature = 'Abs(float32[2])';
const open = async (table: TableSource | undefined, policy?: PolicySource, config: RuntimeConfig = {}) => {
  const lines: string[] = [];
  const plugin = definePlugin({
    abi: 1,
    bind: (c) => {
      if (table) c.bind(TABLE_STORE).toConstantValue(table);
      if (policy) c.bind(POLICY_SOURCE).toConstantValue(policy);
    },
  });
  const logger = { log: (level: LogLevel, message: string) => void lines.push(`${level} ${message}`) };
  const tables = { project: false, machine: false } as const;
  const flagos = await createRuntime({ discover: false, env: {}, plugins: [plugin], tables, logger, ...config });
  return { flagos, lines };
};

describe('TABLE_STORE', () => {
  it('ships priors: a time where nothing was measured, and what speaks against a kernel', async () => {
    const rows = [
      performanceRow(kernel, signature, [3], { fingerprint: version }),
      accuracyRow(kernel, signature, { fingerprint: version, level: 'bitwise' }),
      { no: 'row' },
    ];
    const { flagos, lines } = await open({ name: 'priors', read: () => rows });
    expect(flagos.runtime.tables!.performance(kernel, signature)).toEqual({ shippedUs: 3 });
    expect(flagos.runtime.tables!.accuracy(kernel, signature)).toEqual({ level: 'unknown' });
    expect(lines).toContainEqual(expect.stringContaining("1 of 3 rows of table 'priors' are not rows"));
    await flagos.close();
  });

  it('may be shared: it counts, and gets what is measured', async () => {
    const kept: object[] = [];
    let closed = 0;
    const table: TableSource = {
      name: 'fleet',
      shared: true,
      read: () => kept,
      append: (rows) => void kept.push(...rows),
      close: () => void closed++,
    };
    const first = await open(table);
    const identity = first.flagos.runtime.identities.get('reference/cpu')!;
    await first.flagos.runtime.tables!.append([performanceRow(kernel, signature, [3], { ...identity })]);
    await first.flagos.close();
    const second = await open(table);
    expect(second.flagos.runtime.tables!.performance(kernel, signature).medianUs).toBe(3);
    await second.flagos.close();
    expect(closed).toBe(2);
  });

  it('that fails is a warning, and everything else works', async () => {
    const { flagos, lines } = await open({
      name: 'broken',
      read: () => {
        throw new Error('no such disk');
      },
    });
    expect(lines).toContainEqual('warn the plugin table cannot be read; what else is known counts');
    expect(flagos.runtime.chips.length).toBeGreaterThan(0);
    await flagos.close();
  });
});

describe('POLICY_SOURCE', () => {
  it('stands over the defaults and under what a user says', async () => {
    const wishes: PolicySource = { name: 'wishes', policy: () => ({ prefer: ['reference'], fallback: 'native' }) };
    const { flagos } = await open(undefined, wishes, { fallback: 'none' });
    expect(flagos.runtime.policy).toMatchObject({ prefer: ['reference'], fallback: 'none' });
    await flagos.close();
  });

  it('that is no policy is left out', async () => {
    const { flagos, lines } = await open(undefined, { name: 'nonsense', policy: () => ({ perfer: [] }) });
    expect(flagos.runtime.policy.prefer).toEqual([]);
    expect(lines).toContainEqual('warn the policy of nonsense is left out');
    await flagos.close();
  });
});
