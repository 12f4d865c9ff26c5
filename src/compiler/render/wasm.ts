/**
 * Programs as WebAssembly text. A module has one function per distinct stage and two entries, `once`
 * and `run`, which call the stages in order; addresses and extents come from tables in memory, so
 * programs of equal structure have equal texts. What memory it is, and what lies where, is the
 * runtime's business (`plugins/flagos/wasm`).
 */
import type { Buffer, Local, Program } from '../loops.ts';
import type { Target, ThreadTarget } from '../schedule/ir.ts';
import { scheduleProgram, type Entry } from '../schedule/schedule.ts';
import { layOutWorkspace } from '../schedule/workspace.ts';
import type { Workspace } from '../workspace.ts';
import { areEverywhere, functionTexts } from './wasm-functions.ts';
import { writeStage, type WasmStage } from './wasm-stage.ts';
import { LOW_TILES, TILE, tileFunction } from './wasm-tile.ts';
import { elementBytes, get, i32, MOST_PAGES, op } from './wasm-types.ts';

const target = (threads: ThreadTarget | undefined): Target => ({
  tile: TILE,
  lowTiles: LOW_TILES,
  lanes: 4,
  jam: 1,
  tileTypes: new Set(['float32', 'int32', 'uint32']),
  sumType: (t) => t,
  ...(threads ? { threads } : {}),
});

/** Threads there are, and when to use them. */
export interface WasmThreads extends ThreadTarget {
  /** Operations shared out in a run from which waking threads pays. */
  readonly least: number;
  /** Operations shared out, for each byte that is copied in or out, from which a shared memory pays: it is copied at a fraction of the speed. */
  readonly perByte: number;
}

/**
 * As measured: 40 operations are about a nanosecond, so threads take 2.5 µs at a time and a stage is divided from 10 µs on; a run of
 * 50 µs, since threads that are asleep come 5 to 20 µs late.
 * Copying takes 1.6 operations' time longer for each byte: depthwise convolutions and pooling by themselves gain nothing, a softmax does.
 */
export const wasmThreads = (count: number): WasmThreads => ({ count, grain: 100_000, least: 2_000_000, perByte: 6 });

/** What a stage's table holds: addresses of buffers, then numbers. */
export interface StageTable {
  /** Byte offset from the start of the tables. */
  readonly offset: number;
  readonly buffers: readonly Buffer[];
  readonly params: readonly number[];
}

export interface WasmProgram {
  readonly text: string;
  readonly tables: readonly StageTable[];
  readonly tableBytes: number;
  /** Temporaries that keep their contents from one run to the next, and those that need not. */
  readonly kept: Workspace;
  readonly scratch: Workspace;
  /** Inputs that only `once` reads. */
  readonly onceInputs: ReadonlySet<Buffer>;
  readonly hasOnce: boolean;
  /** Stages threads share out: their exports `s0`, `s1`, … are functions of a table and a range. 0 if it runs on one thread. */
  readonly sharedStages: number;
  /** Threads there are pieces of memory for. */
  readonly threads: number;
}

class ModuleWriter {
  readonly #shared = new Set<string>();
  /** Operations in stages threads share out. */
  sharedWork = 0;
  readonly #stages = new Map<string, string>();
  readonly #used = new Set<string>();
  readonly #tiles = new Set<string>();
  readonly tables: StageTable[] = [];
  bytes = 0;
  #depth = 0;
  readonly #extents = new Map<Local, number>();

  #stage(s: WasmStage): string {
    s.used.forEach((f) => this.#used.add(f));
    s.tiles.forEach(({ dtype, shape }) => this.#tiles.add(tileFunction(dtype, shape)));
    let name = this.#stages.get(s.text);
    if (!name) this.#stages.set(s.text, (name = `$stage${this.#stages.size}`));
    return name;
  }

  /** A stage for a range, if threads can run it: they have no JavaScript but the language's own. */
  #ranged(e: Extract<Entry, { kind: 'stage' }>, around: readonly Local[]): WasmStage | undefined {
    const stage = e.share && writeStage(e.share.body, around, e.share);
    return stage && areEverywhere(stage.used) ? stage : undefined;
  }

