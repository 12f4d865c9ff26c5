/** Runs the schedule functions of ops, for one class of chips. */
import { childrenOf, type Expr } from '../expr.ts';
import { ComputeTensor, ConcatTensor, ReshapeTensor, ScanTensor, ScatterTensor, type TensorExpr } from '../tensor-expr.ts';
import { refuseSchedule, ScheduleRecorder, type Attached, type ChipClass, type Directives } from './schedule.ts';

/** Tensors a tensor is made of directly. */
const operandsOf = (t: TensorExpr): TensorExpr[] => {
  const found = new Set<TensorExpr>();
  const seen = new Set<Expr>();
  const walk = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === 'load') found.add(e.tensor);
    childrenOf(e).forEach(walk);
  };
  if (t instanceof ComputeTensor) walk(t.body);
  else if (t instanceof ReshapeTensor) found.add(t.base);
  else if (t instanceof ConcatTensor) t.parts.forEach((p) => found.add(p));
  else if (t instanceof ScatterTensor) {
    found.add(t.base);
    [...t.at_, t.value, t.where].forEach(walk);
  } else if (t instanceof ScanTensor) [...t.node.initial, ...t.node.next, ...t.node.outs].forEach((x) => found.add(x));
  return [...found];
};

const everything = (roots: readonly TensorExpr[], stop: ReadonlySet<TensorExpr> = new Set()): Set<TensorExpr> => {
  const seen = new Set<TensorExpr>();
  const visit = (t: TensorExpr): void => {
    if (seen.has(t) || stop.has(t)) return;
    seen.add(t);
    operandsOf(t).forEach(visit);
  };
  roots.forEach(visit);
  return seen;
};

/** The tensor whose loops calculate an output: what it is a view of. */
const calculated = (t: TensorExpr, op: string): ComputeTensor => {
  if (t instanceof ReshapeTensor) return calculated(t.base, op);
  if (t instanceof ComputeTensor) return t;
  throw refuseSchedule(op, `its output is a ${t.kind} tensor, which has no loops of its own`);
};

const recordOne = (
  output: TensorExpr,
  { op, schedules, attrs, inputs }: Attached,
  chip: ChipClass,
  into: Map<TensorExpr, Directives>,
): void => {
  const schedule = schedules[chip];
  if (!schedule) return;
  const recorders = new Map<ComputeTensor, ScheduleRecorder>();
  const own = everything([output], inputs);
  const recorderOf = (t: TensorExpr): ScheduleRecorder => {
    const target = calculated(t, op);
    if (!own.has(target)) throw refuseSchedule(op, 'what it calculates is an input');
    let recorder = recorders.get(target);
    if (!recorder) recorders.set(target, (recorder = new ScheduleRecorder(op, target.shape, inner)));
    return recorder;
  };
  const inner = (name: string): ScheduleRecorder => {
    const found = [...own].find((t) => t.label === name);
    if (found) return recorderOf(found);
    const known = [...own].flatMap((t) => t.label ?? []);
    throw refuseSchedule(op, `it has no tensor named '${name}'${known.length ? `; there is ${known.join(', ')}` : ''}`);
  };
  schedule(recorderOf(output), attrs);
  for (const [t, recorder] of recorders) into.set(t, recorder.finish());
};

/**
 * What the schedules of some ops ask for; by the tensor whose loops it is about.
 * @param outputs of those ops, which carry their schedules.
 * @throws FLAGOS_E_SCHEDULE for what is not possible whatever the loops are.
 */
export const collectSchedules = (outputs: readonly TensorExpr[], chip: ChipClass): ReadonlyMap<TensorExpr, Directives> => {
  const found = new Map<TensorExpr, Directives>();
  for (const t of outputs) if (t.attached) recordOne(t, t.attached, chip, found);
  return found;
};
