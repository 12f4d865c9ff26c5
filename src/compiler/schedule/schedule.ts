/**
 * Scheduling: a lowered program → stages in scheduled loop IR, each a function of its own when it is
 * rendered. Contractions become packed tiles, guards of windows loop bounds, long sums several
 * chains; index arithmetic moves out of loops again at the end. What depends on constants alone
 * becomes a stage that runs once.
 */
import { substitute } from '../contraction/purify.ts';
import { mapExpressions } from '../flatten.ts';
import { isIndexArithmetic } from '../hoist.ts';
import type { Buffer, LExpr, Local, Program, Stmt } from '../loops.ts';
import { clipReductions, splitInterior, withoutSingles } from './clip.ts';
import { fuseRows } from '../rows.ts';
import { splitPhases } from '../contraction/phases.ts';
import { contractionOf } from './contraction.ts';
import { divideStage, type Share, type Stage } from './divide.ts';
import { interchangeColumns } from './interchange.ts';
import { moveInvariants } from './invariants.ts';
import { buffersOf, type For, type Sched, type Target, type ThreadTarget } from './ir.ts';
import { jamReductions, unrollShort } from './jam.ts';
import { markLanes } from './lanes.ts';
import { normalize, toSched } from './normalize.ts';
import { splitReductions } from './partial-sums.ts';
import { simplify } from './simplify.ts';
import { tileContraction } from './tiles.ts';
import { operationsOf } from './work.ts';

/** What runs: stages, and loops around stages that must run in order (recurrences). */
export type Entry =
  | ({ readonly kind: 'stage'; /** The same for a range of iterations, where threads can share it out. */ readonly share?: Share } & Stage)
  | { readonly kind: 'loop'; readonly counter: Local; readonly extent: number; readonly body: readonly Entry[] };

export interface ScheduledProgram {
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
  /** Every buffer of its own, those of tiles included. */
  readonly temps: readonly Buffer[];
  /** Runs once, before the first run: what is calculated from constants alone. */
  readonly once: readonly Entry[];
  readonly entries: readonly Entry[];
  readonly work: number;
}

/** What will be a stage, and loops around stages, before anything is scheduled. */
type Group =
  | { readonly kind: 'stage'; readonly body: readonly Stmt[] }
  | { readonly kind: 'loop'; readonly counter: Local; readonly extent: number; readonly body: readonly Group[] };

const hasParallel = (stmts: readonly Stmt[]): boolean =>
  stmts.some((s) =>
    s.kind === 'for' ? s.parallel || hasParallel(s.body) : s.kind === 'if' && (hasParallel(s.then) || hasParallel(s.otherwise)),
  );

/** Statements of one level with what is named between stages put where it is used: stages are functions of their own, and see no other's names. */
const standalone = (stmts: readonly Stmt[]): readonly Stmt[] => {
  if (!hasParallel(stmts)) return stmts;
  const meanings = new Map<string, LExpr>();
  return stmts.flatMap((s) => {
    const [seen] = meanings.size === 0 ? [s] : mapExpressions([s], (e) => substitute(e, meanings));
    if (seen?.kind !== 'let' || !isIndexArithmetic(seen.value)) return [seen!];
    meanings.set(seen.local.name, seen.value);
    return [];
  });
};

/** Statements of one level: a parallel loop is a stage, a loop that holds some is a loop around stages, the rest runs in one piece with its neighbours. */
const group = (level: readonly Stmt[]): Group[] => {
  const stmts = standalone(level);
  const out: Group[] = [];
  let piece: Stmt[] = [];
  const flush = (): void => {
    if (piece.length) out.push({ kind: 'stage', body: piece });
    piece = [];
  };
  for (const s of stmts) {
    if (s.kind === 'for' && s.parallel) {
      flush();
      out.push({ kind: 'stage', body: [s] });
    } else if (s.kind === 'for' && hasParallel(s.body)) {
      flush();
      out.push({ kind: 'loop', counter: s.v, extent: s.extent, body: group(s.body) });
    } else piece.push(s);
  }
  flush();
  return out;
};

/** Stages that go over the same rows become one, where there are vectors to go along rows with. */
const fused = (groups: readonly Group[], isApart: (s: Stmt) => boolean, program: readonly Stmt[], temps: Buffer[]): Group[] => {
  const out: Group[] = [];
  let run: Stmt[] = [];
  const flush = (): void => {
    for (const s of fuseRows(run, isApart, program)) {
      if ('rows' in s) temps.push(...s.rows.map((r) => r.row));
      out.push({ kind: 'stage', body: ['rows' in s ? s.loop : s] });
    }
    run = [];
  };
  for (const g of groups) {
    if (g.kind === 'stage' && g.body.length === 1) run.push(g.body[0]!);
    else {
      flush();
      out.push(g.kind === 'loop' ? { ...g, body: fused(g.body, isApart, program, temps) } : g);
    }
  }
  flush();
  return out;
};

class Scheduling {
  /** Packing of what is constant, since it was last taken. */
  #packing: Entry[] = [];
  readonly temps: Buffer[];
  readonly #target: Target;
  readonly #constants: ReadonlySet<Buffer>;

  constructor(temps: readonly Buffer[], target: Target, constants: ReadonlySet<Buffer>) {
    this.temps = [...temps];
    this.#target = target;
    this.#constants = constants;
  }

  takePacking(): Entry[] {
    const packing = this.#packing;
    this.#packing = [];
    return packing;
  }

  entries(g: Group): Entry[] {
    if (g.kind === 'loop') return [{ ...g, body: g.body.flatMap((x) => this.entries(x)) }];
    return this.#stages(g.body);
  }

