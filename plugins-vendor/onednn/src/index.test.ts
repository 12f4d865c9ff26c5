/** The kit's checks of the provider on this machine's library. Where there is none, one test says so. */
import { describe, expect, it, test } from 'vitest';
import { testProvider } from 'flagos/testing';
import { FlagosError, type Host } from 'flagos/plugin';
import plugin, { onednn } from './index.ts';

await testProvider(onednn, { test });

describe('onednn', () => {
  const host: Host = { logger: { log: () => {} }, threads: 1, env: {} };

  it('is a plugin of this contract', () => expect(plugin.abi).toBe(1));

  it('says what is missing, or what it found', () => {
    const report = onednn.probe(host);
    if (report instanceof Promise) throw new Error('it answers at once');
    if (report.chips.length > 0) expect(report.chips[0]!.fingerprint).toMatch(/oneDNN 2.*; 1 threads$/);
    else {
      expect(report.missing![0]!.hint).toMatch(/libdnnl|koffi/);
      expect(() => onednn.open({ id: 'cpu', description: '', fingerprint: '' }, host)).toThrow(FlagosError);
    }
  });
});
