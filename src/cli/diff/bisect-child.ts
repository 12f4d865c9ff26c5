/** Tests of a bisection in a child process: a chip that crashes or hangs is a finding, not the end. */
import { fork, type ChildProcess } from 'node:child_process';

export interface Ask {
  readonly nodes: readonly string[];
}
export type Answer = { readonly shows: boolean } | { readonly error: string };

export type ChildOutcome = Answer | 'crash' | 'late';

/** A child that answers one test at a time and is replaced when it dies. */
export class BisectChild {
  readonly #program: string;
  readonly #argv: readonly string[];
  readonly #limitMs: number;
  #child: ChildProcess | undefined;

  /** @param argv the arguments of the verb, which the child reads for itself. */
  constructor(program: string, argv: readonly string[], limitMs: number) {
    this.#program = program;
    this.#argv = argv;
    this.#limitMs = limitMs;
  }

  ask(message: Ask): Promise<ChildOutcome> {
    const child = (this.#child ??= fork(this.#program, ['diff-bisect-worker', ...this.#argv], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }));
    return new Promise((resolve) => {
      const settle = (outcome: ChildOutcome): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('close', onClose);
        if (typeof outcome === 'string') {
          child.kill('SIGKILL');
          this.#child = undefined;
        }
        resolve(outcome);
      };
      const onMessage = (answer: Answer): void => settle(answer);
      const onClose = (): void => settle('crash');
      const timer = setTimeout(() => settle('late'), this.#limitMs);
      child.on('message', onMessage);
      child.on('close', onClose);
      child.send(message);
    });
  }

  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}