  #stages(body: readonly Stmt[]): Entry[] {
    const isConstant = (b: Buffer): boolean => this.#constants.has(b);
    const contraction = body.length === 1 ? contractionOf(body[0]!, this.#target, isConstant) : undefined;
    if (!contraction) {
      const rows = interchangeColumns(toSched(body), this.#target, this.temps);
      const clipped = unrollShort(clipReductions(withoutSingles(rows.flatMap((s) => splitInnermost(s, this.#target.lanes))), new Map()));
      const whole = this.#target.lanes > 1 ? clipped : splitReductions(jamReductions(clipped, this.#target.jam));
      return [this.#stage(whole, operationsOf(body))];
    }
    const tiled = tileContraction(contraction, this.#target, isConstant);
    this.temps.push(...tiled.temps);
    this.#packing.push(...tiled.once.map((s) => this.#stage([s], 0)));
    const stages = tiled.stages.map(({ body: own, work }) => this.#stage(this.#target.lanes > 1 ? own : unrollShort(own), work));
    return tiled.around.reduceRight<Entry[]>((inner, { v, extent }) => [{ kind: 'loop', counter: v, extent, body: inner }], stages);
  }

  #stage(body: readonly Sched[], work: number): Entry {
    const { lanes } = this.#target;
    const simple = simplify(body);
    return { kind: 'stage', body: moveInvariants(lanes > 1 ? simplify(splitReductions(markLanes(simple, lanes))) : simple), work };
  }
}

/**
 * Splits the innermost parallel loop where guards hold throughout its inside; with vectors the loop around
 * it, too: windows inside of the image then have no bounds to look at, and are written out.
 */
const splitInnermost = (s: Sched, lanes: number): Sched[] => {
  if (s.kind !== 'for' || !s.parallel) return [s];
  const inner = s.body.find((x): x is For => x.kind === 'for' && x.parallel);
  if (!inner) return splitInterior(s, new Map());
  const isLast = !inner.body.some((x) => x.kind === 'for' && x.parallel);
  const parts = lanes > 1 && isLast ? splitInterior(s, new Map()) : [s];
  return parts.map((p) => (p.kind === 'for' ? { ...p, body: p.body.flatMap((x) => splitInnermost(x, lanes)) } : p));
};

/** Stages whose inputs are constant (or made of constants) and that alone write their outputs. */
const separateOnce = (
  entries: readonly Group[],
  constants: ReadonlySet<Buffer>,
): { once: Group[]; rest: Group[]; known: ReadonlySet<Buffer> } => {
  const touched = (e: Group): { reads: Set<Buffer>; writes: Set<Buffer> } => {
    if (e.kind === 'stage') return buffersOf(toSched(e.body));
    const all = e.body.map(touched);
    return { reads: new Set(all.flatMap((x) => [...x.reads])), writes: new Set(all.flatMap((x) => [...x.writes])) };
  };
  const writers = new Map<Buffer, number>();
  const use = entries.map(touched);
  for (const { writes } of use) for (const b of writes) writers.set(b, (writers.get(b) ?? 0) + 1);
  const known = new Set(constants);
  const once: Group[] = [];
  const rest: Group[] = [];
  entries.forEach((e, i) => {
    const { reads, writes } = use[i]!;
    const fixed =
      [...reads].every((b) => known.has(b) || writes.has(b)) && [...writes].every((b) => b.role === 'temp' && writers.get(b) === 1);
    if (fixed) for (const b of writes) known.add(b);
    (fixed ? once : rest).push(e);
  });
  return { once, rest, known };
};

const stagesOf = (entries: readonly Entry[]): Extract<Entry, { kind: 'stage' }>[] =>
  entries.flatMap((e) => (e.kind === 'loop' ? stagesOf(e.body) : [e]));

/** Stages that are worth it, shared out among threads. */
const divideEntries = (entries: readonly Entry[], threads: ThreadTarget): readonly Entry[] => {
  const users = new Map<Buffer, number>();
  for (const s of stagesOf(entries)) {
    const { reads, writes } = buffersOf(s.body);
    for (const b of new Set([...reads, ...writes])) users.set(b, (users.get(b) ?? 0) + 1);
  }
  const divided = (e: Entry): Entry => {
    if (e.kind === 'loop') return { ...e, body: e.body.map(divided) };
    const share = divideStage(e, threads, (b) => users.get(b) !== 1);
    return share ? { ...e, share } : e;
  };
  return entries.map(divided);
};

/**
 * @param constants input buffers whose contents are the same at every run.
 */
export const scheduleProgram = (program: Program, target: Target, constants: ReadonlySet<Buffer>): ScheduledProgram => {
  const stmts = splitPhases(normalize(program.body));
  const { once, rest, known } = separateOnce(group(stmts), constants);
  const rows: Buffer[] = [];
  const isApart = (s: Stmt): boolean => contractionOf(s, target, (b) => known.has(b)) !== undefined;
  const stages = target.lanes > 1 ? fused(rest, isApart, stmts, rows) : rest;
  const scheduling = new Scheduling([...program.temps, ...rows], target, known);
  // What is packed for a stage may be the result of one before it.
  const early = once.flatMap((e) => {
    const own = scheduling.entries(e);
    return [...scheduling.takePacking(), ...own];
  });
  const entries = stages.flatMap((e) => scheduling.entries(e));
  return {
    inputs: program.inputs,
    outputs: program.outputs,
    temps: scheduling.temps,
    once: [...early, ...scheduling.takePacking()],
    entries: target.threads ? divideEntries(entries, target.threads) : entries,
    work: program.work,
  };
};
