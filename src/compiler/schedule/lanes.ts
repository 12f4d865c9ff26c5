/**
 * Chooses loops whose iterations are computed several at a time, in the lanes of vectors: parallel
 * loops over neighbours in memory, with what is inside of them; else reductions over neighbours.
 * A loop is chosen if all of its statements have a vector form and enough of them a good one.
 */
import { dtypeInfo } from '../../core/dtype.ts';
import type { ScalarType } from '../expr.ts';
import { readsMemory, type LExpr } from '../loops.ts';
import type { For, Sched } from './ir.ts';
import { coefficientOf, mentions } from './linear.ts';
import { rangeOf, type Range, type Ranges } from './ranges.ts';

/** What a loop's body comes to, lane by lane. */
interface Tally {
  /** Loads and stores of neighbours. */
  good: number;
  /** What has to be done for each lane by itself. */
  bad: number;
}

/** Statements in inner loops weigh as much as those of this many iterations. */
const INNER = 8;

/**
 * What an element weighs whose place is looked up in a table: each lane is loaded by itself either way, and only put
 * into its lane besides.
 */
const GATHER = 0.5;

/** Whether elements of a type lie in memory as they are in a lane. */
const isWord = (t: ScalarType): boolean => t === 'float32' || t === 'int32' || t === 'uint32';
const isNarrow = (t: ScalarType): boolean => t === 'index' || t === 'bool' || (dtypeInfo(t).bits <= 32 && dtypeInfo(t).kind !== 'string');
const isFloat = (t: ScalarType): boolean => t !== 'index' && dtypeInfo(t).kind === 'float';

/** Operations with a vector form, floats and integers apart. */
const floatOps = new Set([
  'neg',
  'abs',
  'sqrt',
  'floor',
  'ceil',
  'trunc',
  'round',
  'exp',
  'log',
  'tanh',
  'sigmoid',
  'erf',
  'reciprocal',
  'rsqrt',
  'isnan',
  'isinf',
  'add',
  'sub',
  'mul',
  'div',
  'min',
  'max',
  'floordiv',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
]);
const integerOps = new Set([
  'neg',
  'abs',
  'bitnot',
  'not',
  'add',
  'sub',
  'mul',
  'bitand',
  'bitor',
  'bitxor',
  'min',
  'max',
  'and',
  'or',
  'xor',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
]);

class Judge {
  readonly tally: Tally = { good: 0, bad: 0 };
  readonly #v: string;
  readonly #varying: Set<string>;

  constructor(v: string) {
    this.#v = v;
    this.#varying = new Set([v]);
  }

  #read(at: LExpr, type: ScalarType, weight: number): void {
    const stride = coefficientOf(at, this.#v, this.#varying);
    if (stride === 1) this.tally.good += weight;
    else if (stride !== 2) this.tally.bad += weight * (stride === undefined && isWord(type) && readsMemory(at) ? GATHER : 1);
  }

