/** Profiles in the Chrome trace format, as onnxruntime's `enableProfiling` writes them: one event per step. */
import type { StepObserver } from '../../dispatch/execute.ts';

interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: 'X';
  /** Microseconds. */
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, unknown>>;
}

export class Profile implements StepObserver {
  readonly #events: TraceEvent[] = [];
  readonly #origin = performance.now();

  after(step: { readonly label: string; readonly kernel: string }, _index: number, startMs: number, endMs: number): void {
    this.#add(step.label, 'Node', startMs, endMs, { kernel: step.kernel });
  }

  session(name: string, startMs: number, endMs: number): void {
    this.#add(name, 'Session', startMs, endMs, {});
  }

  #add(name: string, cat: string, startMs: number, endMs: number, args: Readonly<Record<string, unknown>>): void {
    this.#events.push({
      name,
      cat,
      ph: 'X',
      ts: Math.round((startMs - this.#origin) * 1e3),
      dur: Math.round((endMs - startMs) * 1e3),
      pid: 0,
      tid: 0,
      args,
    });
  }

  toJSON(): readonly TraceEvent[] {
    return this.#events;
  }
}
