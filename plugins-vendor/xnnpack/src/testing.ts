/** For tests: a session. */
import type { Host } from 'flagos/plugin';
import { XnnpackProvider, type XnnpackSession } from './index.ts';

export const host: Host = { logger: { log: () => {} }, threads: 1, env: {} };
export const openSession = (): Promise<XnnpackSession> => {
  const provider = new XnnpackProvider();
  return provider.open(provider.probe(host).chips[0]!, host);
};
