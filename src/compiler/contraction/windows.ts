/**
 * Windows that slide over channels-last images, channel by channel: pooling and depthwise convolution.
 * Results of several neighbouring positions are held in vector registers while the window passes, so
 * that what they share (the weights) is loaded once. Where a window hangs over the edge it is cut
 * short: what lies outside leaves the result as it is.
 */
import type { Affine } from '../affine.ts';
import { ix, type Buffer, type LExpr } from '../loops.ts';
import { affineText } from './axes.ts';
import { coefficient, guardsOf, isZero } from './factor.ts';
import type { ReductionNest } from './match.ts';
import { substitute, type Meanings } from './purify.ts';
import { tileOf, vectorTypes } from './tile.ts';
import { extremeHelper, vectorText, type Read } from './vector-expr.ts';
import type { Axis, StageWriter, Target, Tile } from './types.ts';

/** Results held in registers at once. */
const HELD = 8;
const FEW_REGISTERS = 4;

export interface Windows {
  readonly tile: Tile;
  /** The next value where the window is inside. */
  readonly step: LExpr;
  /** What must be ≥ 0 there. */
  readonly guards: readonly Affine[];
  /** The outer axis along which neighbouring positions are taken together. */
  readonly position: Axis;
  /** Positions, and vectors of each. */
  readonly positions: number;
  readonly vectors: number;
}

const conditionOf = (e: LExpr): LExpr | undefined => {
  if (e.kind === 'select') return e.cond;
  return e.kind === 'binary' ? (conditionOf(e.a) ?? conditionOf(e.b)) : e.kind === 'cast' ? conditionOf(e.x) : undefined;
};
const choose = (e: LExpr, cond: LExpr, value: boolean): LExpr => {
  if (e.kind === 'select') return e.cond === cond ? (value ? e.a : e.b) : e;
  if (e.kind === 'binary') return { ...e, a: choose(e.a, cond, value), b: choose(e.b, cond, value) };
  return e.kind === 'cast' ? { ...e, x: choose(e.x, cond, value) } : e;
};

/** Whether combining with this leaves a result as it is (weights are taken to be finite). */
export const leavesAlone = (op: string, e: LExpr): boolean => {
  if (e.kind === 'cast') return leavesAlone(op, e.x);
  if (op === 'add') return isZero(e) || (e.kind === 'binary' && e.op === 'mul' && (leavesAlone(op, e.a) || leavesAlone(op, e.b)));
  return e.kind === 'const' && e.value === (op === 'max' ? -Infinity : Infinity);
};

/** The next value where a window is inside, and what must be ≥ 0 there; undefined if outside of it something else happens than nothing. */
export const insideOf = ({ step, acc }: ReductionNest): { readonly step: LExpr; readonly guards: readonly Affine[] } | undefined => {
  if (step.kind !== 'binary' || (step.op !== 'add' && step.op !== 'max' && step.op !== 'min')) return undefined;
  if (step.a.kind !== 'local' || step.a.name !== acc.name) return undefined;
  const cond = conditionOf(step.b);
  const guards = cond ? guardsOf(cond) : [];
  if (!guards || (cond && !leavesAlone(step.op, choose(step.b, cond, false)))) return undefined;
  const inside = cond ? choose(step.b, cond, true) : step.b;
  return conditionOf(inside) ? undefined : { step: { ...step, b: inside }, guards };
};

/** Reads a reduction across memory as windows. `outer` are its axes but the one along memory. */
export const windowsOf = (n: ReductionNest, outer: readonly Axis[], axis: Axis, type: string, target: Target): Windows | undefined => {
  const tile = tileOf(type, target);
  const position = outer.at(-1);
  const inside = insideOf(n);
  if (!tile || !position || !inside) return undefined;
  // Lanes are positions along memory; a window is inside for all of them or for none.
  if (inside.guards.some((g) => coefficient(g, axis) !== 0)) return undefined;
  // A guard that moves with more than one axis of the window would cut it to no rectangle.
  if (inside.guards.some((g) => n.reduce.filter((r) => coefficient(g, r) !== 0).length !== 1)) return undefined;
  const held = target.registers === 32 ? HELD : FEW_REGISTERS;
  const vectors = [2, 3, 1].find((v) => axis.extent % (v * tile.lanes) === 0) ?? 1;
  const positions = Math.max(1, Math.min(Math.floor(held / vectors) + (vectors === 3 ? 2 : 0), position.extent));
  return { tile, ...inside, position, positions, vectors };
};

export const windowHelpers = ({ tile }: Windows): readonly string[] => [vectorTypes(tile), extremeHelper(tile)];

/** Where the text finds things: names of the window's counters, and where results go: `results[position][channel]`. */
export interface WindowPlace {
  readonly nest: ReductionNest;
  readonly axis: Axis;
  readonly storage: (b: Buffer) => string;
}

/**
 * The running results after one step, at `count` positions. Addresses are taken once per read: the
 * compiler cannot know that extents are the same wherever they stand.
 * @returns undefined if they cannot be written as vectors.
 */
