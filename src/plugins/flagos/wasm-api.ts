/** The part of the WebAssembly interface that is used here. Not every TypeScript library this compiles with declares it. Source: WebAssembly JavaScript Interface. */

export interface WasmMemoryObject {
  readonly buffer: ArrayBufferLike;
  /** @returns pages there were before. @throws RangeError */
  grow(pages: number): number;
}

/** A compiled module; only handed on. */
export type WasmModule = object;

export type WasmImports = Record<string, Record<string, ((...args: never[]) => unknown) | WasmMemoryObject | number>>;

export interface WasmInstance {
  readonly exports: Readonly<Record<string, (...args: number[]) => unknown>>;
}

export interface WasmApi {
  readonly Memory: new (limits: { initial: number; maximum: number; shared?: boolean }) => WasmMemoryObject;
  compile(bytes: Uint8Array): Promise<WasmModule>;
  instantiate(module: WasmModule, imports: WasmImports): Promise<WasmInstance>;
  validate(bytes: Uint8Array): boolean;
}

/** (func (result v128) (v128.const …)): valid where there are vectors. */
const probe = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  5,
  1,
  96,
  0,
  1,
  123,
  3,
  2,
  1,
  0,
  10,
  22,
  1,
  20,
  0,
  253,
  12,
  ...new Array<number>(16).fill(0),
  11,
);

/** WebAssembly with vectors; undefined where there is none. */
export const findWasm = (): WasmApi | undefined => {
  const api = (globalThis as { readonly WebAssembly?: WasmApi }).WebAssembly;
  return api?.validate(probe) ? api : undefined;
};
