import { describe, expect, it } from 'vitest';
import { silentLogger } from '../core/log.ts';
import type { Chip, ChipSession, Host, KernelProvider } from './contract.ts';
import { openChip, probeAll, probeProvider } from './probe.ts';

const host: Host = { logger: silentLogger, threads: 1, env: {} };
const chip: Chip = { id: 'cpu', description: 'a processor', fingerprint: 'x86 v4' };
const session: ChipSession = {
  regions: 'single',
  dynamicShapes: false,
  prior: { overheadUs: 0, gflops: 1, gbps: 1 },
  supports: () => ({ ok: true }),
  prepare: () => ({ workspaceBytes: 0, run: () => {}, dispose: () => {} }),
  close: () => {},
};
/** A provider whose answers are of any form, as those of a plugin in plain JavaScript. */
const answering = (probe: () => unknown, open: () => unknown = () => session): KernelProvider =>
  Object.assign({ name: 'acme', kind: 'vendor', version: '1' } as const, { probe, open }) as KernelProvider;
const never = (): Promise<never> => new Promise(() => {});
const fail = (): never => {
  throw new Error('driver is gone');
};

describe('probeProvider', () => {
  it('gives chips and what is missing', async () => {
    const missing = [{ chip: 'gpu', reason: 'no driver', hint: 'install one' }];
    const result = await probeProvider(
      answering(async () => ({ chips: [chip], missing })),
      host,
    );
    expect(result).toMatchObject({ chips: [chip], missing, error: undefined });
    expect(result.elapsedMs).toBeGreaterThanOrEqual(0);
  });

  it.each([
    ['throws', fail, 'PROBE', "probing provider 'acme' failed: driver is gone"],
    ['hangs', never, 'TIMEOUT', "probing provider 'acme' took longer than 50 ms"],
    ['answers nothing', () => undefined, 'PROBE', 'reports nothing with a list of chips'],
    ['answers a list', () => [chip], 'PROBE', 'reports nothing with a list of chips'],
    ['gives a chip without id', () => ({ chips: [{}] }), 'PROBE', 'a chip whose id is not made of'],
    ['gives a chip with a slash', () => ({ chips: [{ ...chip, id: 'a/b' }] }), 'PROBE', 'a chip whose id is not made of'],
    ['gives a chip without fingerprint', () => ({ chips: [{ ...chip, fingerprint: '' }] }), 'PROBE', "chip 'cpu' without fingerprint"],
    ['gives a chip twice', () => ({ chips: [chip, { ...chip }] }), 'PROBE', "chip 'cpu' twice"],
    ['gives a bad missing list', () => ({ chips: [], missing: ['gpu'] }), 'PROBE', 'a missing chip without name or reason'],
  ])('has no chips when it %s', async (_, probe, code, reason) => {
    const { chips, error } = await probeProvider(answering(probe), host, 50);
    expect(chips).toEqual([]);
    expect([error?.code, error?.message]).toEqual([`FLAGOS_E_PLUGIN_${code}`, expect.stringContaining(reason)]);
  });

  it('does not let one provider hold up the others', async () => {
    const results = await probeAll([answering(never), answering(() => ({ chips: [chip] }))], host, 50);
    expect(results.map((r) => r.chips.length)).toEqual([0, 1]);
  });
});

describe('openChip', () => {
  it('gives the session', async () => {
    expect(await openChip(answering(fail), chip, host)).toBe(session);
  });

  it.each([
    ['nothing', undefined, 'is not an object'],
    ['no prepare', { ...session, prepare: undefined }, 'has no method prepare'],
    ['other regions', { ...session, regions: 'all' }, "says neither 'single' nor 'connected'"],
    ['no dynamicShapes', { ...session, dynamicShapes: undefined }, 'does not say whether it takes dynamicShapes'],
    ['an endless rate', { ...session, prior: { overheadUs: 0, gflops: Infinity, gbps: 1 } }, 'has no gflops in its prior'],
    ['a rate of zero', { ...session, prior: { overheadUs: 0, gflops: 1, gbps: 0 } }, 'has no gbps in its prior'],
    ['the host as its own memory', { ...session, memory: { id: 'host' } }, 'has a memory without an id of its own'],
    ['memory without free', { ...session, memory: { id: 'hbm', upload: fail, download: fail } }, 'has a memory without method free'],
    [
      'memory without rate',
      { ...session, memory: { id: 'hbm', upload: fail, download: fail, free: fail, transfer: { latencyUs: 1 } } },
      'without gbps in its transfer',
    ],
  ])('refuses a session with %s', async (_, value, reason) => {
    await expect(
      openChip(
        answering(fail, () => value),
        chip,
        host,
      ),
    ).rejects.toMatchObject({
      code: 'FLAGOS_E_KERNEL_CONTRACT',
      reason: expect.stringContaining(reason),
      trace: { chip: 'acme/cpu' },
    });
  });

  it('says which chip failed to open', async () => {
    await expect(openChip(answering(fail, fail), chip, host)).rejects.toMatchObject({
      code: 'FLAGOS_E_CHIP',
      reason: 'driver is gone',
      trace: { chip: 'acme/cpu' },
    });
  });

  it('closes a session that comes too late', async () => {
    let deliver: (value: ChipSession) => void = () => {};
    const opened = openChip(
      answering(
        fail,
        () =>
          new Promise((resolve) => {
            deliver = resolve;
          }),
      ),
      chip,
      host,
      20,
    );
    await expect(opened).rejects.toMatchObject({
      code: 'FLAGOS_E_PLUGIN_TIMEOUT',
      reason: "opening chip 'acme/cpu' took longer than 20 ms",
    });
    const closed = new Promise<void>((resolve) => deliver({ ...session, close: resolve }));
    await closed;
  });
});
