/**
 * If and Loop: ops that run subgraphs, and what all control flow shares. Results come synchronously
 * when the subgraphs' do, so that a loop of small bodies waits for nobody.
 */
import type { Graph, ValueInfo } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import { describeValue, Tensor, type Value } from '../core/tensor.ts';
import { graph } from './attrs.ts';
import { anyValues, defineOp, optional, type OpRecord, type RunSubgraph } from './define.ts';
import { stackTensors } from './host-tensor.ts';
import { scalarOf } from './util.ts';

type Results = readonly Value[];
/** A computation that yields what it waits for (a subgraph's results) and is sent the results. */
export type Steps<T> = Generator<Results | Promise<Results>, T, Results>;

/** Carries steps out: without a promise as long as none is yielded. */
export const carryOut = <T>(steps: Steps<T>): T | Promise<T> => {
  let step = steps.next();
  while (!step.done) {
    const waited = step.value;
    if (waited instanceof Promise) {
      return (async () => {
        let late = steps.next(await waited);
        while (!late.done) late = steps.next(await late.value);
        return late.value;
      })();
    }
    step = steps.next(waited);
  }
  return step.value;
};

const invalid = (reason: string): FlagosError => new FlagosError('FLAGOS_E_MODEL_INVALID', reason);

/** @throws FLAGOS_E_MODEL_INVALID if a body takes another number of inputs or gives fewer outputs than needed. */
export const checkBody = (body: Graph, inputs: number, leastOutputs: number, what = 'the body'): void => {
  if (body.inputs.length !== inputs) throw invalid(`${what} has ${body.inputs.length} inputs, it is given ${inputs}`);
  if (body.outputs.length < leastOutputs) throw invalid(`${what} has ${body.outputs.length} outputs, at least ${leastOutputs} are needed`);
};

/** A result as a tensor. @throws FLAGOS_E_DTYPE for sequences, maps and optionals. */
export const asTensor = (value: Value, what: string): Tensor => {
  if (value instanceof Tensor) return value;
  throw new FlagosError('FLAGOS_E_DTYPE', `${what} must be a tensor, it is ${value === null ? 'an' : 'a'} ${describeValue(value)}`);
};

/** Arguments none of which may be left out. @throws FLAGOS_E_MODEL_INVALID. */
export const allGiven = <T>(values: readonly (T | undefined)[], what: string): T[] =>
  values.map((v, i) => {
    if (v === undefined) throw invalid(`${what} ${i} is left out, it must be given`);
    return v;
  });

/**
 * Iterations of a loop whose trip count is no real bound (absent, or past 2^31: exporters write INT64_MAX).
 * Far above what decoding loops need, and reached in finite time by one whose condition never turns false.
 */
const iterationLimit = 10_000_000;
const unboundedFrom = 2 ** 31;

/** Bytes the collected slices of one loop may take. More cannot be one typed array on every version of Node. */
const collectLimit = 2 ** 32;

/** Collects the slices a loop gives, all of one type and shape, with a bound on memory. */
export class Collected {
  readonly parts: Tensor[] = [];
  #bytes = 0;
  readonly #info: ValueInfo;

  /** @param info the body's output, whose stated type is all there is if the loop never runs. */
  constructor(info: ValueInfo) {
    this.#info = info;
  }

  /** @throws FLAGOS_E_DTYPE, FLAGOS_E_LIMIT. */
  add(value: Value): void {
    const part = asTensor(value, `scan output '${this.#info.name}'`);
    this.#bytes += Math.max(part.byteLength, part.size, 1);
    if (this.#bytes > collectLimit) {
      throw new FlagosError(
        'FLAGOS_E_LIMIT',
        `scan output '${this.#info.name}' grew past ${collectLimit} bytes after ${this.parts.length} iterations`,
        {
          hint: 'the loop may never end',
        },
      );
    }
    this.parts.push(part);
  }