  #expr(e: LExpr, weight: number): void {
    if (!mentions(e, this.#varying)) return;
    switch (e.kind) {
      case 'const':
      case 'local':
        return;
      case 'read':
        return this.#read(e.at, e.type, weight);
      case 'cast':
        if (!isNarrow(e.x.type) || !isNarrow(e.type) || e.saturate || (isFloat(e.x.type) && !isFloat(e.type) && e.type !== 'bool'))
          this.tally.bad += weight;
        return this.#expr(e.x, weight);
      case 'bitcast':
        this.tally.bad += weight;
        return;
      case 'unary':
        if (!isNarrow(e.x.type) || !(isFloat(e.x.type) ? floatOps : integerOps).has(e.op)) this.tally.bad += weight;
        return this.#expr(e.x, weight);
      case 'select': {
        // What a varying guard protects cannot be read for all lanes at once.
        if (mentions(e.cond, this.#varying) && (readsMemory(e.a) || readsMemory(e.b))) {
          this.tally.bad += 2 * weight;
          return;
        }
        [e.cond, e.a, e.b].forEach((x) => this.#expr(x, weight));
        return;
      }
      case 'binary':
        if (!isNarrow(e.a.type)) this.tally.bad += weight;
        else if (e.a.type === 'index' && e.type === 'index') {
          if (coefficientOf(e, this.#v, this.#varying) === undefined) this.tally.bad += weight;
          return;
        } else if (!(isFloat(e.a.type) ? floatOps : integerOps).has(e.op)) this.tally.bad += weight;
        this.#expr(e.a, weight);
        this.#expr(e.b, weight);
    }
  }

  /** Whether statements can run for several values of the counter at once. */
  canRun(stmts: readonly Sched[], weight: number): boolean {
    return stmts.every((s) => {
      switch (s.kind) {
        case 'let':
          if (!mentions(s.value, this.#varying)) return true;
          this.#varying.add(s.local.name);
          this.#expr(s.value, weight);
          return isNarrow(s.local.type);
        case 'var':
          this.#varying.add(s.local.name);
          if (s.value) this.#expr(s.value, weight);
          return isNarrow(s.local.type);
        case 'set':
          this.#expr(s.value, weight);
          return this.#varying.has(s.local.name);
        case 'store':
          this.#read(s.at, 'bool', weight);
          if (!isNarrow(s.value.type)) this.tally.bad += weight;
          this.#expr(s.value, weight);
          return mentions(s.at, this.#varying);
        case 'for':
          return !mentions(s.from, this.#varying) && !mentions(s.to, this.#varying) && this.canRun(s.body, weight * INNER);
        case 'if':
          return !mentions(s.cond, this.#varying) && this.canRun(s.then, weight) && this.canRun(s.otherwise, weight);
        case 'tile':
          return false;
      }
    });
  }
}

/** Iterations at most: bounds that are expressions (a window clipped at a border) are taken at their widest. */
const extentOf = (s: For, around: Ranges): number => rangeOf(s.to, around)[1] - rangeOf(s.from, around)[0];

/** Whether a parallel loop should run in lanes. */
const isWorth = (s: For, lanes: number, around: Ranges): boolean => {
  if (extentOf(s, around) < lanes) return false;
  const judge = new Judge(s.v.name);
  return judge.canRun(s.body, 1) && judge.tally.good > 2 * judge.tally.bad;
};

/** A reduction loop: names, then sum = sum op term, the sum declared outside. */
const isReduction = (s: For): boolean => {
  const last = s.body.at(-1);
  if (last?.kind !== 'set' || !s.body.slice(0, -1).every((x) => x.kind === 'let')) return false;
  const { value, local } = last;
  if (value.kind !== 'binary' || value.a.kind !== 'local' || value.a.name !== local.name || mentions(value.b, new Set([local.name])))
    return false;
  return (
    ['add', 'max', 'min'].includes(value.op) && (['float32', 'float16', 'bfloat16', 'int32', 'index'] as ScalarType[]).includes(local.type)
  );
};

const canReduce = (s: For, lanes: number, around: Ranges): boolean => {
  if (!isReduction(s) || extentOf(s, around) < 2 * lanes) return false;
  const judge = new Judge(s.v.name);
  const last = s.body.at(-1)!;
  const term: Sched =
    last.kind === 'set' && last.value.kind === 'binary'
      ? { kind: 'let', local: { ...last.local, name: `${last.local.name}'` }, value: last.value.b }
      : last;
  return judge.canRun([...s.body.slice(0, -1), term], 1) && judge.tally.good > 2 * judge.tally.bad;
};

/** Marks the loops of statements that run in lanes, and no others. @param around ranges of the counters around them. */
export const markLanes = (stmts: readonly Sched[], lanes: number, around: Ranges = new Map()): Sched[] =>
  stmts.map((s): Sched => {
    if (s.kind === 'if') return { ...s, then: markLanes(s.then, lanes, around), otherwise: markLanes(s.otherwise, lanes, around) };
    if (s.kind !== 'for') return s;
    const isInnermost = s.parallel && !s.body.some((x) => x.kind === 'for' && x.parallel);
    if (isInnermost ? isWorth(s, lanes, around) : !s.parallel && canReduce(s, lanes, around)) return { ...s, lanes: true };
    const range: Range = [rangeOf(s.from, around)[0], rangeOf(s.to, around)[1] - 1];
    return { ...s, lanes: false, body: markLanes(s.body, lanes, new Map([...around, [s.v.name, range]])) };
  });
