/**
 * Loop IR → C. One translation unit per program, one entry: `void run(void** b, const i64* p, parallel_t par)`.
 * Integers that come from shapes are run-time parameters `p[…]`, so one compiled library serves every
 * shape of the same structure. Each outermost parallel loop becomes a function of a range, which the
 * thread pool (`par`) divides; what surrounds it stays in `run`.
 *
 * Arithmetic of float32 and narrower is float, of float64 double. Narrow floats are codes in memory,
 * values in between.
 */
import { workOf, type Buffer, type Helper, type Local, type Program, type Stmt } from '../loops.ts';
import { isIndexArithmetic } from '../hoist.ts';
import { Lifetimes, type Workspace } from '../workspace.ts';
import { storageBytes } from './c-types.ts';
import { unitsOf, wholeText, type CUnit, type ProgramText, type StageText } from './c-units.ts';
import { CWriter, Frame } from './c-writer.ts';

export interface CProgram {
  /** The program as one translation unit. Depends on structure only, not on extents. */
  readonly source: string;
  /** The same as at most so many units (and shared ones) that are linked into one library. */
  units(most: number): readonly CUnit[];
  /** Values of `p[…]`. */
  readonly params: readonly number[];
  /** Where each workspace buffer lies in one block of `workspaceBytes`, in the order they follow inputs and outputs in `b`. */
  readonly tempOffsets: readonly number[];
  readonly workspaceBytes: number;
}

/** Operations a thread should get at least: less is not worth waking it for. */
const GRAIN = 20_000;

type Around = { readonly kind: 'counter'; readonly v: Local } | { readonly kind: 'let'; readonly stmt: Extract<Stmt, { kind: 'let' }> };

/** A whole program: stage functions (equal ones once) and the entry that calls them in order. */
class ProgramWriter {
  readonly #all: readonly Buffer[];
  readonly #serial: boolean;
  readonly #stages = new Map<string, StageText>();
  readonly params: number[] = [];
  /** Lines of the entry being written. */
  #run: string[] = [];
  readonly #entries: string[] = [];
  readonly #lives = new Lifetimes((b) => b.size * storageBytes(b));
  /** Stages are steps of buffers' lives; those of one loop are one step, since they come again. */
  #step = 0;
  #loops = 0;

  constructor(program: Program, serial: boolean) {
    this.#serial = serial;
    this.#all = [...program.inputs, ...program.outputs, ...program.temps];
    this.#entry('prepare', program.prepare);
    this.#entry('run', program.body);
    for (const b of program.temps) if (b.kept) this.#lives.touch(b, 0, this.#step);
  }

  get workspace(): Workspace {
    return this.#lives.layOut();
  }

