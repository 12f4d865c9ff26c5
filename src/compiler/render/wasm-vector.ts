/**
 * Expressions of loop IR for four neighbouring values of a loop counter at once, in the lanes of a
 * 128-bit vector. Floats up to 32 bits are float32 lanes, integers 32-bit lanes, bools masks. What has
 * no vector form (reads at positions of no pattern, divisions of integers, functions of JavaScript's
 * Math, 64-bit values on the way) is calculated lane by lane and put together.
 */
import type { ScalarType } from '../expr.ts';
import { childrenOf, readsMemory, type Buffer, type LExpr, type Local } from '../loops.ts';
import { at, k, substitute } from '../schedule/ir.ts';
import { coefficientOf, linearOf, mentions, without } from '../schedule/linear.ts';
import { canStoreLanes, everySecond, laneByLane, LANES, loadLanes, storeLanes, type LaneAccess } from './wasm-lane-memory.ts';
import { binaryLanes, castLanes, fitsLane, laneType, unaryLanes, type Side } from './wasm-lanes.ts';
import { bitLanes, floatLanes, type VectorCode } from './wasm-math.ts';
import type { Splats } from './wasm-splats.ts';
import type { WasmScalar } from './wasm-scalar.ts';
import { elementBytes, get, holdsCodes, isFloat, op } from './wasm-types.ts';

/** Where vector code is written: a stage. */
export interface VectorHost {
  readonly scalar: WasmScalar;
  readonly splats: Splats;
  push(line: string): void;
  /** A new local of a type. */
  declare(type: 'v128' | 'i32'): string;
  /** Names a vector; gives back what reads it. */
  keep(value: string): string;
  /** A constant kept in a local for the whole function. */
  lanes(text: string): string;
  branch(cond: LExpr, then: () => void, otherwise: () => void): void;
  /** Gives a local that stands for one lane its text. */
  alias(local: Local, text: string): void;
}

let serial = 0;

/** One group of lanes of one loop. */
export class WasmVector {
  readonly #host: VectorHost;
  readonly #v: Local;
  /** Lanes before this group's, counted from the value of the counter. */
  readonly #first: number;
  /** Vectors that hold locals which differ between lanes. */
  readonly #vectors: ReadonlyMap<string, string>;
  readonly #varying: ReadonlySet<string>;
  readonly #code: VectorCode;
  /** Vectors that were loaded, by how. */
  readonly #loads = new Map<string, string>();

