/**
 * A stage of scheduled loop IR as one WebAssembly function. Its parameter points to a table in memory:
 * addresses of its buffers, then the integers that come from shapes, then the counters of the loops
 * around it. Names are given in order of appearance, so stages of equal structure have equal texts.
 */
import type { DType } from '../../core/dtype.ts';
import type { Buffer, Local } from '../loops.ts';
import type { Share } from '../schedule/divide.ts';
import type { Sched, TileShape } from '../schedule/ir.ts';
import { ownBytes } from '../schedule/workspace.ts';
import { writeLanes, writeReduction } from './wasm-lane-loops.ts';
import { StageCode } from './wasm-stage-code.ts';
import { tileName } from './wasm-tile.ts';
import { elementBytes, get, op, set } from './wasm-types.ts';

/** A register tile, and the type of its elements. */
export interface TileUse {
  readonly dtype: DType;
  readonly shape: TileShape;
}

export interface WasmStage {
  /** Parameters and body of the function. */
  readonly text: string;
  readonly buffers: readonly Buffer[];
  readonly params: readonly number[];
  /** Names of the counters around it that it uses. */
  readonly counters: readonly string[];
  /** Functions it calls. */
  readonly used: ReadonlySet<string>;
  /** Tiles it calls. */
  readonly tiles: readonly TileUse[];
}

class StageWriter {
  readonly #code: StageCode;
  readonly #tiles: TileUse[] = [];
  readonly #share: Share | undefined;

  constructor(body: readonly Sched[], around: readonly Local[], share: Share | undefined) {
    this.#code = new StageCode(around);
    this.#share = share;
    if (share) {
      this.#code.alias(share.lo, '$lo');
      this.#code.alias(share.hi, '$hi');
    }
    this.#block(body);
  }

  #block(stmts: readonly Sched[]): void {
    for (const s of stmts) this.#stmt(s);
  }

  #stmt(s: Sched): void {
    const code = this.#code;
    const block = (body: readonly Sched[]): void => this.#block(body);
    switch (s.kind) {
      case 'for':
        if (!s.lanes) code.loop(s.v, s.from, s.to, () => block(s.body));
        else (s.parallel ? writeLanes : writeReduction)(code, s, block);
        break;
      case 'let':
      case 'set':
        code.set(s.local, s.value);
        break;
      case 'var':
        if (s.value) code.set(s.local, s.value);
        else code.scalar.nameOf(s.local);
        break;
      case 'store':
        code.push(code.scalar.store(s.buffer, s.at, s.value));
        break;
      case 'if':
        code.if(s, block);
        break;
      case 'tile':
        this.#tile(s);
        break;
    }
  }

  #tile({ shape, a, aAt, b, bAt, out, steps }: Extract<Sched, { kind: 'tile' }>): void {
    const { scalar } = this.#code;
    this.#tiles.push({ dtype: a.dtype, shape });
    const addresses = [
      scalar.address32(a, aAt),
      scalar.address32(b, bAt),
      scalar.address32(out, { kind: 'const', type: 'index', value: 0 }),
    ];
    this.#code.push(op(`call ${tileName(a.dtype, shape)}`, ...addresses, scalar.expr(steps)));
  }

  get stage(): WasmStage {
    const { scalar } = this.#code;
    const { buffers, params, counters, declared, used } = scalar;
    // A piece of a thread's own lies as many pieces behind the first one as the thread's number.
    const own = buffers.flatMap((b, i) =>
      this.#share?.own.has(b)
        ? [set(`$b${i}`, op('i32.add', get(`$b${i}`), op('i32.mul', '(global.get $thread)', scalar.number(ownBytes(b, elementBytes)))))]
        : [],
    );
    const entry =
      (kind: string, from: number) =>
      (_: unknown, i: number): string =>
        set(`$${kind}${i}`, `(i32.load offset=${(from + i) * 4} (local.get $t))`);
    const local =
      (kind: string) =>
      (_: unknown, i: number): string =>
        `(local $${kind}${i} i32)`;
    const text = [
      this.#share ? '(param $t i32) (param $lo i32) (param $hi i32)' : '(param $t i32)',
      [...buffers.map(local('b')), ...params.map(local('p')), ...counters.map(local('c')), ...declared].join(' '),
      ...buffers.map(entry('b', 0)),
      ...params.map(entry('p', buffers.length)),
      ...counters.map(entry('c', buffers.length + params.length)),
      ...own,
      ...[...this.#code.constants].map(([value, name]) => set(name, value)),
      ...this.#code.lines,
    ].join('\n  ');
    return { text, buffers, params, counters, used, tiles: this.#tiles };
  }
}

/** @param share where it does a range of its iterations: then that range is what it is called with after its table. */
export const writeStage = (body: readonly Sched[], around: readonly Local[], share?: Share): WasmStage =>
  new StageWriter(body, around, share).stage;
