/**
 * Runs cases in child processes, so that one that crashes or hangs takes down nothing but itself: the
 * child is replaced and the rest goes on. Each child runs one case at a time, in the order it asks.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { asError, FlagosError, errorTable, type ErrorCode } from '../../core/errors.ts';
import { onInterrupt } from '../io.ts';

/** What a parent tells a child: first how cases are run, then a case at a time. */
export type ToWorker<S> = { readonly setup: S } | { readonly run: string };
/** What a child answers. */
export type FromWorker<R> =
  | { readonly ready: true }
  /** Where in a case it is: what a lost child was doing. */
  | { readonly at: unknown }
  | { readonly failed: { readonly message: string; readonly code: string | undefined; readonly hint: string | undefined } }
  | { readonly result: R };

export interface PoolOptions<S, R> {
  /** The program to start children from. */
  readonly program: string;
  /** The verb that serves as a child. */
  readonly verb: string;
  /** Sent to each child. */
  readonly setup: S;
  readonly jobs: number;
  /** Milliseconds a case may take. */
  readonly limitMs: number;
  readonly done: (result: R) => void;
  /** The result of a case whose child did not live to give one. */
  readonly lost: (name: string, status: 'timeout' | 'crash', reason: string, ms: number, at: unknown) => R;
}

/** Starting a child: loading plugins and opening chips. */
const START_LIMIT_MS = 120_000;
/** Of what a child wrote to stderr, the end, for the reason of a crash. */
const TAIL = 2000;

const isCode = (code: string | undefined): code is ErrorCode => code !== undefined && Object.hasOwn(errorTable, code);

/** A child and what it wrote last. */
class Worker<S, R> {
  readonly #child: ChildProcess;
  #tail = '';
  #gone: string | undefined;
  /** What it last said it was doing. */
  at: unknown;
  #waiting: ((message: FromWorker<R> | undefined) => void) | undefined;

  constructor(program: string, verb: string) {
    this.#child = fork(program, [verb], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#tail = (this.#tail + chunk.toString()).slice(-TAIL)));
    this.#child.on('message', (message: FromWorker<R>) => {
      if ('at' in message) this.at = message.at;
      else this.#settle(message);
    });
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

  #settle(message: FromWorker<R> | undefined): void {
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
  ask(message: ToWorker<S>, limitMs: number): Promise<FromWorker<R> | 'late' | undefined> {
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
export const runPool = async <S, R>(
  names: readonly string[],
  { program, verb, setup, jobs, limitMs, done, lost }: PoolOptions<S, R>,
): Promise<void> => {
  const queue = [...names];
  const workers = new Set<Worker<S, R>>();
  const release = onInterrupt(() => workers.forEach((w) => w.kill()));

  const start = async (): Promise<Worker<S, R>> => {
    const worker = new Worker<S, R>(program, verb);
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
    let worker: Worker<S, R> | undefined;
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      worker ??= await start();
      const began = performance.now();
      worker.at = undefined;
      const answer = await worker.ask({ run: name }, limitMs);
      const ms = Math.round(performance.now() - began);
      if (answer !== undefined && answer !== 'late' && 'result' in answer) {
        done(answer.result);
        continue;
      }
      worker.kill();
      workers.delete(worker);
      if (answer === 'late') done(lost(name, 'timeout', `took longer than ${limitMs / 1000} s`, ms, worker.at));
      else done(lost(name, 'crash', answer && 'failed' in answer ? answer.failed.message : worker.obituary, ms, worker.at));
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

/**
 * A child: serves the parent over the channel Node opened for `fork`; resolves when the parent closes it.
 * @param open makes what runs cases, from the setup.
 */
export const servePool = <S, R>(open: (setup: S) => Promise<(name: string, at: (place: unknown) => void) => Promise<R>>): Promise<void> =>
  new Promise((resolve) => {
    let runner: Promise<(name: string, at: (place: unknown) => void) => Promise<R>> | undefined;
    const send = (message: FromWorker<R>): void => void process.send?.(message);
    const handle = async (message: ToWorker<S>): Promise<void> => {
      if ('setup' in message) {
        runner = open(message.setup);
        await runner;
        send({ ready: true });
      } else if (runner) send({ result: await (await runner)(message.run, (at) => send({ at })) });
    };
    process.on('message', (message: ToWorker<S>) => {
      handle(message).catch((thrown: unknown) => {
        const error = asError(thrown);
        const { code, hint, reason } = error as { code?: string; hint?: string; reason?: string };
        send({ failed: { message: reason ?? error.message, code, hint } });
      });
    });
    process.once('disconnect', resolve);
  });
