/** The provider `flagos`: this library's own kernels, generated from the op records. One chip a file. */
import type { OpSet } from '../../ops/registry.ts';
import { FlagosError } from '../../core/errors.ts';
import type { Host, KernelProvider, ProbeReport } from '../contract.ts';
import { CpuSession } from './cpu.ts';
import { jsChip, JsSession } from './js.ts';
import type { NativeProbe } from './native.ts';

/** What the host can do for it; asked at the first probe. */
export interface FlagosHost {
  native(host: Host): Promise<NativeProbe>;
}

export const flagosProvider = (ops: OpSet, version: string, facilities: FlagosHost): KernelProvider => {
  let native: NativeProbe | undefined;
  return {
    name: 'flagos',
    kind: 'flagos',
    version,
    probe: async (host): Promise<ProbeReport> => {
      native = await facilities.native(host);
      const everywhere = [jsChip];
      if ('missing' in native) return { chips: everywhere, missing: [{ chip: 'cpu', reason: native.missing, hint: native.hint }] };
      const { description, fingerprint } = native.toolchain;
      return { chips: [{ id: 'cpu', description, fingerprint }, ...everywhere] };
    },
    open: (chip) => {
      if (chip.id === jsChip.id) return new JsSession(ops);
      if (!native || 'missing' in native) throw new FlagosError('FLAGOS_E_CHIP', `flagos/${chip.id} was not found on this machine`);
      return new CpuSession(ops, native.toolchain);
    },
  };
};
