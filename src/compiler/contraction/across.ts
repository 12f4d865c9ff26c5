/**
 * Reductions that do not run along memory: depthwise convolutions and pooling of channels-last
 * images, sums over leading axes. The output axis that does run along memory becomes the innermost
 * loop, over a short array of running results, so the compiler can make vectors of it.
 */
import type { Affine } from '../affine.ts';
import { affineOf } from '../affine.ts';
import { mapChildren, type Buffer, type LExpr, type Stmt } from '../loops.ts';
import { advance, affineText, splitIndex } from './axes.ts';
import { coefficient, localsOf } from './factor.ts';
import type { ReductionNest } from './match.ts';
import type { Call } from './stages.ts';
import { clipHelper, loops } from './text.ts';
import type { Surroundings } from './plan.ts';
import { sizeOfAxes, type Axis, type StageWriter } from './types.ts';
import { canWriteWindows, insideOf, windowHelpers, windowsOf, writeWindows } from './windows.ts';

/** What along-memory axis a nest has, and parameters to lay out anew so that they run along it too. */
interface Across {
  readonly nest: ReductionNest;
  readonly axis: Axis;
  readonly outer: readonly Axis[];
}

/** Shorter rows are no gain. */
const SHORT = 8;
/** Results of many steps may stand so far from one another (transposed convolutions have strides); with few, storing them counts. */
const MOST_APART = 4;
const MANY_STEPS = 16;
/** Most elements of a parameter that is copied to run along the axis. */
const MOST_COPIED = 1 << 20;

type Read = Extract<LExpr, { kind: 'read' }>;

/** Every place an expression reads memory at. */
export const readsOf = (e: LExpr, out: Read[] = []): Read[] => {
  if (e.kind === 'read') out.push(e);
  mapChildren(e, (c) => {
    readsOf(c, out);
    return c;
  });
  return out;
};

const replaceRead = (e: LExpr, read: Read, by: LExpr): LExpr => (e === read ? by : mapChildren(e, (c) => replaceRead(c, read, by)));

/** How far a position moves per step along the axis; undefined if unevenly. */
const stepOf = (e: Read, axis: Axis): number | undefined => {
  const at = affineOf(e.at);
  return at ? coefficient(at, axis) : localsOf(e.at).has(axis.v.name) ? undefined : 0;
};

const storeAxis = (n: ReductionNest): Axis | undefined => {
  const store = n.finish.at(-1);
  const at = store?.kind === 'store' ? affineOf(store.at) : undefined;
  const apart = (a: Axis): number => (at && Math.abs(coefficient(at, a))) || Infinity;
  const nearest = n.axes.reduce<Axis | undefined>((best, a) => (!best || apart(a) < apart(best) ? a : best), undefined);
  return nearest && apart(nearest) <= (sizeOfAxes(n.reduce) < MANY_STEPS ? 1 : MOST_APART) ? nearest : undefined;
};

/** The nest with a read replaced by one from a copy in which `axis` is innermost, and the loops that make the copy. */
const laidOut = (
  n: ReductionNest,
  read: Read,
  at: Affine,
  axis: Axis,
  temp: (elements: number) => Buffer,
): { nest: ReductionNest; copy: Stmt } => {
  const own = [...n.axes, ...n.reduce].filter((a) => a !== axis && coefficient(at, a) !== 0);
  const order = [...own, axis];
  const buffer = temp(sizeOfAxes(order));
  const position = order.reduce<LExpr>(
    (e, a) => ({
      kind: 'binary',
      type: 'index',
      op: 'add',
      a: { kind: 'binary', type: 'index', op: 'mul', a: e, b: { kind: 'const', type: 'index', value: a.extent } },
      b: a.v,
    }),
    { kind: 'const', type: 'index', value: 0 },
  );
  const copy = order.reduceRight<Stmt>((body, a) => ({ kind: 'for', v: a.v, extent: a.extent, parallel: true, body: [body] }), {
    kind: 'store',
    buffer,
    at: position,
    value: read,
  });
  return { nest: { ...n, step: replaceRead(n.step, read, { kind: 'read', type: read.type, buffer, at: position }) }, copy };
};

/**
 * Reads a reduction as one across memory. Parameters that run the wrong way are copied first.
 * @param temp makes workspace of a type; `kept` where it is filled once.
 * @param copies receives the loops that fill it.
 * @param turned whether the nest can as well be computed along memory: then only constants are copied.
 */