  /** @param varying the counter, and all names in `vectors`; both grow as statements are written. */
  constructor(host: VectorHost, v: Local, first: number, vectors: ReadonlyMap<string, string>, varying: ReadonlySet<string>) {
    this.#host = host;
    this.#v = v;
    this.#first = first;
    this.#vectors = vectors;
    this.#varying = varying;
    this.#code = {
      keep: (value) => host.keep(value),
      float: (n) => get(host.lanes(floatLanes(n))),
      bits: (n) => get(host.lanes(bitLanes(n))),
    };
  }

  varies(e: LExpr): boolean {
    return mentions(e, this.#varying);
  }

  /** The vector of an expression's values. */
  expr(e: LExpr): string {
    if (!this.varies(e)) return this.#splat(e);
    switch (e.kind) {
      case 'const':
        return this.#splat(e);
      case 'local':
        return e.name === this.#v.name ? this.#counter(1, k(0)) : get(this.#vectors.get(e.name)!);
      case 'read':
        return this.#read(e) ?? this.#lanewise(e);
      case 'unary':
        return unaryLanes(e.op, e.x.type, () => this.expr(e.x), this.#code) ?? this.#lanewise(e);
      case 'binary':
        return this.#binary(e) ?? this.#lanewise(e);
      case 'select':
        return this.#select(e) ?? this.#lanewise(e);
      case 'cast':
        return castLanes(e.x.type, e.type, e.saturate, () => this.expr(e.x), this.#code) ?? this.#lanewise(e);
      case 'bitcast':
        return this.#lanewise(e);
    }
  }

  #splat(e: LExpr): string {
    if (e.kind === 'const' && e.type !== 'index') {
      if (isFloat(e.type)) return this.#code.float(Number(e.value));
      return this.#code.bits(e.type === 'bool' ? -Number(e.value) : Number(e.value));
    }
    if (e.kind === 'read' && !holdsCodes(e.buffer) && elementBytes(e.buffer) === 4) {
      const { base, offset } = this.#host.scalar.address(e.buffer, e.at);
      return this.#host.splats.of(e, `(v128.load32_splat${offset} ${base})`);
    }
    const value = this.#host.scalar.expr(e);
    return this.#host.splats.of(e, op(`${laneType(e.type)}.splat`, e.type === 'bool' ? op('i32.sub', '(i32.const 0)', value) : value));
  }

  /** coefficient · v + rest in each lane. */
  #counter(coefficient: number, rest: LExpr): string {
    const start = this.#host.scalar.expr(at.add(at.mul(at.add(this.#v, k(this.#first)), coefficient), rest));
    const steps = [0, 1, 2, 3].map((l) => l * coefficient).join(' ');
    return op('i32x4.add', op('i32x4.splat', start), get(this.#host.lanes(`(v128.const i32x4 ${steps})`)));
  }

  /** An expression as lane `l` sees it. */
  atLane(e: LExpr, l: number): LExpr {
    const values = new Map<string, LExpr>([[this.#v.name, at.add(this.#v, k(this.#first + l))]]);
    for (const [name, vector] of this.#vectors) {
      if (!mentions(e, new Set([name]))) continue;
      const type = this.#typeOfLocal(e, name);
      const lane: Local = { kind: 'local', type, name: `lane${serial++}` };
      const extract = op(`${laneType(type)}.extract_lane ${l}`, get(vector));
      this.#host.alias(lane, type === 'bool' ? op('i32.and', extract, '(i32.const 1)') : extract);
      values.set(name, lane);
    }
    return substitute(e, values);
  }

  #typeOfLocal(e: LExpr, name: string): ScalarType {
    let type: ScalarType = 'index';
    const visit = (x: LExpr): void => {
      if (x.kind === 'local' && x.name === name) type = x.type;
      for (const c of childrenOf(x)) visit(c);
    };
    visit(e);
    return type;
  }

  #lanewise(e: LExpr): string {
    const type = laneType(e.type);
    const scalar = (l: number): string => {
      const value = this.#host.scalar.expr(this.atLane(e, l));
      return e.type === 'bool' ? op('i32.sub', '(i32.const 0)', value) : value;
    };
    return [1, 2, 3].reduce((vector, l) => op(`${type}.replace_lane ${l}`, vector, scalar(l)), op(`${type}.splat`, scalar(0)));
  }

  #access(buffer: Buffer, position: LExpr): LaneAccess | undefined {
    const stride = coefficientOf(position, this.#v.name, this.#varying);
    if (stride === undefined) return undefined;
    const { scalar } = this.#host;
    return { buffer, stride, address: (elements) => scalar.address(buffer, position, this.#first * stride + elements) };
  }

  #read({ buffer, at: position }: Extract<LExpr, { kind: 'read' }>): string | undefined {
    const access = this.#access(buffer, position);
    if (!access) return elementBytes(buffer) === 4 && !holdsCodes(buffer) ? this.#gathered(buffer, position) : undefined;
    if (access.stride === 2 && elementBytes(buffer) === 4) return this.#everySecond(buffer, position);
    return loadLanes(access, this.#code);
  }

  /** Elements at positions of no order, of a table for instance. */
  #gathered(buffer: Buffer, position: LExpr): string {
    return laneByLane((l) => this.#host.scalar.address(buffer, this.atLane(position, l)));
  }

  /**
   * Every second element: two loads from an even distance and a shuffle, so that the elements between
   * them, which windows read too, come of the same loads. Up to one element before and behind those that
   * are used is read; there is memory around every buffer.
   */
  #everySecond(buffer: Buffer, position: LExpr): string {
    const { constant, terms } = linearOf(position);
    const rest = terms.reduce<LExpr>(
      (sum, { coefficient, atom }) => (coefficient < 0 ? at.sub(sum, at.mul(atom, -coefficient)) : at.add(sum, at.mul(atom, coefficient))),
      k(0),
    );
    const place = constant + 2 * this.#first;
    const even = 2 * Math.floor(place / 2);
    const [lo, hi] = [even, even + 4].map((n) => {
      const { base, offset } = this.#host.scalar.address(buffer, n < 0 ? at.sub(rest, k(-n)) : rest, Math.max(n, 0));
      return this.#loaded(`(v128.load${offset} ${base})`);
    });
    return everySecond(lo!, hi!, place - even);
  }

  #loaded(load: string): string {
    let kept = this.#loads.get(load);
    if (!kept) this.#loads.set(load, (kept = this.#code.keep(load)));
    return kept;
  }

  /** What was loaded may have changed, or is not known here. */
  forget(): void {
    this.#loads.clear();
  }

  #binary(e: Extract<LExpr, { kind: 'binary' }>): string | undefined {
    if ((e.op === 'and' || e.op === 'or') && fitsLane(e.a.type))
      return readsMemory(e.b) ? undefined : op(`v128.${e.op}`, this.expr(e.a), this.expr(e.b));
    if (e.type === 'index') {
      const stride = coefficientOf(e, this.#v.name, this.#varying);
      if (stride !== undefined) return this.#counter(stride, without(e, this.#v.name));
    }
    const side = (x: LExpr): Side => ({ text: () => this.expr(x), isNumber: x.kind === 'const' && !Number.isNaN(x.value) });
    return binaryLanes(e.op, e.a.type, side(e.a), side(e.b), this.#code);
  }

  #select(e: Extract<LExpr, { kind: 'select' }>): string | undefined {
    if (!fitsLane(e.type) || readsMemory(e.a) || readsMemory(e.b)) {
      // A guard that is the same for all lanes is a branch.
      if (!fitsLane(e.type) || this.varies(e.cond)) return undefined;
      const name = this.#host.declare('v128');
      const choose = (side: LExpr) => (): void => {
        this.forget();
        this.#host.push(`(local.set ${name} ${this.expr(side)})`);
        this.forget();
      };
      this.#host.branch(e.cond, choose(e.a), choose(e.b));
      return get(name);
    }
    return op('v128.bitselect', this.expr(e.a), this.expr(e.b), this.expr(e.cond));
  }

  /** Stores the vector of values to the elements from the group's first lane on. */
  store(buffer: Buffer, position: LExpr, value: LExpr): void {
    const access = this.#access(buffer, position);
    const lines =
      access && fitsLane(value.type) && canStoreLanes(buffer, access.stride)
        ? storeLanes(access, this.expr(value), this.#code)
        : Array.from({ length: LANES }, (_, l) => this.#host.scalar.store(buffer, this.atLane(position, l), this.atLane(value, l)));
    for (const line of lines) this.#host.push(line);
  }
}
