/**
 * WebAssembly text → binary, by wabt (the WebAssembly group's own tools, compiled to JavaScript; 0.7 MB).
 * It is an optional dependency, loaded when the first kernel is compiled: loading takes some 0.1 s.
 */
import type start from 'wabt';
import { asError, FlagosError, wrapError } from '../../core/errors.ts';

export type Assemble = (text: string) => Promise<Uint8Array>;
type Wabt = Awaited<ReturnType<typeof start>>;

let loading: Promise<Wabt> | undefined;

const load = async (): Promise<Wabt> => {
  try {
    const { default: open } = await import('wabt');
    return await open();
  } catch (e) {
    throw wrapError('FLAGOS_E_COMPILER', e, { hint: 'install the optional dependency wabt' });
  }
};

const assemble: Assemble = async (text) => {
  loading ??= load();
  const wabt = await loading.catch((e: unknown) => {
    loading = undefined;
    throw e;
  });
  const module = wabt.parseWat('kernel.wat', text, {
    simd: true,
    threads: true,
    sat_float_to_int: true,
    sign_extension: true,
    bulk_memory: true,
    mutable_globals: true,
    multi_value: true,
  });
  try {
    return module.toBinary({}).buffer;
  } catch (e) {
    throw new FlagosError('FLAGOS_E_INTERNAL', `generated WebAssembly is not valid: ${asError(e).message}`, { cause: e });
  } finally {
    module.destroy();
  }
};

/** The assembler, or why there is none. It is only looked for here, not loaded. */
export const findAssembler = (): { readonly assemble: Assemble } | { readonly missing: string; readonly hint: string } => {
  try {
    import.meta.resolve('wabt');
    return { assemble };
  } catch (e) {
    return {
      missing: `the package wabt is not installed: ${asError(e).message.split('\n')[0]!}`,
      hint: 'install the optional dependency wabt',
    };
  }
};
