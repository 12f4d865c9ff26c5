/** The lock: the same choice and the same bits at every start, and what happens where it does not fit. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { Tensor } from '../../src/core/tensor.ts';
import type { OnMismatch } from '../../src/opmanager/lock.ts';
import { lockOf, lockText, parseLock, type LockContents, type LockEntries } from '../../src/opmanager/lock-entries.ts';
import { Tables } from '../../src/opmanager/tables/tables.ts';
import { performanceRow } from '../../src/opmanager/tables/testing.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { PolicyOverride } from '../../src/opmanager/policy.ts';
import type { Runtime, RuntimeParts } from '../../src/runtime/runtime.ts';
import { sqrtModel, makeFolder } from '../cli/models.ts';
import { f32, graph, openRuntime, row, vendor } from '../dispatch/kit.ts';

/** Vendors that are right, each with bits of its own. */
const rivals = ['a', 'b', 'c'].map((name, i) =>
  vendor(name, {
    run: (_, outputs, honest) => {
      honest();
      for (const y of outputs)
        if (y instanceof Tensor) for (let k = 0; k < y.data.length; k++) y.data[k] = Number(y.data[k]) * (1 + i * 2e-7);
    },
  }),
);
const chain = graph(['x1 = Sqrt x', 'x2 = Exp x1', 'y = Tanh x2'], { inputs: { x: f32(4) }, outputs: ['y'] });
const signatures = ['Sqrt(float32[4])', 'Exp(float32[4])', 'Tanh(float32[4])'];

/** A fixed sequence of numbers in (0, 1). */
const noise = (seed: number) => () => ((seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0), seed / 2 ** 32);

interface Start {
  readonly kernels: string[];
  readonly bits: string;
  readonly entries: LockEntries;
  readonly lines: readonly string[];
}
/** One start of a process that measured everything with ± 20 % of noise. */
const start = async (seed: number, lock?: RuntimeParts['lock'], policy: PolicyOverride = {}): Promise<Start> => {
  const tables = await Tables.open([], silentLogger);
  const runtime: Runtime & { lines: string[] } = await openRuntime(rivals, policy, { tables, lock });
  const random = noise(seed);
  await tables.append(
    rivals.flatMap(({ name }) => {
      const identity = runtime.identities.get(`${name}/chip`)!;
      return signatures.map((signature) => {
        const kernel = `${name}/chip:${signature.slice(0, signature.indexOf('('))}.default`;
        return performanceRow(kernel, signature, [100 * (0.8 + 0.4 * random())], { ...identity });
      });
    }),
    'process',
  );
  const model = runtime.model({ name: 'm', graph: chain, metadata: {} });
  try {
    const { y } = await model.run({ x: row(0.3, 0.7, 1.1, 2.9) });
    const decisions = model.placement().map((p) => model.explain(p.node));
    return {
      kernels: decisions.map((d) => d.kernel!.id),
      bits: Buffer.from(((y as Tensor).data as Float32Array).buffer).toString('hex'),
      entries: lockOf(decisions, runtime.identities),
      lines: runtime.lines,
    };
  } finally {
    await runtime.close();
  }
};
/** Kernels alone: plans have tests of their own. */
const only = (kernels: LockEntries): LockContents => ({ kernels, plans: {} });
const locked = (kernels: LockEntries, onMismatch: OnMismatch = 'error') => ({
  name: 'flagos.lock.json',
  contents: only(kernels),
  onMismatch,
});

