/**
 * Runs cases in child processes, so that one that crashes or hangs takes down nothing but itself: the
 * child is replaced and the rest goes on. Each child runs one case at a time, in the order it asks.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { FlagosError, errorTable, type ErrorCode } from '../../core/errors.ts';
import { onInterrupt } from '../io.ts';
import type { CaseResult } from './case.ts';
import type { FromWorker, Setup, ToWorker } from './worker.ts';

export interface PoolOptions {
  /** The program to start children from. */
  readonly program: string;
  readonly setup: Setup;
  readonly jobs: number;
  /** Milliseconds a case may take. */
  readonly limitMs: number;
  readonly done: (result: CaseResult) => void;
}

/** Starting a child: loading plugins and opening chips. */
const START_LIMIT_MS = 120_000;
/** Of what a child wrote to stderr, the end, for the reason of a crash. */
const TAIL = 2000;

const isCode = (code: string | undefined): code is ErrorCode => code !== undefined && Object.hasOwn(errorTable, code);

/** A child and what it wrote last. */
class Worker {
  readonly #child: ChildProcess;
  #tail = '';
  #gone: string | undefined;
  #waiting: ((message: FromWorker | undefined) => void) | undefined;

  constructor(program: string) {
    this.#child = fork(program, ['conformance-worker'], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#tail = (this.#tail + chunk.toString()).slice(-TAIL)));
    this.#child.on('message', (message: FromWorker) => this.#settle(message));
    // `close` comes after the last of stderr, `exit` may come before.
    this.#child.on('close', (code, signal) => {
      this.#gone = signal ? `killed by ${signal}` : `ended with code ${code}`;
      this.#settle(undefined);
    });
    this.#child.on('error', (error) => {
      this.#gone = error.message;
      this.#settle(undefined);
    });
  }

  #settle(message: FromWorker | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(message);
  }

  get alive(): boolean {
    return this.#gone === undefined;
  }

  /** How it ended, with its last words. */
  get obituary(): string {
    const words = this.#tail.trim().split('\n').slice(-3).join(' | ');
    return `the process was ${this.#gone ?? 'lost'}${words === '' ? '' : `: ${words}`}`;
  }

  /** @returns the answer; undefined if the child ended; `late` if time ran out. */
  ask(message: ToWorker, limitMs: number): Promise<FromWorker | 'late' | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        resolve('late');
      }, limitMs);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      if (this.alive) this.#child.send(message, (error) => void (error && this.#settle(undefined)));
      else this.#settle(undefined);
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it end by itself; a plugin that keeps it alive does not keep us. */
  end(): void {
    if (!this.alive) return;
    const timer = setTimeout(() => this.kill(), 5000);
    this.#child.once('close', () => clearTimeout(timer));
    if (this.#child.connected) this.#child.disconnect();
  }
}

/**
 * Runs all cases; results come through `done`, in no particular order.
 * @throws what a child says when it cannot even start (a wrong chip, a broken configuration).
 */
export const runPool = async (names: readonly string[], { program, setup, jobs, limitMs, done }: PoolOptions): Promise<void> => {
  const queue = [...names];
  const workers = new Set<Worker>();
  const release = onInterrupt(() => workers.forEach((w) => w.kill()));

  const start = async (): Promise<Worker> => {
    const worker = new Worker(program);
    workers.add(worker);
    const answer = await worker.ask({ setup }, START_LIMIT_MS);
    if (answer !== undefined && answer !== 'late' && 'ready' in answer) return worker;
    worker.kill();
    if (answer !== undefined && answer !== 'late' && 'failed' in answer) {
      const { message, code, hint } = answer.failed;
      throw new FlagosError(isCode(code) ? code : 'FLAGOS_E_INTERNAL', message, hint === undefined ? {} : { hint });
    }
    throw new FlagosError(
      'FLAGOS_E_INTERNAL',
      answer === 'late' ? 'a child process did not get ready' : `a child process ended before it was ready: ${worker.obituary}`,
    );
  };

  const lane = async (): Promise<void> => {
    let worker: Worker | undefined;
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      worker ??= await start();
      const began = performance.now();
      const answer = await worker.ask({ run: name }, limitMs);
      const ms = Math.round(performance.now() - began);
      if (answer !== undefined && answer !== 'late' && 'result' in answer) {
        done(answer.result);
        continue;
      }
      worker.kill();
      workers.delete(worker);
      if (answer === 'late') done({ name, status: 'timeout', reason: `took longer than ${limitMs / 1000} s`, ms });
      else done({ name, status: 'crash', reason: answer && 'failed' in answer ? answer.failed.message : worker.obituary, ms });
      worker = undefined;
    }
    worker?.end();
  };

  try {
    await Promise.all(Array.from({ length: Math.min(jobs, names.length) }, lane));
  } catch (error) {
    queue.length = 0;
    workers.forEach((w) => w.kill());
    throw error;
  } finally {
    release();
  }
};
