/** For tests: whether libtensorflow is there, a session. */
import type { Host } from 'flagos/plugin';
import { TfjsNodeProvider, type TfjsNodeSession } from './index.ts';

export const host: Host = { logger: { log: () => {} }, threads: 1, env: process.env };
export const openSession = (): TfjsNodeSession => {
  const provider = new TfjsNodeProvider();
  return provider.open(provider.probe(host).chips[0]!, host);
};

/** Why the tests of kernels are skipped; undefined where they run. */
export const absent = new TfjsNodeProvider().probe(host).missing?.[0]?.reason;
