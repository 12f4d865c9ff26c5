/**
 * The backend `flagos` for tfjs. It captures: a kernel gives its tensor back at once, calls that nobody
 * has asked the results of make a graph, and what is needed of it is planned and run when a value is read.
 */
import { FlagosError } from '../../core/errors.ts';
import { isPromise } from '../../core/async.ts';
import { Tensor } from '../../core/tensor.ts';
import { Cell, type Call, sameDims } from './cells.ts';
import type { TfCoverage } from './coverage.ts';
import { connectedTo, cutFor, graphOf, leafValues, release, type Cut } from './cut.ts';
import type { Shared } from './shared.ts';
import type { Template } from './template.ts';
import type { Tracing } from './trace.ts';
import type { BackendValues, DataId, TensorInfo, TfBackend, TfDType, TfEngine } from './tf-types.ts';
import { decoded, deinterleave, encoded, fromTf, interleave, tfDType, toTf } from './values.ts';

/** Calls that may wait before they are run without being asked for: what a program never reads must not grow for ever, and a thousand calls are planned in seconds, not at once. */
const WAITING_LIMIT = 1024;

/** Whether a whole model is among the calls. */
const isWhole = (cut: Cut): boolean => cut.calls.some((c) => c.template.whole === true);

export class FlagosBackend implements TfBackend {
  readonly shared: Shared;
  readonly #engine: TfEngine;
  /** Cells of data other backends gave names to. */
  #foreign = new WeakMap<DataId, Cell>();
  #count = 0;
  /** Calls captured since everything was last run. */
  #waiting: Call[] = [];
  /** While something is timed: every call counts, also those whose results are gone. */
  #timing = false;
  /** The model that is being traced. */
  #tracing: Tracing | undefined;

  constructor(shared: Shared, engine: TfEngine) {
    this.shared = shared;
    this.#engine = engine;
  }

  /** What ran where so far. */
  coverage(): TfCoverage {
    return this.shared.coverage.report();
  }

  /** Resolves when nothing is being compiled in the background. */
  ready(): Promise<void> {
    return this.shared.runtime.ready();
  }

  // ---- data

  /** @throws FLAGOS_E_DISPOSED for data that is nobody's. */
  cell(dataId: DataId): Cell {
    const own = this.#find(dataId);
    if (own) return own;
    const info = this.#engine.state.tensorInfo.get(dataId);
    if (!info || info.backend === this)
      throw new FlagosError('FLAGOS_E_DISPOSED', 'a tensor is used whose data was disposed of', {
        hint: 'keep it with tf.keep, or return it from tf.tidy',
      });
    this.#engine.moveData(this, dataId);
    return this.#find(dataId)!;
  }

