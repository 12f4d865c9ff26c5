/** The provider `flagos`: this library's own kernels, generated from the op records. One chip a file. */
import type { OpSet } from '../../ops/registry.ts';
import { FlagosError } from '../../core/errors.ts';
import type { Chip, ChipSession, Host, KernelProvider, ProbeReport } from '../contract.ts';
import { findAssembler } from './assembler.ts';
import { CpuSession } from './cpu.ts';
import { jsChip, JsSession } from './js.ts';
import type { NativeProbe } from './native.ts';
import { rawKernelsOf, type RawSource } from './raw-kernels.ts';
import type { ThreadProbe } from './thread-host.ts';
import { MOST_THREADS, poolOf } from './thread-pool.ts';
import { findWasm } from './wasm-api.ts';
import { findWebThreads } from './web-threads.ts';
import { wasmChip, WasmSession } from './wasm.ts';

/** What the host can do for it; asked at the first probe. */
export interface FlagosHost {
  native(host: Host): Promise<NativeProbe>;
  /** Left out: those of a browser are looked for. */
  threads?(): ThreadProbe;
}

/** A chip that was found, and how to open it; or one that is missing. */
type Found =
  | { readonly chip: Chip; readonly open: () => ChipSession }
  | { readonly missing: string; readonly reason: string; readonly hint: string };

const findCpu = async (ops: OpSet, host: Host, facilities: FlagosHost, raw: RawSource): Promise<Found> => {
  const native = await facilities.native(host);
  if ('missing' in native) return { missing: 'cpu', reason: native.missing, hint: native.hint };
  const { description, fingerprint } = native.toolchain;
  return { chip: { id: 'cpu', description, fingerprint }, open: () => new CpuSession(ops, native.toolchain, raw) };
};

const threadsOf = (facilities: FlagosHost): ThreadProbe => {
  if (typeof SharedArrayBuffer === 'undefined') return { missing: 'this JavaScript engine has no memory that threads could share' };
  return facilities.threads ? facilities.threads() : findWebThreads();
};

const findWasmChip = (ops: OpSet, host: Host, facilities: FlagosHost): Found => {
  const api = findWasm();
  if (!api) return { missing: 'wasm', reason: 'this JavaScript engine has no WebAssembly with vectors', hint: 'flagos/js runs everywhere' };
  const assembler = findAssembler();
  if ('missing' in assembler) return { missing: 'wasm', reason: assembler.missing, hint: assembler.hint };
  const found = threadsOf(facilities);
  const count = 'missing' in found ? 1 : Math.min(host.threads, MOST_THREADS);
  return {
    chip: wasmChip(count, 'missing' in found && host.threads > 1 ? found.missing : undefined),
    open: () =>
      new WasmSession(
        ops,
        api,
        assembler.assemble,
        'missing' in found ? undefined : { count, pool: poolOf(found.threads), logger: host.logger },
      ),
  };
};

/** @param raw all raw kernels; those of the records if left out. */
export const flagosProvider = (
  ops: OpSet,
  version: string,
  facilities: FlagosHost,
  raw: RawSource = () => rawKernelsOf(ops),
): KernelProvider => {
  let found: readonly Found[] = [];
  return {
    name: 'flagos',
    kind: 'flagos',
    version,
    probe: async (host): Promise<ProbeReport> => {
      found = [
        await findCpu(ops, host, facilities, raw),
        findWasmChip(ops, host, facilities),
        { chip: jsChip, open: () => new JsSession(ops, raw) },
      ];
      return {
        chips: found.flatMap((f) => ('chip' in f ? [f.chip] : [])),
        missing: found.flatMap((f) => ('missing' in f ? [{ chip: f.missing, reason: f.reason, hint: f.hint }] : [])),
      };
    },
    open: (chip) => {
      for (const f of found) if ('chip' in f && f.chip.id === chip.id) return f.open();
      throw new FlagosError('FLAGOS_E_CHIP', `flagos/${chip.id} was not found on this machine`);
    },
  };
};
