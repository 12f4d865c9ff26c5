/**
 * Traces of runs in the Chrome trace format, which Chrome (`chrome://tracing`) and Perfetto show: one event per step,
 * with the kernel, the chip on whose line it stands, and the nodes it runs; copies between memories on a line of
 * their own. Watching takes some microseconds a run, which {@link measureOverhead} states.
 */
import { isPromise, type MaybePromise } from '../core/async.ts';
import { describeType, opName } from '../core/graph.ts';
import type { StepObserver } from '../dispatch/execute.ts';
import type { Step } from '../dispatch/prepare.ts';
import { measure } from '../opmanager/measure.ts';

/** A complete event: something that began and ended. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: 'Node' | 'Copy' | 'Session';
  readonly ph: 'X';
  /** Microseconds since the trace began. */
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Names of lines: what viewers show instead of numbers. */
interface NameEvent {
  readonly name: 'process_name' | 'thread_name';
  readonly ph: 'M';
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly name: string };
}

export interface TraceDocument {
  readonly traceEvents: readonly (TraceEvent | NameEvent)[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, unknown>>;
}

/** Ops of a region that are listed; of more, how many there are is said by `nodes`. */
const LISTED = 32;

type Watched = Pick<Step, 'label' | 'kernel'> & Partial<Pick<Step, 'planned' | 'serves'>>;

const describe = ({ kernel, planned, serves }: Watched): Readonly<Record<string, unknown>> => {
  if (!planned) return { kernel, ...(serves ? { region: serves.id } : {}) };
  const { nodes, region, chip } = planned;
  return {
    kernel,
    provider: chip?.provider.name ?? 'flagos',
    chip: chip?.id ?? 'flagos/host',
    region: planned.id,
    nodes: nodes.length,
    ops: nodes.slice(0, LISTED).map(({ node }) => opName(node.domain, node.op)),
    reads: region.inputs.map((v) => `${v.name}: ${describeType(v.type)}`),
    makes: region.outputs.map((v) => `${v.name}: ${describeType(v.type)}`),
  };
};

export class Trace implements StepObserver {
  readonly #events: TraceEvent[] = [];
  readonly #origin = performance.now();
  /** Lines, by name; the first is the session's. */
  readonly #lines = new Map<string, number>([['session', 0]]);

  after(step: Watched, _index: number, startMs: number, endMs: number): void {
    const copy = step.planned === undefined && step.serves !== undefined;
    this.#add(
      step.label,
      copy ? 'Copy' : 'Node',
      copy ? 'copies' : step.kernel.slice(0, step.kernel.indexOf(':')),
      startMs,
      endMs,
      describe(step),
    );
  }

  /** Something around the steps: a run, the making of a plan. */
  session(name: string, startMs: number, endMs: number): void {
    this.#add(name, 'Session', 'session', startMs, endMs, {});
  }

  #add(name: string, cat: TraceEvent['cat'], line: string, startMs: number, endMs: number, args: TraceEvent['args']): void {
    let tid = this.#lines.get(line);
    if (tid === undefined) this.#lines.set(line, (tid = this.#lines.size));
    const us = (ms: number): number => Math.round(ms * 1e6) / 1e3;
    this.#events.push({ name, cat, ph: 'X', ts: us(startMs - this.#origin), dur: us(endMs - startMs), pid: 0, tid, args });
  }

  /** Events alone, as onnxruntime's profiles are. */
  toJSON(): readonly TraceEvent[] {
    return this.#events;
  }

  /** With names for the lines, and what else is to be known. */
  document(otherData: TraceDocument['otherData'] = {}): TraceDocument {
    const named = (name: NameEvent['name'], tid: number, text: string): NameEvent => ({ name, ph: 'M', pid: 0, tid, args: { name: text } });
    const lines = [...this.#lines].map(([name, tid]) => named('thread_name', tid, name));
    return { traceEvents: [named('process_name', 0, 'flagos'), ...lines, ...this.#events], displayTimeUnit: 'ms', otherData };
  }
}

export interface TraceOverhead {
  /** Median time of a run without and with a trace, microseconds, measured in turns. */
  readonly plainUs: number;
  readonly tracedUs: number;
  /** Runs of each that were measured. */
  readonly runs: number;
}

/** What tracing adds to a run. @param run one run, with an observer or without. */
export const measureOverhead = async (
  run: (observer: StepObserver | undefined) => MaybePromise<unknown>,
  budgetMs: number,
): Promise<TraceOverhead> => {
  const call = (traced: boolean) => async (): Promise<void> => {
    const made = run(traced ? new Trace() : undefined);
    if (isPromise(made)) await made;
  };
  const [plain, traced] = await measure(
    [
      { name: 'plain', run: call(false) },
      { name: 'traced', run: call(true) },
    ],
    { budgetMs, keepAll: true },
  );
  return {
    plainUs: plain!.timing.medianUs,
    tracedUs: traced!.timing.medianUs,
    runs: Math.min(plain!.samplesUs.length, traced!.samplesUs.length),
  };
};