export const acrossOf = (
  n: ReductionNest,
  temp: (like: Buffer, elements: number, kept: boolean) => Buffer,
  copies: (copy: Stmt, once: boolean) => void,
  turned: boolean,
): Across | undefined => {
  const axis = storeAxis(n);
  if (!axis || axis.extent < SHORT) return undefined;
  let nest = n;
  const wrong: { read: Read; at: Affine }[] = [];
  for (const read of readsOf(n.step)) {
    const step = stepOf(read, axis);
    // Every other element is read as well as every one: shuffles are cheap.
    if (step === 0 || step === 1 || step === 2) continue;
    const at = affineOf(read.at);
    const size = at && sizeOfAxes([...n.axes, ...n.reduce].filter((a) => coefficient(at, a) !== 0));
    const alone = at && [...at.terms.keys()].every((name) => [...n.axes, ...n.reduce].some((a) => a.v.name === name));
    if (
      !at ||
      !alone ||
      !size ||
      size > Math.min(MOST_COPIED, 2 * read.buffer.size) ||
      !isUnguarded(n.step, read) ||
      (turned && !read.buffer.constant)
    )
      return undefined;
    wrong.push({ read, at });
  }
  // If nothing runs along the axis already, the reduction is better turned than its data.
  if (!readsOf(n.step).some((r) => stepOf(r, axis) === 1 || (stepOf(r, axis) === 2 && wrong.length === 0))) return undefined;
  for (const { read, at } of wrong) {
    const once = read.buffer.constant === true;
    const made = laidOut(nest, read, at, axis, (elements) => temp(read.buffer, elements, once));
    nest = made.nest;
    copies(made.copy, once);
  }
  return { nest, axis, outer: n.axes.filter((a) => a !== axis) };
};

/** Whether a read stands outside of every condition, so that it may be done for all indices. */
const isUnguarded = (e: LExpr, read: Read): boolean => {
  if (e === read) return true;
  if (e.kind === 'select') return isUnguarded(e.cond, read);
  let found = false;
  mapChildren(e, (c) => {
    found ||= isUnguarded(c, read);
    return c;
  });
  return found;
};

/** Conditions that are the same all along the axis. */
const evenConditions = (e: LExpr, axis: Axis, out: LExpr[] = []): LExpr[] => {
  if (e.kind === 'select' && !localsOf(e.cond).has(axis.v.name)) out.push(e.cond);
  mapChildren(e, (c) => {
    evenConditions(c, axis, out);
    return c;
  });
  return out;
};

/** The expression with a condition decided. */
const decide = (e: LExpr, cond: LExpr, value: boolean): LExpr =>
  e.kind === 'select' && e.cond === cond ? decide(value ? e.a : e.b, cond, value) : mapChildren(e, (c) => decide(c, cond, value));

/** Results kept at once: as many vectors as divide the axis, up to four. */
const chunkOf = (extent: number, lanes: number): number =>
  [4, 3, 2].map((v) => v * lanes).find((c) => extent % c === 0) ?? (extent > 2 * lanes ? 2 * lanes : lanes);

/** Operations a thread should get at least. */
const GRAIN = 20_000;

/** One run of results along the axis, held in the array `acc` while the reduction passes. */
const writeRun = (w: StageWriter, nest: ReductionNest, axis: Axis, type: string, chunk: number, pad: string): void => {
  const step = (e: LExpr): string => `const ${type} ${w.name(nest.acc)} = acc[x]; acc[x] = ${w.expr(e)};`;
  const update = (p: string, limit: string): void => {
    const [cond] = evenConditions(nest.step, axis);
    const line = (q: string, e: LExpr): void =>
      w.push(`${q}for (i64 x = 0; x < ${limit}; x++) { const i64 ${w.name(axis.v)} = from + x; ${step(e)} }`);
    if (!cond) return line(p, nest.step);
    w.push(`${p}if (${w.expr(cond)}) {`);
    line(`${p}  `, decide(nest.step, cond, true));
    w.push(`${p}} else {`);
    line(`${p}  `, decide(nest.step, cond, false));
    w.push(`${p}}`);
  };
  const reduced = nest.reduce.map((a) => w.name(a.v));
  w.push(`${pad}for (i64 x = 0; x < ${chunk}; x++) acc[x] = ${w.expr(nest.start)};`);
  const inside = insideOf(nest);
  if (inside?.guards.some((g) => coefficient(g, axis) !== 0)) {
    // Where a window hangs over the edge the run is cut short: conditions inside of it would keep it from vectors.
    const line = (from: string, to: string): string =>
      `for (i64 x = ${from}; x < ${to}; x++) { const i64 ${w.name(axis.v)} = from + x; ${step(inside.step)} }`;
    loops(w, nest.reduce, reduced, pad, (p) => {
      w.push(`${p}i64 x0 = 0, x1 = wide;`);
      for (const g of inside.guards) {
        const k = coefficient(g, axis);
        const fixed = affineText(w, g, (local) => (local.name === axis.v.name ? undefined : w.name(local)));
        w.push(`${p}clip(${fixed}${k ? ` + ${w.param(k)} * from` : ''}, ${w.param(k)}, &x0, &x1);`);
      }
      w.push(`${p}if (x0 == 0 && x1 == ${chunk}) ${line('0', String(chunk))}`);
      w.push(`${p}else ${line('x0', 'x1')}`);
    });
    return;
  }
  w.push(`${pad}if (wide == ${chunk}) {`);
  loops(w, nest.reduce, reduced, `${pad}  `, (p) => update(p, String(chunk)));
  w.push(`${pad}} else {`);
  loops(w, nest.reduce, reduced, `${pad}  `, (p) => update(p, 'wide'));
  w.push(`${pad}}`);
};