describe('replay', () => {
  it('50 starts under noise choose differently without the lock, and with it the same kernels and bits', async () => {
    const first = await start(1);
    const free = new Set<string>();
    const kept = new Set<string>();
    for (let seed = 2; seed < 52; seed++) {
      free.add((await start(seed)).kernels.join());
      const { kernels, bits, lines } = await start(seed, locked(parseLock(lockText(only(first.entries)), 'l').kernels));
      kept.add(`${kernels.join()} ${bits}`);
      expect(lines.filter((l) => l.startsWith('warn'))).toEqual([]);
    }
    expect(free.size).toBeGreaterThan(1);
    expect([...kept]).toEqual([`${first.kernels.join()} ${first.bits}`]);
  });

  it('says in explain what is locked', async () => {
    const { entries, kernels } = await start(1);
    const runtime = await openRuntime(rivals, {}, { lock: locked(entries) });
    const model = runtime.model({ name: 'm', graph: chain, metadata: {} });
    await model.prepare();
    for (const [i, name] of ['x1', 'x2', 'y'].entries()) {
      const { verdicts } = model.explain(name);
      expect(verdicts.find((v) => v.status === 'chosen')?.kernel).toBe(kernels[i]);
      expect(verdicts.filter((v) => v.reason === 'LOCKED')).toHaveLength(3);
      expect(verdicts.find((v) => v.reason === 'LOCKED')?.detail).toBe(`flagos.lock.json locks ${kernels[i]}`);
    }
    await runtime.close();
  });

  it('locks nodes of one signature apart where they run by different kernels', () => {
    const decision = (node: string, kernel: string) => ({
      node,
      op: 'Abs',
      signature: 's',
      language: undefined,
      kernel: { id: kernel, why: '' },
      region: undefined,
      verdicts: [],
    });
    const identities = new Map(['a', 'b'].map((p) => [`${p}/chip`, { fingerprint: `${p}1`, chip: 'x' }] as const));
    const entries = lockOf([decision('n1', 'a/chip:Abs.d'), decision('n2', 'b/chip:Abs.d'), decision('n3', 'a/chip:Abs.d')], identities);
    expect(parseLock(lockText(only(entries)), 'l').kernels).toEqual({
      s: { kernel: 'a/chip:Abs.d', fingerprint: 'a1', chip: 'x', nodes: { n2: { kernel: 'b/chip:Abs.d', fingerprint: 'b1', chip: 'x' } } },
    });
  });
});

describe('where it does not fit', () => {
  const changed = async (change: (entries: Record<string, LockEntries[string]>) => void): Promise<LockEntries> => {
    const entries = { ...(await start(1)).entries };
    change(entries);
    return entries;
  };
  const cases: [string, Promise<LockEntries>, string][] = [
    ['a version', changed((e) => (e[signatures[1]!] = { ...e[signatures[1]!]!, fingerprint: '0.1' })), 'it was locked as version 0.1'],
    ['a chip', changed((e) => (e[signatures[1]!] = { ...e[signatures[1]!]!, chip: 'old' })), 'it was locked on another chip (old)'],
    ['a signature', changed((e) => delete e[signatures[1]!]), 'it locks no kernel for this signature'],
    [
      'a kernel',
      changed((e) => (e[signatures[1]!] = { kernel: 'z/chip:Exp.default', fingerprint: '', chip: '' })),
      'z/chip:Exp.default is not there',
    ],
  ];

  it.each(cases)('%s: an error, a warning, or a choice anew', async (_, changing, why) => {
    const entries = await changing;
    await expect(start(3, locked(entries))).rejects.toMatchObject({ code: 'FLAGOS_E_LOCK', reason: expect.stringContaining(why) });
    const warned = await start(3, locked(entries, 'warn'));
    expect(warned.lines.filter((l) => l.startsWith('warn'))).toEqual([expect.stringContaining(why)]);
    const anew = await start(3, locked(entries, 'retune'));
    expect(anew.lines.filter((l) => l.startsWith('warn'))).toEqual([]);
    expect(anew.lines).toContainEqual(expect.stringContaining(why));
    // What fits is obeyed all the same.
    expect(anew.kernels[0]).toBe(entries[signatures[0]!]!.kernel);
  });

  it('a policy that forbids what is locked is such a case, too', async () => {
    const { entries, kernels } = await start(1);
    const denied = { denyVendors: [kernels[0]!.slice(0, 1)] };
    await expect(start(1, locked(entries), denied)).rejects.toMatchObject({
      code: 'FLAGOS_E_LOCK',
      reason: expect.stringContaining('cannot be used: policy'),
    });
    expect((await start(1, locked(entries, 'warn'), denied)).kernels[0]).not.toBe(kernels[0]);
  });

  it.each([
    ['not JSON', '{', 'is no lock file'],
    ['another version', '{"version":9,"kernels":{}}', 'its version is 9'],
    ['without plans', '{"version":2,"kernels":{}}', 'it has no plans'],
    [
      'with a damaged plan',
      '{"version":2,"kernels":{},"plans":{"g":{"plan":"a/b.c*1","regions":[{"nodes":"3-1"}],"chips":{}}}}',
      "the plan of 'g' is damaged",
    ],
    ['nothing in it', '{"version":1}', 'it has no kernels'],
    ['a damaged entry', '{"version":1,"kernels":{"s":{"kernel":1}}}', "the entry of 's' is damaged"],
    [
      'a damaged node',
      '{"version":1,"kernels":{"s":{"kernel":"k","fingerprint":"","chip":"","nodes":{"n":1}}}}',
      "the entry of 's' is damaged",
    ],
  ])('a file that is %s', (_, text, said) => {
    expect(() => parseLock(text, 'x.json')).toThrow(
      expect.objectContaining({ code: 'FLAGOS_E_LOCK', reason: expect.stringContaining(said) }),
    );
  });
});