const taps = (w: StageWriter, p: Windows, { nest, axis, storage }: WindowPlace, count: number): string[] | undefined => {
  const T = p.tile.type;
  const pointers = new Map<Read, { name: string; step: string }>();
  const lines: string[] = [];
  const steps: string[] = [];
  const pointer = (read: Read, at: Affine): { name: string; step: string } => {
    let known = pointers.get(read);
    if (!known) {
      const k = coefficient(at, p.position);
      pointers.set(read, (known = { name: `q${pointers.size}`, step: k === 0 || count === 1 ? '' : `t${pointers.size}` }));
      lines.push(`const ${T}* ${known.name} = ${w.buffer(read.buffer)} + ${w.expr(read.at)};`);
      if (known.step) lines.push(`const i64 ${known.step} = ${w.param(k)};`);
    }
    return known;
  };
  for (let i = 0; i < count; i++) {
    const moved: Meanings = new Map([[p.position.v.name, ix.add(p.position.v, ix.k(i))]]);
    const even = (e: LExpr): string => w.expr(i === 0 ? e : substitute(e, moved));
    for (let v = 0; v < p.vectors; v++) {
      const name = `s${i}_${v}`;
      const address = (read: Read, at: Affine): string => {
        const { name: q, step } = pointer(read, at);
        return `${q}${step && i ? ` + ${i} * ${step}` : ''} + ${v * p.tile.lanes}`;
      };
      const text = vectorText(p.step, { tile: p.tile, axis, address, even, vectors: new Map([[nest.acc.name, name]]), storage });
      if (text === undefined) return undefined;
      steps.push(`${name} = ${text};`);
    }
  }
  return [...lines, ...steps];
};

/** A writer that writes nothing: to find out what could be written. */
const nowhere: StageWriter = { param: String, buffer: (b) => b.name, expr: () => '', name: (l) => l.name, block: () => {}, push: () => {} };

/** Whether {@link writeWindows} can write it. */
export const canWriteWindows = (p: Windows, place: WindowPlace): boolean => taps(nowhere, p, place, 1) !== undefined;

/**
 * Writes the results of `len` positions from the position axis's counter on, for one chunk of the axis
 * along memory, to `acc[position · chunk + x]`.
 */
export const writeWindows = (w: StageWriter, p: Windows, place: WindowPlace, pad: string): void => {
  const { nest } = place;
  const { reduce } = nest;
  const T = p.tile.type;
  const names = reduce.map((a) => w.name(a.v));
  const bounds = reduce.map((_, i) => [`a${i}`, `e${i}`] as const);
  const ofPosition = (g: Affine): boolean => coefficient(g, p.position) !== 0;
  const isReduced = new Set(reduce.map((a) => a.v.name));
  const fixed = (g: Affine): string => affineText(w, g, (local) => (isReduced.has(local.name) ? undefined : w.name(local)));
  const cut = (guards: readonly Affine[], q: string): void => {
    for (const g of guards) {
      const i = reduce.findIndex((r) => coefficient(g, r) !== 0);
      w.push(`${q}clip(${fixed(g)}, ${w.param(coefficient(g, reduce[i]!))}, &a${i}, &e${i});`);
    }
  };
  const pass = (count: number, at: string, q: string): void => {
    const each = (f: (name: string, i: number, v: number) => string): string =>
      Array.from({ length: count * p.vectors }, (_, k) =>
        f(`s${Math.floor(k / p.vectors)}_${k % p.vectors}`, Math.floor(k / p.vectors), k % p.vectors),
      ).join(' ');
    w.push(`${q}V_${T} ${each((name) => `${name} = (V_${T}){0} + ${w.expr(nest.start)},`).slice(0, -1)};`);
    let inner = q;
    names.forEach((name, i) => {
      w.push(`${inner}for (i64 ${name} = a${i}; ${name} < e${i}; ${name}++) {`);
      inner += '  ';
    });
    for (const line of taps(w, p, place, count)!) w.push(inner + line);
    names.forEach(() => w.push(`${(inner = inner.slice(2))}}`));
    const chunk = p.vectors * p.tile.lanes;
    w.push(`${q}${each((name, i, v) => `*(U_${T}*)(acc + ${at} * ${chunk} + ${i * chunk + v * p.tile.lanes}) = ${name};`)}`);
  };
  const limits = (q: string): void => {
    reduce.forEach((r, i) => w.push(`${q}i64 ${bounds[i]![0]} = 0, ${bounds[i]![1]} = ${w.param(r.extent)};`));
    cut(
      p.guards.filter((g) => !ofPosition(g)),
      q,
    );
  };
  const moving = p.guards.filter(ofPosition);
  // The least a guard gets over all positions and the whole window.
  const least = (g: Affine): string => {
    const low = (a: Axis, extent: number): number => Math.min(0, coefficient(g, a) * (extent - 1));
    return `${fixed(g)} + ${w.param(low(p.position, p.positions) + reduce.reduce((s, r) => s + low(r, r.extent), 0))} >= 0`;
  };
  w.push(`${pad}if (len == ${p.positions}${moving.map((g) => ` && ${least(g)}`).join('')}) {`);
  limits(`${pad}  `);
  pass(p.positions, '0', `${pad}  `);
  const v = w.name(p.position.v);
  w.push(`${pad}} else {`);
  w.push(`${pad}  const i64 first = ${v};`);
  w.push(`${pad}  for (i64 k = 0; k < len; k++) {`);
  w.push(`${pad}    const i64 ${v} = first + k;`);
  limits(`${pad}    `);
  cut(moving, `${pad}    `);
  pass(1, 'k', `${pad}    `);
  w.push(`${pad}  }`);
  w.push(`${pad}}`);
};