/** Results of one run, each through the finishing statements. */
const writeResults = (w: StageWriter, nest: ReductionNest, axis: Axis, type: string, from: string, pad: string): void => {
  w.push(`${pad}for (i64 x = 0; x < wide; x++) {`);
  w.push(`${pad}  const i64 ${w.name(axis.v)} = from + x; const ${type} ${w.name(nest.acc)} = acc[${from}x];`);
  w.block(nest.finish, `${pad}  `);
  w.push(`${pad}}`);
};

/** The stage of a reduction across memory; `storage`: C type of a buffer's elements. */
export const acrossStage = ({ nest, axis, outer }: Across, type: string, bytes: number, { target, storage }: Surroundings): Call => {
  const lanes = target.vectorBytes / Math.min(8, bytes);
  const steps = sizeOfAxes(nest.reduce);
  const windows = windowsOf(nest, outer, axis, type, target);
  const work = 2 * sizeOfAxes(nest.axes) * steps;
  const plain = (): Call => {
    const chunk = chunkOf(axis.extent, lanes);
    const chunks = Math.ceil(axis.extent / chunk);
    const write = (w: StageWriter): void => {
      const names = outer.map((a) => w.name(a.v));
      w.push(`  ${type} acc[${chunk}] __attribute__((aligned(64)));`);
      splitIndex(w, `lo / ${w.param(chunks)}`, outer, names, '  ');
      w.push(`  i64 part = lo % ${w.param(chunks)};`);
      w.push('  for (i64 item = lo; item < hi; item++) {');
      w.push(`    const i64 from = part * ${chunk}, wide = min_i64(${chunk}, ${w.param(axis.extent)} - from);`);
      writeRun(w, nest, axis, type, chunk, '    ');
      writeResults(w, nest, axis, type, '', '    ');
      w.push(`    if (++part == ${w.param(chunks)}) { part = 0; ${advance(w, outer, names, '1')} }`);
      w.push('  }');
    };
    return { kind: 'call', helpers: [clipHelper], write, count: sizeOfAxes(outer) * chunks, grain: grainOf(chunk, steps), work };
  };
  if (!windows || !canWriteWindows(windows, { nest, axis, storage })) return plain();
  const chunk = windows.vectors * windows.tile.lanes;
  const chunks = Math.ceil(axis.extent / chunk);
  const blocks = outer.map((a) => (a === windows.position ? { v: a.v, extent: Math.ceil(a.extent / windows.positions) } : a));
  const write = (w: StageWriter): void => {
    const names = blocks.map((a, i) => (i === blocks.length - 1 ? 'block' : w.name(a.v)));
    const v = w.name(windows.position.v);
    w.push(`  ${type} acc[${chunk * windows.positions}] __attribute__((aligned(64)));`);
    splitIndex(w, `lo / ${w.param(chunks)}`, blocks, names, '  ');
    w.push(`  i64 part = lo % ${w.param(chunks)};`);
    w.push('  for (i64 item = lo; item < hi; item++) {');
    w.push(`    const i64 from = part * ${chunk}, wide = min_i64(${chunk}, ${w.param(axis.extent)} - from);`);
    w.push(
      `    const i64 begin = block * ${windows.positions}, len = min_i64(${windows.positions}, ${w.param(windows.position.extent)} - begin);`,
    );
    w.push(`    if (wide == ${chunk}) {`);
    w.push(`      const i64 ${v} = begin, ${w.name(axis.v)} = from;`);
    writeWindows(w, windows, { nest, axis, storage }, '      ');
    w.push(`      for (i64 k = 0; k < len; k++) {`);
    w.push(`        const i64 ${v} = begin + k;`);
    w.push(`        for (i64 x = 0; x < ${chunk}; x++) {`);
    w.push(`          const i64 ${w.name(axis.v)} = from + x; const ${type} ${w.name(nest.acc)} = acc[k * ${chunk} + x];`);
    w.block(nest.finish, '          ');
    w.push('        }');
    w.push('      }');
    w.push('    } else {');
    w.push('      for (i64 k = 0; k < len; k++) {');
    w.push(`        const i64 ${v} = begin + k;`);
    writeRun(w, nest, axis, type, chunk, '        ');
    writeResults(w, nest, axis, type, '', '        ');
    w.push('      }');
    w.push('    }');
    w.push(`    if (++part == ${w.param(chunks)}) { part = 0; ${advance(w, blocks, names, '1')} }`);
    w.push('  }');
  };
  return {
    kind: 'call',
    helpers: [clipHelper, ...windowHelpers(windows)],
    write,
    count: sizeOfAxes(blocks) * chunks,
    grain: grainOf(chunk * windows.positions, steps),
    work,
  };
};

const grainOf = (elements: number, steps: number): number => Math.max(1, Math.round(GRAIN / (elements * (steps + 4))));
