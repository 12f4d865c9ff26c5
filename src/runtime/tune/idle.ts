/**
 * Tuning in a running program: a model that asks for it runs by declared speeds (or what the table knows) at
 * first, is measured while nobody runs it, and moves to what is clearly faster, without anybody waiting: the new plan
 * is made in the background and taken by the next run. What has become slow is measured again.
 */
import { asError, FlagosError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { clearlyFaster, timingOf } from '../../opmanager/timing.ts';
import type { TuneOptions, TuneResult } from './tune.ts';

type Inputs = readonly (Value | undefined)[];

export interface IdleWork {
  readonly logger: Logger;
  /** For messages. */
  readonly name: string;
  /** Measures, and keeps what it measured. Awaits `quiet` before each turn. */
  readonly tune: (inputs: Inputs, quiet: NonNullable<TuneOptions['quiet']>) => Promise<TuneResult>;
  /** Makes a new plan for inputs like these in the background, for the next run to take. */
  readonly renew: (inputs: Inputs) => Promise<void>;
  /** Milliseconds without a run after which measuring begins, and goes on after each run. */
  readonly idleMs: number;
}

/** Runs that say how fast it is. */
const WINDOW = 24;
/** Slower than it was by more than this part of the time it takes now: measured again. */
const SLOWER = 1 / 3;
/** Bytes of inputs that are kept to measure with. */
const BYTES = 64 * 2 ** 20;

const pause = (ms: number): Promise<void> =>
  new Promise((go) => {
    const timer: unknown = setTimeout(go, ms);
    // In Node a timer keeps the process alive; tuning must not.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function') timer.unref();
  });

const bytesOf = (inputs: Inputs): number => inputs.reduce((n, v) => n + (v instanceof Tensor ? v.byteLength : 0), 0);
const keyOf = (inputs: Inputs): string =>
  inputs.map((v) => (v instanceof Tensor ? `${v.dtype}[${v.dims.join(',')}]` : v === undefined ? '-' : 'value')).join(';');

interface Kind {
  /** Microseconds of the newest runs. */
  readonly recent: number[];
  /** Of the first ones since it was tuned. */
  usual: number[] | undefined;
  tuned: boolean;
  working: boolean;
  inputs: Inputs;
}

export class IdleTuner {
  readonly #work: IdleWork;
  /** Per input shapes. */
  readonly #kinds = new Map<string, Kind>();
  #running = 0;
  #lastEnd = performance.now();
  #closed = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(work: IdleWork) {
    this.#work = work;
  }

  /** Called when a run begins. @returns to be called when it has ended; with whether it gave results. */
  begin(inputs: Inputs): (ok: boolean) => void {
    this.#running++;
    const start = performance.now();
    return (ok) => {
      this.#running--;
      this.#lastEnd = performance.now();
      if (ok) this.#ran(inputs, (this.#lastEnd - start) * 1e3);
    };
  }

  #ran(inputs: Inputs, us: number): void {
    if (this.#closed) return;
    const key = keyOf(inputs);
    let kind = this.#kinds.get(key);
    if (!kind) this.#kinds.set(key, (kind = { recent: [], usual: undefined, tuned: false, working: false, inputs }));
    kind.recent.push(us);
    if (kind.recent.length > WINDOW) kind.recent.shift();
    kind.inputs = inputs;
    if (kind.working) return;
    if (kind.recent.length === WINDOW && kind.tuned) {
      kind.usual ??= [...kind.recent];
      // The usual time must be clearly faster than the newest: not a run that met a busy machine, but most of them.
      if (clearlyFaster(timingOf(kind.usual), timingOf(kind.recent), SLOWER)) {
        this.#work.logger.log('info', 'it has become slower, and is measured again', { model: this.#work.name });
        kind.tuned = false;
      }
    }
    if (!kind.tuned && bytesOf(inputs) <= BYTES) this.#later(kind);
  }

  #later(kind: Kind): void {
    kind.working = true;
    this.#queue = this.#queue.then(() => this.#tune(kind));
  }

  /** Waits until nobody has run it for a while. @throws FLAGOS_E_CANCELLED when it was closed. */
  readonly #quiet = async (): Promise<boolean> => {
    for (;;) {
      if (this.#closed) throw new FlagosError('FLAGOS_E_CANCELLED', 'the model was disposed while it was measured');
      const left = this.#lastEnd + this.#work.idleMs - performance.now();
      if (this.#running === 0 && left <= 0) return true;
      await pause(Math.max(1, left));
    }
  };

  async #tune(kind: Kind): Promise<void> {
    const { logger, name, tune, renew } = this.#work;
    try {
      await this.#quiet();
      // The caller may change what is its.
      const inputs = kind.inputs.map((v) => (v instanceof Tensor ? v.clone() : v));
      const { chosen, contenders } = await tune(inputs, this.#quiet);
      kind.tuned = true;
      kind.usual = undefined;
      kind.recent.length = 0;
      if (chosen === contenders[0]!.name) return;
      await renew(inputs);
      logger.log('info', `measured while idle: it moves to ${chosen}`, { model: name });
    } catch (e) {
      kind.tuned = true;
      if (!this.#closed) logger.log('warn', 'it could not be measured while idle', { model: name, reason: asError(e).message });
    } finally {
      kind.working = false;
    }
  }

  /** Resolves when nothing is being measured. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  /** Ends measuring at the next turn, and waits for that. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue;
  }
}
