/**
 * The memory all kernels of a session share. From its lower end come pieces that stay (weights,
 * tables); one piece, the scratch, is everybody's in turn: kernels run one after another, and keep
 * nothing there from one run to the next.
 */
import { FlagosError } from '../../core/errors.ts';
import { MOST_PAGES } from '../../compiler/render/wasm-types.ts';
import type { WasmApi, WasmMemoryObject } from './wasm-api.ts';

const PAGE = 65_536;
/** Cache lines. */
const ALIGN = 64;
/** Bytes that may be read behind a buffer: vectors are loaded whole. */
const BEYOND = 64;

interface Piece {
  readonly offset: number;
  readonly bytes: number;
}

export class WasmMemory {
  readonly object: WasmMemoryObject;
  /** Pieces in use, by offset. */
  readonly #pieces: Piece[] = [];
  #scratch: Piece | undefined;
  #bytes: Uint8Array;

  /** @param shared whether threads may see it; copying in and out then takes longer. */
  constructor(api: WasmApi, shared = false) {
    this.object = new api.Memory({ initial: 16, maximum: MOST_PAGES, ...(shared ? { shared } : {}) });
    this.#bytes = new Uint8Array(this.object.buffer);
  }

  /** All of it, as bytes. Not to be kept: growing makes a new one. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Takes a piece; its address is a multiple of a cache line. @throws FLAGOS_E_LIMIT */
  take(bytes: number): number {
    const size = Math.ceil((bytes + BEYOND) / ALIGN) * ALIGN;
    // Address 0 stays free: an empty buffer's address must not be that of something else.
    let offset = ALIGN;
    let at = 0;
    for (; at < this.#pieces.length; at++) {
      const p = this.#pieces[at]!;
      if (p.offset - offset >= size) break;
      offset = p.offset + p.bytes;
    }
    this.#ensure(offset + size);
    this.#pieces.splice(at, 0, { offset, bytes: size });
    return offset;
  }

  give(offset: number): void {
    const i = this.#pieces.findIndex((p) => p.offset === offset);
    if (i >= 0) this.#pieces.splice(i, 1);
  }

  /** Address of the scratch, of at least so many bytes. It may change from call to call, and with it its contents. @throws FLAGOS_E_LIMIT */
  scratch(bytes: number): number {
    if (!this.#scratch || this.#scratch.bytes < bytes) {
      if (this.#scratch) this.give(this.#scratch.offset);
      this.#scratch = undefined;
      this.#scratch = { offset: this.take(bytes), bytes };
    }
    return this.#scratch.offset;
  }

  #ensure(end: number): void {
    const missing = end - this.#bytes.length;
    if (missing <= 0) return;
    // Growing copies what is there on some platforms, so it is done in large steps while that is little.
    const wanted = Math.max(missing, Math.min(this.#bytes.length, 2 ** 28));
    for (const more of [wanted, missing]) {
      try {
        this.object.grow(Math.min(Math.ceil(more / PAGE), MOST_PAGES - this.#bytes.length / PAGE));
        this.#bytes = new Uint8Array(this.object.buffer);
        if (end <= this.#bytes.length) return;
      } catch (e) {
        if (!(e instanceof RangeError)) throw e;
      }
    }
    throw new FlagosError('FLAGOS_E_LIMIT', `WebAssembly memory cannot grow to ${end} bytes`, {
      hint: 'it ends at 4 GiB; another chip has no such limit',
    });
  }
}