  #find(dataId: DataId): Cell | undefined {
    const cell = dataId instanceof Cell ? dataId : this.#foreign.get(dataId);
    return cell && cell.refCount > 0 ? cell : undefined;
  }

  /** A cell for a value that is there. */
  hold(value: Tensor): Cell {
    const cell = new Cell(tfDType(value.dtype), value.dims);
    cell.value = value;
    this.#count++;
    this.#tracing?.made.add(cell);
    return cell;
  }

  /** The same contents under another name. */
  alias(cell: Cell, shape: readonly number[]): Cell {
    const value = this.value(cell);
    return this.hold(sameDims(value.dims, shape) ? value : value.reshaped(shape));
  }

  complex(real: Cell, imag: Cell, shape: readonly number[]): Cell {
    const cell = new Cell('complex64', shape);
    cell.parts = { real, imag };
    this.#count++;
    return cell;
  }

  #fill(cell: Cell, values: BackendValues, shape: readonly number[], dtype: TfDType): void {
    if (dtype === 'string') cell.strings = values as Uint8Array[];
    else if (dtype === 'complex64') {
      const { real, imag } = deinterleave(values as unknown as ArrayLike<number>);
      cell.parts = { real: this.hold(new Tensor('float32', [...shape], real)), imag: this.hold(new Tensor('float32', [...shape], imag)) };
    } else cell.value = fromTf(values, shape, dtype);
  }

  write(values: BackendValues, shape: number[], dtype: TfDType): DataId {
    const cell = new Cell(dtype, [...shape]);
    this.#fill(cell, values, shape, dtype);
    this.#count++;
    this.#tracing?.made.add(cell);
    return cell;
  }

  move(dataId: DataId, values: BackendValues, shape: number[], dtype: TfDType, refCount: number): void {
    // Data that was here before comes back under its own name.
    const cell = dataId instanceof Cell ? dataId : new Cell(dtype, [...shape]);
    if (cell !== dataId) this.#foreign.set(dataId, cell);
    cell.call = undefined;
    this.#fill(cell, values, shape, dtype);
    cell.refCount = refCount;
    this.#count++;
  }

  refCount(dataId: DataId): number {
    return this.#find(dataId)?.refCount ?? 0;
  }

  incRef(dataId: DataId): void {
    this.cell(dataId).refCount++;
  }

  disposeData(dataId: DataId, force = false): boolean {
    const cell = this.#find(dataId);
    if (!cell) return true;
    cell.refCount--;
    if (!force && cell.refCount > 0) return false;
    cell.refCount = 0;
    this.#count--;
    if (cell.parts) {
      this.disposeData(cell.parts.real, force);
      this.disposeData(cell.parts.imag, force);
    }
    // Calls that wait still read the contents; nobody else can. The newest call need not wait for a reader it cannot have any more.
    const { call } = cell;
    if (call !== undefined && call.outputs.length === 1 && !this.#timing && this.#waiting.at(-1) === call) this.#waiting.pop();
    return true;
  }

  numDataIds(): number {
    return this.#count;
  }

  memory(): { unreliable: boolean; reasons: string[] } {
    return {
      unreliable: true,
      reasons: ['Results that nobody has read yet take no memory, and what waiting calls will read is kept until they ran.'],
    };
  }

  // ---- capture

  /** Adds a call to the graph. @returns its results, of which nothing is calculated yet. */
  capture(template: Template, inputs: readonly Cell[], shapes: readonly (readonly number[])[]): TensorInfo[] {
    const outputs: Cell[] = [];
    const call: Call = { template, inputs, shapes, outputs, running: undefined, at: -1 };
    const infos: TensorInfo[] = [];
    for (let i = 0; i < template.outputs.length; i++) {
      const { dtype, shape } = template.outputs[i]!;
      const cell = new Cell(tfDType(dtype), shape);
      cell.call = call;
      cell.output = i;
      outputs.push(cell);
      infos.push({ dataId: cell, shape: [...shape], dtype: cell.dtype });
    }
    this.#count += outputs.length;
    this.#waiting.push(call);
    if (this.#waiting.length >= WAITING_LIMIT && !this.#timing && !this.#tracing) this.flush();
    return infos;
  }

  /** Runs all calls whose results somebody still holds (with `all`: whether or not). */
  flush(all = false): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const targets = waiting.flatMap((call) => call.outputs.filter((o) => o.call && (all || o.refCount > 0)));
    if (targets.length) this.#compute(targets, all);
  }

  /** A call whose inputs are there, by itself: no structure to look at. @returns whether it was one. */
  #single(call: Call): boolean {
    const { inputs, shapes, outputs, template } = call;
    if (template.nodes.length === 0 || template.whole || call.running || this.#tracing) return false;
    const values: Tensor[] = [];
    for (let i = 0; i < inputs.length; i++) {
      const { value } = inputs[i]!;
      if (value === undefined) return false;
      values.push(sameDims(value.dims, shapes[i]!) ? value : value.reshaped(shapes[i]!));
    }
    const made = this.shared.plans.entryOfOne(template).runSync(values);
    for (let i = 0; i < outputs.length; i++) {
      outputs[i]!.value = made[i]!;
      outputs[i]!.call = undefined;
    }
    if (this.#waiting.at(-1) === call) this.#waiting.pop();
    else if (this.#waiting.length > 64) this.#prune();
    return true;
  }

  #compute(targets: readonly Cell[], all = false): void {
    const cut = cutFor(targets, all);
    this.#tracing?.looks(cut.leaves.map((l) => l.cell));
    try {
      if (cut.calls.length === 0) return;
      this.#deliver(cut, this.shared.plans.entry(cut.key, () => graphOf(cut)).runSync(leafValues(cut)));
    } finally {
      release(cut);
    }
  }

  #deliver(cut: Cut, values: readonly Tensor[]): void {
    for (let i = 0; i < values.length; i++) {
      const cell = cut.wanted[i]!;
      const value = values[i]!;
      cell.value = sameDims(value.dims, cell.dims) ? value : value.reshaped(cell.dims);
      cell.call = undefined;
    }
    this.#prune();
  }

  /** Calls nobody can ask for any more need not be kept. */
  #prune(): void {
    if (this.#timing) return;
    this.#waiting = this.#waiting.filter(({ outputs }) => {
      for (const o of outputs) if (o.call !== undefined && o.refCount > 0) return true;
      return false;
    });
  }

  /** Contents of a cell, now. */
  value(cell: Cell): Tensor {
    if (cell.call) {
      if (!this.#single(cell.call)) this.#compute(connectedTo([cell], this.#waiting));
    } else this.#tracing?.looks([cell]);
    return (cell.value ??= decoded(cell.strings!, cell.dims)!);
  }

  /** Whether a cell of strings holds text. */
  isText(cell: Cell): boolean {
    cell.value ??= cell.strings && decoded(cell.strings, cell.dims);
    return cell.value !== undefined || cell.call !== undefined;
  }

  /** Runs `f` while `tracing` is told what is made, and what of it is looked at. */
  trace<T>(tracing: Tracing, f: () => T): T {
    const outer = this.#tracing;
    this.#tracing = tracing;
    try {
      return f();
    } finally {
      this.#tracing = outer;
    }
  }

  /** Makes the plan that values need which nobody has read yet; runs nothing but what their inputs need. */
  async prepare(dataIds: readonly DataId[]): Promise<void> {
    const targets = dataIds.map((id) => this.cell(id)).filter((c) => c.call);
    if (targets.length === 0) return;
    const cut = cutFor(targets);
    let ready: Promise<void>;
    try {
      ready = this.shared.plans.entry(cut.key, () => graphOf(cut)).ready(leafValues(cut));
    } finally {
      release(cut);
    }
    await ready;
  }

  // ---- reading

  readSync(dataId: DataId): BackendValues {
    const cell = this.cell(dataId);
    if (cell.dtype === 'string') return (cell.strings ??= encoded(this.value(cell)));
    if (cell.parts) return interleave(toTf(this.value(cell.parts.real)), toTf(this.value(cell.parts.imag)));
    return toTf(this.value(cell));
  }

  async read(dataId: DataId): Promise<BackendValues> {
    const cell = this.cell(dataId);
    if (cell.dtype === 'string') return this.readSync(dataId);
    const targets = cell.parts ? [cell.parts.real, cell.parts.imag] : [cell];
    await this.#settle(targets);
    await this.shared.runtime.breathe();
    return cell.parts ? interleave(toTf(cell.parts.real.value!), toTf(cell.parts.imag.value!)) : toTf(cell.value!);
  }

  async #settle(targets: readonly Cell[]): Promise<void> {
    for (;;) {
      const late = targets.filter((t) => t.call);
      if (late.length === 0) return;
      const cut = cutFor(connectedTo(late, this.#waiting));
      const under = cut.calls.find((c) => c.running)?.running;
      if (under) {
        release(cut);
        await under;
        continue;
      }
      let made: Tensor[] | Promise<Tensor[]>;
      try {
        made = this.shared.plans.entry(cut.key, () => graphOf(cut)).run(leafValues(cut), isWhole(cut));
        if (!isPromise(made)) return this.#deliver(cut, made);
      } finally {
        release(cut);
      }
      const running = made.then((values) => this.#deliver(cut, values));
      const settled = running.catch(() => undefined);
      for (const call of cut.calls) call.running = settled;
      try {
        await running;
      } finally {
        for (const call of cut.calls) call.running = undefined;
      }
    }
  }

  // ---- the rest of what tfjs asks

  timerAvailable(): boolean {
    return true;
  }

  /** Milliseconds of everything `f` asks for: what it leaves unread is run too. */
  async time(f: () => void): Promise<{ kernelMs: number }> {
    this.flush();
    const outer = this.#timing;
    this.#timing = true;
    const start = performance.now();
    try {
      f();
      this.flush(true);
    } finally {
      this.#timing = outer;
    }
    return { kernelMs: performance.now() - start };
  }

  floatPrecision(): 16 | 32 {
    return 32;
  }

  epsilon(): number {
    return 1e-7;
  }

  dispose(): void {
    this.#waiting = [];
    this.#foreign = new WeakMap();
    this.#count = 0;
  }
}
