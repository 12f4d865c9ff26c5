/**
 * Threads of flagos/wasm: the pool all sessions of a process share. A kernel's caller publishes a stage, takes
 * part in it and waits for those who joined it; who comes too late finds it closed (the same scheme as
 * `host/native/pool.c.ts`). All of it goes over one small array of shared words; stages run in instances of the
 * kernel's module that every thread has, on one shared memory.
 */
import { FlagosError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { PooledModule, type SharedModule, type Stage } from './pooled-module.ts';
import type { HostThread, ThreadHost } from './thread-host.ts';
import { at, FAULT_BYTES, faultOf, LINE, OPEN, WORDS, workerSource } from './thread-source.ts';

/** Threads a pool has room for. */
export const MOST_THREADS = LINE.most;

/** Pieces of a thread's share: what is left at the end, when others have nothing more to take, is small. */
const PIECES = 16;
/** Tries before the caller sleeps until the last thread is through: those are at their last pieces. */
const CALLER_SPINS = 20_000;
/** Seconds without an answer after which a thread is given up. */
const PATIENCE = 30;

const mayWait = (words: Int32Array): boolean => {
  try {
    // Never equal, so this is an answer at once; a page's main thread gets an error instead.
    Atomics.wait(words, at.state, -1, 0);
    return true;
  } catch (e) {
    if (e instanceof TypeError) return false;
    throw e;
  }
};

const newWords = (): Int32Array => new Int32Array(new SharedArrayBuffer(WORDS * 4 + FAULT_BYTES));

export class ThreadPool {
  readonly #host: ThreadHost;
  #words = newWords();
  readonly #mayWait: boolean;
  readonly #patience: number;
  readonly #threads: HostThread[] = [];
  /** What threads that start later must be told. */
  readonly #modules = new Map<number, object>();
  /** Sessions that were never closed must not keep their memory for as long as the process lives. */
  readonly #forgotten = new FinalizationRegistry<number>((id) => this.#drop(id));
  #users = 0;
  #serial = 0;
  #log: Logger | undefined;
  /** Whether a thread ended by itself. */
  #lost = false;

  /** @param patience seconds. */
  constructor(host: ThreadHost, patience = PATIENCE) {
    this.#host = host;
    this.#patience = patience;
    this.#mayWait = mayWait(this.#words);
  }

  /** Threads there are, the caller's included. */
  get size(): number {
    return this.#threads.length + 1;
  }

  /** Somebody who will use so many threads, his own included. They start now. */
  enter(threads: number, logger: Logger): void {
    this.#users++;
    this.#log = logger;
    while (!this.#lost && this.#threads.length < threads - 1) this.#start(this.#threads.length + 1);
  }

  /** The last one to leave ends the threads. */
  leave(): void {
    if (--this.#users === 0) this.#end();
  }

  #start(number: number): void {
    try {
      this.#threads.push(this.#host.start(workerSource, (reason) => this.#lose(reason)));
    } catch (e) {
      // Not everybody may: Node's permissions, or a page's policy.
      this.#lose(e);
      return;
    }
    Atomics.store(this.#words, LINE.first + number * LINE.words + LINE.posted, 0);
    this.#post(number, { words: this.#words, number, seen: Atomics.load(this.#words, at.generation) });
    for (const message of this.#modules.values()) this.#post(number, message);
  }

  #end(): void {
    for (const t of this.#threads) t.terminate();
    this.#threads.length = 0;
    // Those that are being ended may still be counting in theirs.
    this.#words = newWords();
  }

  /** A thread that ends by itself may leave the others waiting, and will do so again: from here on there is only the caller's. */
  #lose(reason: unknown): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#end();
    this.#log?.log('warn', 'a thread of flagos/wasm ended or could not start: kernels run on the thread of their caller from now on', {
      reason: String(reason),
    });
  }

  #post(number: number, message: object): void {
    // Counted before it is sent: a thread that finds more than it has received goes to receive.
    Atomics.add(this.#words, LINE.first + number * LINE.words + LINE.posted, 1);
    this.#threads[number - 1]!.post(message);
    Atomics.add(this.#words, at.generation, 1);
    Atomics.notify(this.#words, at.generation);
  }

  #postAll(message: object): void {
    this.#threads.forEach((_, i) => this.#post(i + 1, message));
  }

  /** Makes a module known to all threads, until it is disposed of, or nobody has it any more. */
  module(shared: SharedModule): PooledModule {
    const id = ++this.#serial;
    const { stages: count, threads: most, ...needed } = shared;
    const message = { id, stages: count, ...needed };
    this.#modules.set(id, message);
    this.#postAll(message);
    const made = new PooledModule(
      count,
      (stages, stage, table, n, grain) => this.#share(id, most, stages, stage, table, n, grain),
      () => this.#drop(id),
    );
    this.#forgotten.register(made, id);
    return made;
  }

  #drop(id: number): void {
    if (this.#modules.delete(id)) this.#postAll({ drop: id });
  }

  #share(id: number, most: number, stages: readonly Stage[], stage: number, table: number, count: number, grain: number): void {
    const run = stages[stage]!;
    const threads = Math.min(most, this.size);
    if (threads === 1 || count <= grain) {
      run(table, 0, count);
      return;
    }
    const words = this.#words;
    const step = Math.max(grain, Math.ceil(count / (threads * PIECES)));
    words[at.fault] = 0;
    words[at.kernel] = id;
    words[at.stage] = stage;
    words[at.table] = table;
    words[at.step] = step;
    words[at.threads] = threads;
    for (let i = 0; i < threads; i++) {
      const line = LINE.first + i * LINE.words;
      words[line] = Math.floor((count * i) / threads);
      words[line + 1] = Math.floor((count * (i + 1)) / threads);
    }
    Atomics.store(words, at.state, OPEN);
    Atomics.add(words, at.generation, 1);
    if (Atomics.load(words, at.sleeping) > 0) Atomics.notify(words, at.generation);
    try {
      for (let i = 0; i < threads; i++) {
        const line = LINE.first + i * LINE.words;
        const end = words[line + 1]!;
        while (Atomics.load(words, line) < end) {
          const lo = Atomics.add(words, line, step);
          if (lo < end) run(table, lo, Math.min(lo + step, end));
        }
      }
    } finally {
      Atomics.and(words, at.state, ~OPEN);
      this.#await();
    }
    const fault = faultOf(words);
    if (fault !== undefined) throw new FlagosError('FLAGOS_E_KERNEL', `a thread failed in a kernel of flagos/wasm: ${fault}`);
  }

  /** Waits for the threads that are at the stage. */
  #await(): void {
    for (let spins = 0; spins < CALLER_SPINS; spins++) if (Atomics.load(this.#words, at.state) === 0) return;
    // Counted in waits, not by the clock: a process that was stopped for a while has lost nobody.
    for (let waits = 0; waits < this.#patience * 10;) {
      const working = Atomics.load(this.#words, at.state);
      if (working === 0) return;
      if (this.#mayWait) waits += Atomics.wait(this.#words, at.state, working, 100) === 'timed-out' ? 1 : 0;
      else {
        const until = performance.now() + 100;
        while (Atomics.load(this.#words, at.state) !== 0 && performance.now() < until);
        waits++;
      }
    }
    this.#lose(`no answer for ${this.#patience} seconds`);
    throw new FlagosError('FLAGOS_E_KERNEL', `a thread of flagos/wasm has not answered for ${this.#patience} seconds`, {
      hint: 'with threads: 1 kernels run on the thread of their caller',
    });
  }
}

const pools = new WeakMap<ThreadHost, ThreadPool>();

/** The one pool there is for a host. */
export const poolOf = (host: ThreadHost): ThreadPool => {
  let pool = pools.get(host);
  if (!pool) pools.set(host, (pool = new ThreadPool(host)));
  return pool;
};