  /** Along a new axis. Without slices: an empty tensor of the stated type, unknown extents 0. @throws FLAGOS_E_MODEL_INVALID if no type is stated. */
  stacked(axis: (rank: number) => number, reversed = false): Tensor {
    if (this.parts.length > 0) return stackTensors(reversed ? this.parts.toReversed() : this.parts, axis(this.parts[0]!.dims.length + 1));
    const { type, name } = this.#info;
    if (type?.kind !== 'tensor') throw invalid(`the loop never runs and the model does not state the type of scan output '${name}'`);
    const inner = (type.shape ?? []).map((d) => (typeof d === 'number' ? d : 0));
    return Tensor.zeros(type.dtype, inner.toSpliced(axis(inner.length + 1), 0, 0));
  }
}

export const If: OpRecord = defineOp({
  name: 'If',
  since: 1,
  inputs: { cond: ['bool'] },
  outputs: { outputs: () => undefined },
  variadicOutputs: true,
  attrs: { else_branch: graph(), then_branch: graph() },
  control: ({ cond }, { else_branch, then_branch }, run, { outputs }) => {
    const taken = scalarOf(cond, 'cond') !== 0 ? then_branch : else_branch;
    checkBody(taken, 0, outputs, taken === then_branch ? 'then_branch' : 'else_branch');
    return run(taken, []);
  },
});

/** A scalar for a body's input, of shape [1] where the body says its rank is 1 (exporters write both). */
const scalarFor = (info: ValueInfo, dtype: 'int64' | 'bool', value: bigint | boolean): Tensor => {
  const rank = info.type?.kind === 'tensor' ? (info.type.shape?.length ?? 0) : 0;
  return Tensor.from(dtype, rank === 1 ? [1] : [], [value]);
};

interface LoopArguments {
  readonly trips: number;
  /** First value of the condition, and whether the body's own decides afterwards. */
  readonly condition: boolean;
  readonly conditional: boolean;
  readonly initial: readonly Value[];
}

function* loop(body: Graph, { trips, condition, conditional, initial }: LoopArguments, run: RunSubgraph): Steps<Value[]> {
  const carried = initial.length;
  const scans = body.outputs.slice(1 + carried).map((info) => new Collected(info));
  let state = initial;
  let going: Value = scalarFor(body.inputs[1]!, 'bool', condition);
  let on = condition;
  const bounded = trips < unboundedFrom;
  for (let i = 0; i < trips && on; i++) {
    if (!bounded && i === iterationLimit) {
      throw new FlagosError('FLAGOS_E_LIMIT', `the loop did not end after ${iterationLimit} iterations`, {
        hint: 'give it a trip count (input M) that bounds it',
      });
    }
    const results: Results = yield run(body, [scalarFor(body.inputs[0]!, 'int64', BigInt(i)), going, ...state]);
    going = asTensor(results[0]!, 'the condition a loop body gives');
    if (conditional) on = scalarOf(going, 'the condition a loop body gives') !== 0;
    state = results.slice(1, 1 + carried);
    scans.forEach((scan, k) => scan.add(results[1 + carried + k]!));
  }
  return [...state, ...scans.map((scan) => scan.stacked(() => 0))];
}

/**
 * With a trip count but no condition the body's condition is ignored, as the specification says. With
 * neither, the specification's loop has no end, so there the body's condition decides (as in onnxruntime).
 * A loop that runs no iteration gives empty scan outputs, unknown extents 0.
 */
export const Loop: OpRecord = defineOp({
  name: 'Loop',
  since: 1,
  inputs: { M: optional(['int64']), cond: optional(['bool']), v_initial: anyValues(0) },
  outputs: { v_final_and_scan_outputs: () => undefined },
  variadicOutputs: true,
  attrs: { body: graph() },
  control: ({ M, cond, v_initial }, { body }, run, { outputs }) => {
    const initial = allGiven(v_initial, 'loop-carried value');
    checkBody(body, 2 + initial.length, Math.max(1 + initial.length, 1 + outputs));
    return carryOut(
      loop(
        body,
        {
          trips: M ? scalarOf(M, 'M') : Infinity,
          condition: cond ? scalarOf(cond, 'cond') !== 0 : true,
          conditional: cond !== undefined || M === undefined,
          initial,
        },
        run,
      ),
    );
  },
});
