/**
 * Programs as JavaScript for speed: scheduled stages, each one function; float32 between stages, as
 * in memory, float64 within expressions (JavaScript's own arithmetic, and more accurate than asked).
 * The reference's renderer (`js.ts`) is the same expressions without schedule and without rounding.
 */
import { allocate, dtypeInfo, type DType, type TensorData } from '../../core/dtype.ts';
import type { Buffer, Local, Program } from '../loops.ts';
import type { Target } from '../schedule/ir.ts';
import { scheduleProgram, type Entry } from '../schedule/schedule.ts';
import { layOutWorkspace } from '../schedule/workspace.ts';
import { StageWriter, tempBytes } from './js-stage.ts';
import { TILE_COLUMNS, TILE_ROWS, tileOf } from './js-tile.ts';
import * as math from './js-math.ts';
import * as rt from './js-runtime.ts';

const target: Target = {
  tile: { rows: TILE_ROWS, columns: TILE_COLUMNS },
  lowTiles: [],
  lanes: 1,
  jam: 8,
  tileTypes: new Set(['float32', 'float64', 'int32', 'uint32']),
  sumType: (t) => (t === 'float32' ? 'float64' : t),
};

type StageFunction = (buffers: readonly TensorData[], params: readonly number[], counters: readonly number[]) => void;
const compiled = new Map<string, StageFunction>();
const COMPILED_LIMIT = 4096;

const compile = (text: string): StageFunction => {
  let f = compiled.get(text);
  if (!f) {
    if (compiled.size >= COMPILED_LIMIT) compiled.delete(compiled.keys().next().value!);
    compiled.set(text, (f = new Function('rt', 'math', 'tile', text)(rt, math, tileOf) as StageFunction));
  }
  return f;
};

/** Something that runs on the program's arrays: a stage, or a loop around some. */
type Runner = (counters: number[]) => void;

interface BoundStage {
  readonly arrays: TensorData[];
  /** Positions in `arrays` that hold inputs and outputs, and which ones. */
  readonly outer: readonly { readonly at: number; readonly buffer: number }[];
}

export interface JsFastKernel {
  /** Texts of the stages, in order; equal ones are one function. */
  readonly sources: readonly string[];
  readonly workspaceBytes: number;
  /** Runs it: one storage array per input and per output of the program. Arrays of constant inputs must be the ones of the first run. */
  run(inputs: readonly TensorData[], outputs: readonly TensorData[]): void;
}

class Kernel implements JsFastKernel {
  readonly sources: string[] = [];
  readonly workspaceBytes: number;
  readonly #stages: BoundStage[] = [];
  readonly #once: Runner[];
  readonly #entries: Runner[];
  readonly #outer: readonly Buffer[];
  readonly #temps: () => ReadonlyMap<Buffer, TensorData>;
  #ready = false;

  constructor(program: Program, constants: ReadonlySet<Buffer>) {
    const scheduled = scheduleProgram(program, target, constants);
    const { offsets, bytes } = layOutWorkspace(scheduled, tempBytes);
    this.workspaceBytes = bytes;
    this.#outer = [...scheduled.inputs, ...scheduled.outputs];
    this.#temps = () => {
      const block = (allocate('uint8', bytes) as Uint8Array).buffer;
      return new Map([...offsets].map(([b, offset]) => [b, viewOf(b, block, offset)]));
    };
    this.#once = scheduled.once.map((e) => this.#runner(e, []));
    this.#entries = scheduled.entries.map((e) => this.#runner(e, []));
  }

  #runner(e: Entry, around: readonly Local[]): Runner {
    if (e.kind === 'loop') {
      const body = e.body.map((x) => this.#runner(x, [...around, e.counter]));
      const depth = around.length;
      return (counters) => {
        for (let i = 0; i < e.extent; i++) {
          counters[depth] = i;
          for (let j = 0; j < body.length; j++) body[j]!(counters);
        }
      };
    }
    const { text, buffers, params, counters: names } = new StageWriter(e.body, around).stage;
    this.sources.push(text);
    const arrays = new Array<TensorData>(buffers.length);
    const outer = buffers.flatMap((b, at) => (this.#outer.includes(b) ? [{ at, buffer: this.#outer.indexOf(b) }] : []));
    this.#stages.push({ arrays, outer });
    this.#inner.push(() => buffers.forEach((b, at) => b.role === 'temp' && (arrays[at] = this.#memory!.get(b)!)));
    const f = compile(text);
    const positions = names.map((n) => around.findIndex((l) => l.name === n));
    if (positions.length === 0) return () => f(arrays, params, positions);
    const own = new Array<number>(positions.length).fill(0);
    return (counters) => {
      for (let i = 0; i < own.length; i++) own[i] = counters[positions[i]!]!;
      f(arrays, params, own);
    };
  }

  /** Binds temporaries, once they are there. */
  readonly #inner: (() => void)[] = [];
  #memory: ReadonlyMap<Buffer, TensorData> | undefined;

  run(inputs: readonly TensorData[], outputs: readonly TensorData[]): void {
    if (!this.#memory) {
      this.#memory = this.#temps();
      for (const bind of this.#inner) bind();
    }
    const inputCount = inputs.length;
    for (const { arrays, outer } of this.#stages) {
      for (const { at, buffer } of outer) arrays[at] = buffer < inputCount ? inputs[buffer]! : outputs[buffer - inputCount]!;
    }
    const counters: number[] = [];
    if (!this.#ready) {
      for (const once of this.#once) once(counters);
      this.#ready = true;
    }
    for (let i = 0; i < this.#entries.length; i++) this.#entries[i]!(counters);
  }
}

/** Storage of a temporary: values, not codes. */
const viewOf = ({ dtype, size }: Buffer, block: ArrayBufferLike, offset: number): TensorData => {
  const { kind, bits } = dtypeInfo(dtype);
  const { storage } = dtypeInfo(kind === 'float' && bits < 32 ? 'float32' : dtype);
  return new storage!(block, offset, size);
};

/**
 * Compiles a program.
 * @param constants input buffers whose arrays and contents are the same at every run: what depends on them alone is calculated once.
 */
export const renderJsFast = (program: Program, constants: ReadonlySet<Buffer> = new Set()): JsFastKernel => new Kernel(program, constants);

export type { DType };
