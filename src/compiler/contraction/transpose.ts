/**
 * Copies that turn memory around: read along one axis, written along another. Done in square blocks
 * that are transposed in registers.
 */
import { affineOf, type Affine } from '../affine.ts';
import type { Buffer, Stmt } from '../loops.ts';
import { advance, affineText, mergeAxes, only, splitIndex } from './axes.ts';
import { coefficient } from './factor.ts';
import { purify, substitute, type Meanings } from './purify.ts';
import type { Call } from './stages.ts';
import { digits } from './text.ts';
import { tileOf, transposer } from './tile.ts';
import { sizeOfAxes, type Axis, type StageWriter, type Target, type Tile } from './types.ts';

interface Transposition {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly read: Affine;
  readonly write: Affine;
  /** Axis along which elements are read, and along which they are written. */
  readonly along: Axis;
  readonly across: Axis;
  readonly outer: readonly Axis[];
  /** Names of all of its counters, before merging. */
  readonly counters: ReadonlySet<string>;
}

/** Blocks with both sides shorter are left to loops. */
const SHORT = 8;

/** Reads a loop nest as a transposing copy, if it is one. `storage`: C type of a buffer's elements. */
export const transpositionOf = (s: Stmt, storage: (b: Buffer) => string): Transposition | undefined => {
  const axes: Axis[] = [];
  let body: readonly Stmt[] = [s];
  for (let first = body[0]; body.length === 1 && first?.kind === 'for' && first.parallel; first = body[0]) {
    axes.push({ v: first.v, extent: first.extent });
    body = first.body;
  }
  const last = body.at(-1);
  const meanings: Meanings = new Map();
  if (axes.length < 2 || last?.kind !== 'store' || !purify(body.slice(0, -1), meanings)) return undefined;
  const value = substitute(last.value, meanings);
  if (value.kind !== 'read' || storage(value.buffer) !== storage(last.buffer) || value.buffer.dtype !== last.buffer.dtype) return undefined;
  const [read, write] = [affineOf(value.at), affineOf(substitute(last.at, meanings))];
  if (!read || !write) return undefined;
  const merged = mergeAxes(axes, [read, write]);
  const along = merged.find((a) => coefficient(read, a) === 1);
  const across = merged.find((a) => coefficient(write, a) === 1);
  if (!along || !across || along === across || Math.max(along.extent, across.extent) < SHORT || coefficient(read, across) < along.extent)
    return undefined;
  return {
    from: value.buffer,
    to: last.buffer,
    read,
    write,
    along,
    across,
    outer: merged.filter((a) => a !== along && a !== across),
    counters: new Set(axes.map((a) => a.v.name)),
  };
};

/** Elements of the reading axis one piece of work takes. */
const STRIP = 64;
const GRAIN_ELEMENTS = 16_384;

/** Narrow elements are turned in vectors of 16 bytes: blocks stay small. */
const shortTile = (type: string, bytes: number): Tile => {
  const lanes = 16 / bytes;
  return { type, bytes, vectorBytes: 16, lanes, rows: lanes, vectors: 1, columns: lanes };
};

/** The stage of a transposing copy; undefined for elements there are no vectors of. */
export const transpositionStage = (t: Transposition, bytes: number, target: Target): Call | undefined => {
  const type = { 1: 'uint8_t', 2: 'uint16_t', 4: 'float', 8: 'double' }[bytes];
  const tile = type && (bytes < 4 ? shortTile(type, bytes) : tileOf(type, target));
  if (!type || !tile) return undefined;
  const strips = Math.ceil(t.along.extent / STRIP);
  const count = sizeOfAxes(t.outer) * strips;
  const write = (w: StageWriter): void => {
    const names = digits('o', t.outer);
    const own = only(t.outer, names);
    const place = (form: Affine): string =>
      affineText(w, form, (local) => own(local) ?? (t.counters.has(local.name) ? undefined : w.name(local)));
    w.push(`  i64 strip = lo % ${w.param(strips)};`);
    splitIndex(w, `lo / ${w.param(strips)}`, t.outer, names, '  ');
    w.push('  for (i64 item = lo; item < hi; item++) {');
    w.push(`    const i64 from = strip * ${STRIP}, n = min_i64(${STRIP}, ${w.param(t.along.extent)} - from);`);
    const [rs, ws] = [coefficient(t.read, t.across), coefficient(t.write, t.along)].map((x) => w.param(x));
    w.push(
      `    transpose_${type}((const ${type}*)${w.buffer(t.from)} + (${place(t.read)}) + from, ${rs}, (${type}*)${w.buffer(t.to)} + (${place(t.write)}) + from * ${ws}, ${ws}, ${w.param(t.across.extent)}, n);`,
    );
    w.push(`    if (++strip == ${w.param(strips)}) { strip = 0; ${advance(w, t.outer, names, '1')} }`);
    w.push('  }');
  };
  const elements = sizeOfAxes([t.along, t.across]);
  return {
    kind: 'call',
    helpers: transposer(tile),
    write,
    count,
    grain: Math.max(1, Math.ceil((GRAIN_ELEMENTS * strips) / elements)),
    work: count * (elements / strips),
  };
};