describe('flagos lock', () => {
  let folder: string;
  beforeEach(() => {
    folder = makeFolder();
    sqrtModel(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const flagos = async (...argv: string[]) => {
    const io = testIo({ cwd: folder });
    const code = await main([...argv, '--no-discover', '--json'], io);
    return { code, data: JSON.parse(io.stdout()) as Record<string, unknown> };
  };

  it('writes what was chosen, checks it, and is obeyed', async () => {
    const model = sqrtModel(folder);
    expect(await flagos('lock', 'write', model, '--prefer', 'reference')).toMatchObject({ code: 0, data: { signatures: 1 } });
    const path = join(folder, 'flagos.lock.json');
    const { kernels: entries, plans } = parseLock(readFileSync(path, 'utf8'), path);
    expect(Object.values(plans)).toMatchObject([{ plan: 'reference/cpu.float64*1', regions: [{ nodes: '0' }] }]);
    expect(Object.values(entries).map((e) => e.kernel)).toEqual(['reference/cpu:Sqrt.float64']);
    expect(await flagos('lock', 'check', model, '--prefer', 'reference')).toMatchObject({ code: 0, data: { ok: true } });
    expect(await flagos('lock', 'check', model, '--prefer', 'flagos/js')).toMatchObject({
      code: 1,
      data: {
        mismatches: [
          { locked: 'reference/cpu:Sqrt.float64', why: 'another kernel would be chosen now' },
          { node: 'the whole graph', why: 'another plan would be made now' },
        ],
      },
    });
    writeFileSync(join(folder, 'flagos.config.json'), '{ "lock": "flagos.lock.json" }');
    const explained = await flagos('explain', model, 'Sqrt');
    expect(JSON.stringify(explained.data)).toContain('"LOCKED"');
    // Of other models nothing is lost, unless asked.
    writeFileSync(path, lockText({ kernels: { ...entries, other: Object.values(entries)[0]! }, plans }));
    await flagos('lock', 'write', model);
    expect(Object.keys(parseLock(readFileSync(path, 'utf8'), path).kernels)).toContain('other');
    await flagos('lock', 'write', model, '--fresh');
    expect(Object.keys(parseLock(readFileSync(path, 'utf8'), path).kernels)).not.toContain('other');
  });

  it('a lock that is asked for must be there', async () => {
    writeFileSync(join(folder, 'flagos.config.json'), '{ "lock": "nowhere.json" }');
    expect(await flagos('plan', sqrtModel(folder))).toMatchObject({ code: 2, data: { error: { code: 'FLAGOS_E_FILE' } } });
  });
});
