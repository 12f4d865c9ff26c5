/** A provider whose kernels do nothing: what is left is the library's own time. It is also the shortest complete provider there is. */
import { supported, type ChipSession, type KernelProvider } from '../../src/plugins/contract.ts';

const session: ChipSession = {
  regions: 'single',
  dynamicShapes: false,
  prior: { overheadUs: 0, gflops: 1e6, gbps: 1e6 },
  supports: () => supported,
  prepare: () => ({ workspaceBytes: 0, run: () => {}, dispose: () => {} }),
  close: () => {},
};

export const nullProvider: KernelProvider = {
  name: 'null',
  kind: 'vendor',
  version: '0.0.0',
  probe: () => ({ chips: [{ id: 'null', description: 'does nothing', fingerprint: 'null' }] }),
  open: () => session,
};
