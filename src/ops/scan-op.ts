/** Scan: a subgraph run once for each step along an axis, carrying state. */
import type { Graph } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor, Value } from '../core/tensor.ts';
import { graph, optionalInts, requiredInt } from './attrs.ts';
import { allGiven, asTensor, carryOut, checkBody, Collected, type Steps } from './control-flow.ts';
import { defineOp, variadic, type OpRecord, type RunSubgraph } from './define.ts';
import { takeAxis } from './host-tensor.ts';
import { all } from './types.ts';
import { normalizeAxis, range, shapeError } from './util.ts';

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
  if (list.length !== count)
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' has ${list.length} entries, it must have ${count}`);
  return list;
};

const directions = (list: readonly number[] | undefined, count: number, name: string): boolean[] =>
  perItem(list, count, name).map((d) => {
    if (d !== 0 && d !== 1)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' holds ${d}, directions are 0 (forward) and 1 (reverse)`);
    return d === 1;
  });

/** Extent all inputs share along their scan axes. @throws FLAGOS_E_SHAPE. */
const stepsOf = (inputs: readonly Tensor[], axes: readonly number[]): number => {
  const extents = inputs.map((x, i) => x.dims[axes[i]!]!);
  if (new Set(extents).size > 1)
    throw shapeError(`scan inputs have lengths ${extents.join(', ')} along their scan axes; they must be equal`);
  return extents[0]!;
};

function* scan(body: Graph, initial: readonly Tensor[], inputs: readonly Tensor[], form: ScanForm, run: RunSubgraph): Steps<Value[]> {
  const length = stepsOf(inputs, form.inputAxes);
  const collected = body.outputs.slice(initial.length).map((info) => new Collected(info));
  let state = [...initial];
  for (let t = 0; t < length; t++) {
    const slices = inputs.map((x, i) => takeAxis(x, form.inputAxes[i]!, form.inputReversed[i] ? length - 1 - t : t));
    const results: readonly Value[] = yield run(body, [...state, ...slices]);
    state = initial.map((_, i) => asTensor(results[i]!, `state ${i} a scan body gives`));
    collected.forEach((c, i) => c.add(results[initial.length + i]!));
  }
  return [
    ...state,
    ...collected.map((c, i) => c.stacked((rank) => normalizeAxis(form.outputAxes[i]!, rank, 'scan_output_axes'), form.outputReversed[i])),
  ];
}

/** Models of version 8, with its batch axis, come as a Scan in a Scan: importers see to that. */
export const Scan: OpRecord = defineOp({
  name: 'Scan',
  since: 9,
  inputs: { initial_state_and_scan_inputs: variadic(all, { mixed: true }) },
  outputs: { final_state_and_scan_outputs: () => undefined },
  variadicOutputs: true,
  attrs: {
    body: graph(),
    num_scan_inputs: requiredInt(),
    scan_input_axes: optionalInts(),
    scan_input_directions: optionalInts(),
    scan_output_axes: optionalInts(),
    scan_output_directions: optionalInts(),
  },
  control: ({ initial_state_and_scan_inputs: given }, attrs, run, { outputs }) => {
    const { body, num_scan_inputs: count } = attrs;
    const args = allGiven<Tensor>(given, 'argument');
    if (count < 1 || count > args.length)
      throw new FlagosError(
        'FLAGOS_E_ATTRIBUTE',
        `attribute 'num_scan_inputs' is ${count}, with ${args.length} arguments it must be from 1 to ${args.length}`,
      );
    const initial = args.slice(0, args.length - count);
    const inputs = args.slice(args.length - count);
    checkBody(body, args.length, Math.max(initial.length, outputs));
    const scans = body.outputs.length - initial.length;
    const form: ScanForm = {
      inputAxes: perItem(attrs.scan_input_axes, count, 'scan_input_axes').map((a, i) =>
        normalizeAxis(a, inputs[i]!.dims.length, 'scan_input_axes'),
      ),
      outputAxes: perItem(attrs.scan_output_axes, scans, 'scan_output_axes'),
      inputReversed: directions(attrs.scan_input_directions, count, 'scan_input_directions'),
      outputReversed: directions(attrs.scan_output_directions, scans, 'scan_output_directions'),
    };
    return carryOut(scan(body, initial, inputs, form, run));
  },
});
