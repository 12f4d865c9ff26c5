/** The kit's checks of the provider on this machine's library. Where there is none, one test says so. */
import { describe, expect, it, test } from 'vitest';
import { testProvider } from 'flagos/testing';
import { FlagosError, type Host } from 'flagos/plugin';
import plugin, { openblas } from './index.ts';

await testProvider(openblas, { test });

describe('openblas', () => {
  const host: Host = { logger: { log: () => {} }, threads: 1, env: {} };

  it('is a plugin of this contract', () => expect(plugin.abi).toBe(1));

  it('says what is missing, or what it found', () => {
    const report = openblas.probe(host);
    if (report instanceof Promise) throw new Error('it answers at once');
    if (report.chips.length > 0) expect(report.chips[0]!.fingerprint).toMatch(/OpenBLAS \d.*; 1 threads$/);
    else {
      expect(report.missing![0]!.hint).toMatch(/libopenblas|koffi/);
      expect(() => openblas.open({ id: 'cpu', description: '', fingerprint: '' }, host)).toThrow(FlagosError);
    }
  });
});
