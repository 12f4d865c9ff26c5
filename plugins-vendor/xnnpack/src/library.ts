/**
 * The WebAssembly module of @tensorflow/tfjs-backend-wasm, opened by itself: its kernels are exported under
 * tfjs's names and take ids of tensors that were registered with a place in its memory.
 *
 * The glue code of that package is not used: it installs process-wide handlers of uncaught errors, and comes
 * with tfjs-core. All the module wants is a heap that grows and a way to print. Its build with threads is not
 * used either: it lives on that glue, and tfjs itself does not run it under Node.
 */
import { readFileSync } from 'node:fs';
import { FlagosError, type Logger } from 'flagos/plugin';

type Kernel = (...args: number[]) => number;

/** The part of the WebAssembly interface that is used here: not every TypeScript library declares it. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface Instance {
  readonly exports: Readonly<Record<string, unknown>>;
}
declare const WebAssembly: { instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: Instance }> };

/** Codes of element types in tfjs's C++ sources (`DType`). */
export const codes: Readonly<Record<string, number>> = { float32: 0, int32: 1, bool: 2 };

const pageBytes = 65536;
/** What the module was linked for (its glue's `getHeapMax`). */
const heapMax = 4294901760;

export class Library {
  readonly #exports: Readonly<Record<string, Kernel>>;
  readonly #memory: Memory;
  #bytes: Uint8Array;
  /** 0 stands for an argument that is left out. */
  #nextId = 1;
  #arena = { at: 0, bytes: 0 };

  private constructor(instance: Instance) {
    this.#exports = instance.exports as Record<string, Kernel>;
    this.#memory = instance.exports['memory'] as Memory;
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  /** @throws when the file is not the module known. */
  static async open(file: string, logger: Logger): Promise<Library> {
    let memory: Memory;
    const grow = (wanted: number): number => {
      const size = memory.buffer.byteLength;
      const bytes = Math.min(heapMax, Math.max(wanted >>> 0, Math.min(size * 1.2, size + 100e6)));
      try {
        memory.grow(Math.ceil((bytes - size) / pageBytes));
        return 1;
      } catch {
        return 0; // What malloc then says of it becomes an error in `allocate`.
      }
    };
    const write = (_fd: number, at: number, count: number, written: number): number => {
      const words = new Uint32Array(memory.buffer);
      let total = 0;
      for (let i = 0; i < count; i++) {
        const [from, length] = [words[(at >>> 2) + 2 * i]!, words[(at >>> 2) + 2 * i + 1]!];
        const text = new TextDecoder().decode(new Uint8Array(memory.buffer, from, length)).trim();
        if (text !== '') logger.log('debug', `xnnpack: ${text}`);
        total += length;
      }
      words[written >>> 2] = total;
      return 0;
    };
    const { instance } = await WebAssembly.instantiate(readFileSync(file), {
      env: {
        abort: () => {
          throw new FlagosError('FLAGOS_E_KERNEL', 'XNNPACK aborted');
        },
        emscripten_get_heap_max: () => heapMax,
        emscripten_memcpy_big: (to: number, from: number, n: number) =>
          new Uint8Array(memory.buffer).copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (n >>> 0)),
        emscripten_resize_heap: grow,
      },
      wasi_snapshot_preview1: { fd_close: () => 52, fd_seek: () => 70, fd_write: write },
    });
    memory = instance.exports['memory'] as Memory;
    const library = new Library(instance);
    library.kernel('__wasm_call_ctors')();
    library.kernel('init')();
    return library;
  }

  has(name: string): boolean {
    return typeof this.#exports[name] === 'function';
  }

  kernel(name: string): Kernel {
    const found = this.#exports[name];
    if (!found) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `this build of tfjs-backend-wasm has no kernel ${name}`);
    return found;
  }

  /** Its memory as it is now: growing makes a new one. */
  get bytes(): Uint8Array {
    if (this.#bytes.length === 0 || this.#bytes.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer);
    return this.#bytes;
  }

  /** @throws FLAGOS_E_KERNEL when its memory (4 GiB at most) is full. */
  allocate(bytes: number): number {
    // A number beyond 32 bits would wrap around on the way in.
    const at = bytes + 16 > heapMax ? 0 : this.kernel('malloc')(bytes + 16) >>> 0;
    if (at === 0) throw new FlagosError('FLAGOS_E_KERNEL', `XNNPACK's WebAssembly memory has no room for ${bytes} more bytes`);
    return at;
  }

  free(at: number): void {
    this.kernel('free')(at);
  }

  /** Working memory that all regions share, one running at a time; it moves when it grows. */
  arena(bytes: number): number {
    if (bytes > this.#arena.bytes) {
      if (this.#arena.at) this.free(this.#arena.at);
      this.#arena = { at: 0, bytes: 0 };
      this.#arena = { at: this.allocate(bytes), bytes };
    }
    return this.#arena.at;
  }

  newId(): number {
    return this.#nextId++;
  }

  /** Names a place. What was packed out of an earlier tensor of this id is forgotten. */
  register(id: number, elements: number, at: number): void {
    this.kernel('dispose_data')(id);
    this.kernel('register_tensor')(id, elements, at);
  }

  forget(id: number): void {
    this.kernel('dispose_data')(id);
  }
}
