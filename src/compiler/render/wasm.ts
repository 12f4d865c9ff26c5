/**
 * Programs as WebAssembly text. A module has one function per distinct stage and two entries, `once`
 * and `run`, which call the stages in order; addresses and extents come from tables in memory, so
 * programs of equal structure have equal texts. What memory it is, and what lies where, is the
 * runtime's business (`plugins/flagos/wasm`).
 */
import type { Buffer, Local, Program } from '../loops.ts';
import type { Target } from '../schedule/ir.ts';
import { scheduleProgram, type Entry } from '../schedule/schedule.ts';
import { layOutWorkspace } from '../schedule/workspace.ts';
import type { Workspace } from '../workspace.ts';
import { functionTexts } from './wasm-functions.ts';
import { writeStage, type WasmStage } from './wasm-stage.ts';
import { LOW_TILES, TILE, tileFunction } from './wasm-tile.ts';
import { elementBytes, get, i32, op } from './wasm-types.ts';

const target: Target = {
  tile: TILE,
  lowTiles: LOW_TILES,
  lanes: 4,
  jam: 1,
  tileTypes: new Set(['float32', 'int32', 'uint32']),
  sumType: (t) => t,
};

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
}

class ModuleWriter {
  readonly #stages = new Map<string, string>();
  readonly #used = new Set<string>();
  readonly #tiles = new Set<string>();
  readonly tables: StageTable[] = [];
  bytes = 0;
  #depth = 0;

  #stage(s: WasmStage): string {
    s.used.forEach((f) => this.#used.add(f));
    s.tiles.forEach(({ dtype, shape }) => this.#tiles.add(tileFunction(dtype, shape)));
    let name = this.#stages.get(s.text);
    if (!name) this.#stages.set(s.text, (name = `$stage${this.#stages.size}`));
    return name;
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
        const extent = this.#table([], [e.extent], 0);
        return [
          `(local.set ${counter} (i32.const 0))`,
          `(loop ${label}`,
          ...this.entries(e.body, [...around, e.counter]),
          `(local.set ${counter} (i32.add ${get(counter)} (i32.const 1)))`,
          `(br_if ${label} (i32.lt_s ${get(counter)} (i32.load offset=${extent} (local.get $t)))))`,
        ];
      }
      const stage = writeStage(e.body, around);
      const name = this.#stage(stage);
      const fixed = stage.buffers.length + stage.params.length;
      const offset = this.#table(stage.buffers, stage.params, stage.counters.length);
      const place = op('i32.add', get('$t'), i32(offset));
      const counters = stage.counters.map(
        (c, i) => `(i32.store offset=${(fixed + i) * 4} ${place} ${get(`$c${around.findIndex((l) => l.name === c)}`)})`,
      );
      return [...counters, `(call ${name} ${place})`];
    });
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
      '(import "env" "memory" (memory 1))',
      ...helpers.filter((t) => !t.startsWith('(import')),
      ...this.#tiles,
      ...[...this.#stages].map(([text, name]) => `(func ${name} ${text})`),
      entry('once', once),
      entry('run', run),
      ')',
      '',
    ].join('\n');
  }
}

/**
 * Writes a program.
 * @param constants input buffers whose contents are the same at every run.
 */
export const renderWasm = (program: Program, constants: ReadonlySet<Buffer> = new Set()): WasmProgram => {
  const scheduled = scheduleProgram(program, target, constants);
  const writer = new ModuleWriter();
  const once = writer.entries(scheduled.once, []);
  const early = writer.tables.length;
  const run = writer.entries(scheduled.entries, []);
  const usedBy = (tables: readonly StageTable[]): Set<Buffer> => new Set(tables.flatMap((t) => t.buffers));
  const [inOnce, inRun] = [usedBy(writer.tables.slice(0, early)), usedBy(writer.tables.slice(early))];
  return {
    text: writer.text(once, run),
    tables: writer.tables,
    tableBytes: writer.bytes,
    kept: layOutWorkspace(scheduled, elementBytes, (b) => inOnce.has(b) && inRun.has(b)),
    scratch: layOutWorkspace(scheduled, elementBytes, (b) => !(inOnce.has(b) && inRun.has(b))),
    onceInputs: new Set(program.inputs.filter((b) => constants.has(b) && !inRun.has(b))),
    hasOnce: once.length > 0,
  };
};
