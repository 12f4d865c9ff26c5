/** Scan: a subgraph run once for each step along an axis, carrying state (present form, and that of version 8 with its batch axis). */
import type { Graph } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { graph, optionalInts, requiredInt } from './attrs.ts';
import { allGiven, asTensor, carryOut, checkBody, Collected, type Steps } from './control-flow.ts';
import { defineOp, variadic, type OpRecord, type RunSubgraph } from './define.ts';
import { stackTensors, takeAxis } from './host-tensor.ts';
import { all } from './types.ts';
import { normalizeAxis, numbersOf, range, shapeError, showShape } from './util.ts';

interface ScanForm {
  readonly inputAxes: readonly number[];
  readonly outputAxes: readonly number[];
  /** Whether an input is read (an output is built) from the end. */
  readonly inputReversed: readonly boolean[];
  readonly outputReversed: readonly boolean[];
}

/** A list attribute with one entry for each of `count` items; absent means 0 for all. @throws FLAGOS_E_ATTRIBUTE. */
const perItem = (list: readonly number[] | undefined, count: number, name: string): readonly number[] => {
  if (list === undefined) return range(count).map(() => 0);
  if (list.length !== count) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' has ${list.length} entries, it must have ${count}`);
  return list;
};

const directions = (list: readonly number[] | undefined, count: number, name: string): boolean[] =>
  perItem(list, count, name).map((d) => {
    if (d !== 0 && d !== 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' holds ${d}, directions are 0 (forward) and 1 (reverse)`);
    return d === 1;
  });

/** Extent all inputs share along their scan axes. @throws FLAGOS_E_SHAPE. */
const stepsOf = (inputs: readonly Tensor[], axes: readonly number[]): number => {
  const extents = inputs.map((x, i) => x.dims[axes[i]!]!);
  if (new Set(extents).size > 1) throw shapeError(`scan inputs have lengths ${extents.join(', ')} along their scan axes; they must be equal`);
  return extents[0]!;
};

function* scan(body: Graph, initial: readonly Tensor[], inputs: readonly Tensor[], length: number, form: ScanForm, run: RunSubgraph): Steps<[Tensor[], Collected[]]> {
  const collected = body.outputs.slice(initial.length).map((info) => new Collected(info));
  let state = [...initial];
  for (let t = 0; t < length; t++) {
    const slices = inputs.map((x, i) => {
      const axis = form.inputAxes[i]!;
      return takeAxis(x, axis, form.inputReversed[i] ? length - 1 - t : t);
    });
    const results: readonly Value[] = yield run(body, [...state, ...slices]);
    state = initial.map((_, i) => asTensor(results[i]!, `state ${i} a scan body gives`));
    collected.forEach((c, i) => c.add(results[initial.length + i]!));
  }
  return [state, collected];
}

function* scanWhole(body: Graph, initial: readonly Tensor[], inputs: readonly Tensor[], form: ScanForm, run: RunSubgraph): Steps<Value[]> {
  const [state, collected] = yield* scan(body, initial, inputs, stepsOf(inputs, form.inputAxes), form, run);
  return [...state, ...collected.map((c, i) => c.stacked((rank) => normalizeAxis(form.outputAxes[i]!, rank, 'scan_output_axes'), form.outputReversed[i]))];
}

/** A scan output of version 8, filled up to `length` steps: what stands there is undefined by the specification, here zeros. */
const padded = (c: Collected, length: number): Tensor => {
  const like = c.parts[0];
  if (!like) {
    const empty = c.stacked(() => 0);
    return Tensor.zeros(empty.dtype, [length, ...empty.dims.slice(1)]);
  }
  return stackTensors(range(length).map((t) => c.parts[t] ?? Tensor.zeros(like.dtype, like.dims)), 0);
};

/** Version 8: axis 0 of everything is a batch, axis 1 is scanned, and each batch item may be shorter. */
function* scanBatches(body: Graph, lengths: Tensor | undefined, initial: readonly Tensor[], inputs: readonly Tensor[], reversed: readonly boolean[], run: RunSubgraph): Steps<Value[]> {
  for (const x of inputs) if (x.dims.length < 2) throw shapeError(`a scan input has shape ${showShape(x.dims)}, it needs a batch and a sequence axis`);
  const batches = inputs[0]!.dims[0]!;
  if ([...initial, ...inputs].some((x) => x.dims[0] !== batches)) throw shapeError(`states and scan inputs must have one batch size, the first scan input has ${batches}`);
  const longest = stepsOf(inputs, inputs.map(() => 1));
  const counts = lengths ? numbersOf(lengths) : range(batches).map(() => longest);
  if (counts.length !== batches || counts.some((n) => n < 0 || n > longest)) throw shapeError(`sequence_lens must hold ${batches} lengths from 0 to ${longest}`);
  if (batches === 0) throw shapeError('a scan over an empty batch has no results');
  const form = { inputAxes: inputs.map(() => 0), outputAxes: [], inputReversed: reversed, outputReversed: [] };
  const rows: Tensor[][] = [];
  for (let b = 0; b < batches; b++) {
    // Reading in reverse starts from the last step of this item, not from its padding.
    const [state, collected] = yield* scan(body, initial.map((x) => takeAxis(x, 0, b)), inputs.map((x) => takeAxis(x, 0, b)), counts[b]!, form, run);
    rows.push([...state, ...collected.map((c) => padded(c, longest))]);
  }
  return rows[0]!.map((_, i) => stackTensors(rows.map((row) => row[i]!), 0));
}

const version8 = 8;

export const Scan: OpRecord = defineOp({
  name: 'Scan', since: 9,
  inputs: { initial_state_and_scan_inputs: variadic(all, { mixed: true }) },
  outputs: { final_state_and_scan_outputs: () => undefined },
  variadicOutputs: true,
  attrs: {
    body: graph(), num_scan_inputs: requiredInt(),
    scan_input_axes: optionalInts(), scan_input_directions: optionalInts(),
    scan_output_axes: optionalInts(), scan_output_directions: optionalInts(),
    /** Of version 8 only. */
    directions: optionalInts(),
  },
  control: ({ initial_state_and_scan_inputs: given }, attrs, run, { version, outputs }) => {
    const { body, num_scan_inputs: count } = attrs;
    const old = version === version8;
    const args = allGiven<Tensor>(old ? given.slice(1) : given, 'argument');
    if (count < 1 || count > args.length) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'num_scan_inputs' is ${count}, with ${args.length} arguments it must be from 1 to ${args.length}`);
    const initial = args.slice(0, args.length - count);
    const inputs = args.slice(args.length - count);
    checkBody(body, args.length, Math.max(initial.length, outputs));
    if (old) return carryOut(scanBatches(body, given[0], initial, inputs, directions(attrs.directions, count, 'directions'), run));
    const scans = body.outputs.length - initial.length;
    const form: ScanForm = {
      inputAxes: perItem(attrs.scan_input_axes, count, 'scan_input_axes').map((a, i) => normalizeAxis(a, inputs[i]!.dims.length, 'scan_input_axes')),
      outputAxes: perItem(attrs.scan_output_axes, scans, 'scan_output_axes'),
      inputReversed: directions(attrs.scan_input_directions, count, 'scan_input_directions'),
      outputReversed: directions(attrs.scan_output_directions, scans, 'scan_output_directions'),
    };
    return carryOut(scanWhole(body, initial, inputs, form, run));
  },
});
