/**
 * Runs the kit's levels on a plugin, in child processes: a check that hangs or takes its process down costs itself a
 * failure and its process; the next one begins behind it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { errorTable, FlagosError, type ErrorCode } from '../../core/errors.ts';
import { onInterrupt } from '../io.ts';
import { levels, type CheckResult, type LevelName } from '../../kit/types.ts';
import type { FromKit, KitChip, KitMissing, KitOrder, KitSetup, ToKit } from './messages.ts';

export interface KitOptions {
  readonly program: string;
  readonly setup: KitSetup;
  readonly levels?: readonly LevelName[] | undefined;
  /** Only these chips; all if there are none. */
  readonly chips: readonly string[];
  /** For one check, in milliseconds. */
  readonly limitMs: number;
  readonly done?: (chip: string, result: CheckResult) => void;
}

export interface KitReport {
  /** Of the package; the same for all its chips. */
  readonly manifest: readonly CheckResult[];
  readonly chips: readonly (KitChip & { readonly checks: readonly CheckResult[] })[];
  readonly missing: readonly KitMissing[];
}

/** Loading a plugin and opening a chip, which may look for a compiler. */
const START_MS = 180_000;
/** After so many lost processes a level is given up. */
const LIVES = 8;

type Answer = FromKit | 'late' | undefined;
const isCode = (code: string | undefined): code is ErrorCode => code !== undefined && Object.hasOwn(errorTable, code);

class Child {
  readonly #process: ChildProcess;
  readonly #queue: Answer[] = [];
  #waiting: ((answer: Answer) => void) | undefined;
  #tail = '';
  #gone: string | undefined;

  constructor(program: string) {
    this.#process = fork(program, ['kit-worker'], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#tail = (this.#tail + chunk.toString()).slice(-2000)));
    this.#process.on('message', (message: FromKit) => this.#push(message));
    this.#process.on('close', (code, signal) => this.#end(signal ? `killed by ${signal}` : `ended with code ${code}`));
    this.#process.on('error', (error) => this.#end(error.message));
  }

  get obituary(): string {
    const words = this.#tail.trim().split('\n').slice(-2).join(' | ');
    return `the process was ${this.#gone ?? 'lost'}${words === '' ? '' : `: ${words}`}`;
  }

  #end(how: string): void {
    this.#gone ??= how;
    this.#push(undefined);
  }

  #push(answer: Answer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(answer);
    else this.#queue.push(answer);
  }

  send(message: ToKit): void {
    if (this.#gone === undefined) this.#process.send(message, (error) => void (error && this.#end(error.message)));
  }

  /** The next message; undefined if the process is gone; `late` if time ran out. */
  next(limitMs: number): Promise<Answer> {
    if (this.#queue.length > 0) return Promise.resolve(this.#queue.shift());
    if (this.#gone !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        resolve('late');
      }, limitMs);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** @throws what the child says when there is no such plugin, or its configuration is broken. */
export const runKit = async (options: KitOptions): Promise<KitReport> => {
  const { program, setup, limitMs } = options;
  let child: Child | undefined;
  const release = onInterrupt(() => child?.kill());

  /** A child that has the plugin loaded; a result that says what became of that if it has not. */
  const start = async (): Promise<{ child: Child; loaded: Extract<FromKit, { loaded: unknown }> } | CheckResult> => {
    child = new Child(program);
    child.send({ setup });
    const answer = await child.next(START_MS);
    if (answer !== undefined && answer !== 'late' && 'loaded' in answer) return { child, loaded: answer };
    child.kill();
    if (answer !== undefined && answer !== 'late' && 'failed' in answer) {
      const { message, code, hint } = answer.failed;
      throw new FlagosError(isCode(code) ? code : 'FLAGOS_E_INTERNAL', message, hint === undefined ? {} : { hint });
    }
    const detail = answer === 'late' ? `loading it took longer than ${START_MS / 1000} s` : child.obituary;
    return { level: 'manifest', name: 'it can be loaded', status: 'fail', detail, ms: 0 };
  };

  /** One level, over as many processes as it takes. */
  const runLevel = async (chip: string, level: LevelName): Promise<CheckResult[]> => {
    const results: CheckResult[] = [];
    const add = (result: CheckResult): void => {
      results.push(result);
      options.done?.(chip, result);
    };
    for (let life = 0; life < LIVES; life++) {
      if (!child) {
        const started = await start();
        if (!('child' in started)) {
          add({ ...started, level });
          return results;
        }
      }
      const order: KitOrder = { chip, level, done: results.map((r) => r.name) };
      child!.send({ order });
      let name = 'it begins';
      for (;;) {
        const began = performance.now();
        const starting = name === 'it begins' || name.startsWith('the chip opens');
        const limit = starting ? START_MS : limitMs;
        const answer = await child!.next(limit);
        if (answer !== undefined && answer !== 'late') {
          if ('begin' in answer) name = answer.begin;
          else if ('result' in answer) add(answer.result);
          else if ('end' in answer) return results;
          else if ('failed' in answer) {
            add({ level, name, status: 'fail', detail: answer.failed.message, ms: Math.round(performance.now() - began) });
            return results;
          }
          continue;
        }
        child!.kill();
        const detail = answer === 'late' ? `took longer than ${limit / 1000} s` : child!.obituary;
        child = undefined;
        const again = results.some((r) => r.name === name);
        add({ level, name, status: 'fail', detail, ms: Math.round(performance.now() - began) });
        // What breaks before the first check breaks every time.
        if (again || starting) return results;
        break;
      }
    }
    add({ level, name: 'the rest', status: 'skip', detail: `given up after ${LIVES} lost processes`, ms: 0 });
    return results;
  };

  try {
    const started = await start();
    if (!('child' in started)) return { manifest: [started], chips: [], missing: [] };
    const { loaded, chips: found, missing } = started.loaded;
    const chips = [];
    for (const chip of found) {
      if (options.chips.length > 0 && !options.chips.includes(chip.id)) continue;
      const checks: CheckResult[] = [];
      for (const level of options.levels ?? levels) checks.push(...(await runLevel(chip.id, level)));
      chips.push({ ...chip, checks });
    }
    return { manifest: loaded, chips, missing };
  } finally {
    child?.kill();
    release();
  }
};