  #entry(name: string, stmts: readonly Stmt[]): void {
    this.#run = [];
    this.#block(stmts, '  ', []);
    this.#entries.push(`void ${name}(void** b, const i64* p, parallel_t par) {`, '  i64 v[8] = {0};', ...this.#run, '}');
  }

  /**
   * Statements between stages: loops that must run in order (recurrences), and what is known around
   * them. What is neither a parallel loop nor contains one runs in one piece with its neighbours.
   */
  #block(stmts: readonly Stmt[], pad: string, around: readonly Around[]): void {
    const known = [...around];
    let piece: Stmt[] = [];
    const flush = (): void => {
      if (piece.length) this.#stage(piece, undefined, 1, pad, known);
      piece = [];
    };
    for (const s of stmts) {
      if (s.kind === 'let' && isIndexArithmetic(s.value)) known.push({ kind: 'let', stmt: s });
      else if (s.kind === 'for' && s.parallel) {
        flush();
        this.#stage(s.body, s.v, s.extent, pad, known, s.grain);
      } else if (s.kind === 'call') {
        flush();
        this.#function(known, s.helpers, s.write, s.count, s.grain, pad);
      } else if (s.kind === 'for' && containsParallel(s.body)) {
        flush();
        const depth = known.filter((k) => k.kind === 'counter').length;
        this.params.push(s.extent);
        this.#run.push(`${pad}for (v[${depth}] = 0; v[${depth}] < p[${this.params.length - 1}]; v[${depth}]++) {`);
        this.#loops++;
        this.#block(s.body, `${pad}  `, [...known, { kind: 'counter', v: s.v }]);
        if (--this.#loops === 0) this.#step++;
        this.#run.push(`${pad}}`);
      } else piece.push(s);
    }
    flush();
  }

  /** A function of a range of a parallel loop's iterations (or of nothing, for what runs in one piece). */
  #stage(body: readonly Stmt[], v: Local | undefined, extent: number, pad: string, around: readonly Around[], elements?: number): void {
    const grain = Math.max(1, Math.round(elements ? elements / elementsOf(body) : GRAIN / Math.max(1, workOf(body))));
    this.#function(
      around,
      [],
      (writer) => {
        if (v) {
          const name = writer.name(v);
          writer.push(`  for (i64 ${name} = lo; ${name} < hi; ${name}++) {`);
          writer.block(body, '    ');
          writer.push('  }');
        } else writer.block(body, '  ');
      },
      extent,
      grain,
      pad,
    );
  }

  /** A stage function, equal ones once, and its call. */
  #function(
    around: readonly Around[],
    helpers: readonly Helper[],
    write: (w: CWriter) => void,
    count: number,
    grain: number,
    pad: string,
  ): void {
    const frame = new Frame();
    const writer = new CWriter(frame);
    let counters = 0;
    for (const a of around) {
      if (a.kind === 'counter') writer.push(`  const i64 ${writer.name(a.v)} = v[${counters++}];`);
      else writer.block([a.stmt], '  ');
    }
    write(writer);
    const buffers = frame.declarations();
    const text = [...buffers, ...writer.lines].join('\n');
    let stage = this.#stages.get(text);
    if (!stage) this.#stages.set(text, (stage = { name: `stage${this.#stages.size}`, buffers, text: writer.lines.join('\n'), helpers }));
    const offset = this.params.length;
    // What is no more than a grain is not divided.
    this.params.push(...frame.params, count, this.#serial ? Math.max(count, grain) : grain);
    const at = offset + frame.params.length;
    for (const b of frame.buffers) this.#lives.touch(b, this.#step, this.#step);
    if (this.#loops === 0) this.#step++;
    const places = frame.buffers.map((b) => `b[${this.#all.indexOf(b)}]`).join(', ') || '0';
    this.#run.push(
      `${pad}{ void* b_[] = {${places}}; const ctx_t c_ = {b_, p + ${offset}, v}; par(${stage.name}, &c_, p[${at}], p[${at + 1}]); }`,
    );
  }

  get text(): ProgramText {
    return { stages: [...this.#stages.values()], entries: this.#entries };
  }
}

/** Elements one iteration of a loop with this body makes. */
const elementsOf = (body: readonly Stmt[]): number =>
  body.reduce((n, s) => Math.max(n, s.kind === 'for' && s.parallel ? s.extent * elementsOf(s.body) : 1), 1);

const containsParallel = (stmts: readonly Stmt[]): boolean =>
  stmts.some(
    (s) =>
      s.kind === 'call' ||
      (s.kind === 'for'
        ? s.parallel || containsParallel(s.body)
        : s.kind === 'if' && (containsParallel(s.then) || containsParallel(s.otherwise))),
  );

/** One entry runs everything: `void run(void** b, const i64* p, parallel_t par)`; `b` holds inputs, outputs, workspace. @param serial all of it on the caller's thread. */
export const renderC = (program: Program, serial = false): CProgram => {
  const writer = new ProgramWriter(program, serial);
  const { offsets, bytes } = writer.workspace;
  return {
    source: wholeText(writer.text),
    units: (most) => unitsOf(writer.text, most),
    params: writer.params,
    // What no stage touches needs no place.
    tempOffsets: program.temps.map((t) => offsets.get(t) ?? 0),
    workspaceBytes: bytes,
  };
};