  /** A new table, with places for `more` numbers; its offset. */
  #table(buffers: readonly Buffer[], params: readonly number[], more: number): number {
    const offset = this.bytes;
    this.tables.push({ offset, buffers, params });
    this.bytes += (buffers.length + params.length + more) * 4;
    return offset;
  }

  /** Calls of entries, in order; a counter's value is put into the tables of the stages that use it. */
  entries(list: readonly Entry[], around: readonly Local[]): string[] {
    return list.flatMap((e): string[] => {
      if (e.kind === 'loop') {
        const [counter, label] = [`$c${around.length}`, `$l${around.length}`];
        if (e.extent === 0) return [];
        this.#depth = Math.max(this.#depth, around.length + 1);
        this.#extents.set(e.counter, e.extent);
        const extent = this.#table([], [e.extent], 0);
        return [
          `(local.set ${counter} (i32.const 0))`,
          `(loop ${label}`,
          ...this.entries(e.body, [...around, e.counter]),
          `(local.set ${counter} (i32.add ${get(counter)} (i32.const 1)))`,
          `(br_if ${label} (i32.lt_s ${get(counter)} (i32.load offset=${extent} (local.get $t)))))`,
        ];
      }
      const ranged = this.#ranged(e, around);
      const stage = ranged ?? writeStage(e.body, around);
      const name = this.#stage(stage);
      const { share } = e;
      const split = ranged && share ? [share.count, share.grain] : [];
      const fixed = stage.buffers.length + stage.params.length;
      const offset = this.#table(stage.buffers, stage.params, stage.counters.length);
      const place = op('i32.add', get('$t'), i32(offset));
      const counters = stage.counters.map(
        (c, i) => `(i32.store offset=${(fixed + i) * 4} ${place} ${get(`$c${around.findIndex((l) => l.name === c)}`)})`,
      );
      if (!ranged) return [...counters, op(`call ${name}`, place)];
      this.#shared.add(name);
      this.sharedWork += e.work * around.reduce((n, l) => n * (this.#extents.get(l) ?? 1), 1);
      const numbers = this.#table([], split, 0);
      const number = (i: number): string => `(i32.load offset=${numbers + 4 * i} (local.get $t))`;
      return [...counters, op('call $share', i32([...this.#shared].indexOf(name)), place, number(0), number(1))];
    });
  }

  get sharedStages(): number {
    return this.#shared.size;
  }

  text(once: readonly string[], run: readonly string[]): string {
    const helpers = functionTexts(this.#used);
    const entry = (name: string, body: readonly string[]): string =>
      [
        `(func (export "${name}") (param $t i32)${Array.from({ length: this.#depth }, (_, i) => ` (local $c${i} i32)`).join('')}`,
        ...body,
        ')',
      ].join('\n  ');
    return [
      '(module',
      ...helpers.filter((t) => t.startsWith('(import')),
      ...(this.#shared.size === 0
        ? ['(import "env" "memory" (memory 1))']
        : [
            '(import "threads" "share" (func $share (param i32) (param i32) (param i32) (param i32)))',
            '(import "threads" "number" (global $thread i32))',
            `(import "env" "memory" (memory 1 ${MOST_PAGES} shared))`,
          ]),
      ...helpers.filter((t) => !t.startsWith('(import')),
      ...this.#tiles,
      ...[...this.#stages].map(([text, name]) => `(func ${name} ${text})`),
      ...[...this.#shared].map((name, i) => `(export "s${i}" (func ${name}))`),
      entry('once', once),
      entry('run', run),
      ')',
      '',
    ].join('\n');
  }
}

const copiedBytes = (program: Program, constants: ReadonlySet<Buffer>): number =>
  [...program.inputs.filter((b) => !constants.has(b)), ...program.outputs].reduce((n, b) => n + b.size * elementBytes(b), 0);

/**
 * Writes a program.
 * @param constants input buffers whose contents are the same at every run.
 * @param threads to share out stages among, where that pays; left out, all of it runs on one.
 */
export const renderWasm = (program: Program, constants: ReadonlySet<Buffer> = new Set(), threads?: WasmThreads): WasmProgram => {
  const scheduled = scheduleProgram(program, target(threads), constants);
  const writer = new ModuleWriter();
  const once = writer.entries(scheduled.once, []);
  const early = writer.tables.length;
  const run = writer.entries(scheduled.entries, []);
  if (threads && writer.sharedWork < Math.max(threads.least, threads.perByte * copiedBytes(program, constants)))
    return renderWasm(program, constants);
  const usedBy = (tables: readonly StageTable[]): Set<Buffer> => new Set(tables.flatMap((t) => t.buffers));
  const [inOnce, inRun] = [usedBy(writer.tables.slice(0, early)), usedBy(writer.tables.slice(early))];
  return {
    text: writer.text(once, run),
    tables: writer.tables,
    tableBytes: writer.bytes,
    kept: layOutWorkspace(scheduled, elementBytes, (b) => inOnce.has(b) && inRun.has(b)),
    scratch: layOutWorkspace(scheduled, elementBytes, (b) => !(inOnce.has(b) && inRun.has(b)), threads?.count),
    onceInputs: new Set(program.inputs.filter((b) => constants.has(b) && !inRun.has(b))),
    hasOnce: once.length > 0,
    sharedStages: writer.sharedStages,
    threads: threads && writer.sharedStages > 0 ? threads.count : 1,
  };
};
