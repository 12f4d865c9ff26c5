/**
 * The C chip's schedule: contractions among a program's loops become packed-panel stages, everything
 * else stays as it is.
 */
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import { flattenLoops } from '../flatten.ts';
import type { Buffer, Stmt } from '../loops.ts';
import { inPlace, runsOfRows } from '../rows.ts';
import { rowsStage } from './row-stage.ts';
import type { Scheduled } from '../lower.ts';
import { splitDigits } from '../split-digits.ts';
import { valueType } from '../render/c-types.ts';
import { directBytes, directOf, directStage } from './few-rows.ts';
import { acrossOf, acrossStage } from './across.ts';
import { alongOf, alongStage } from './along.ts';
import { AMX_ROWS, amxArithmetic } from './amx.ts';
import { plainArithmetic, type Arithmetic } from './arithmetic.ts';
import { bf16Arithmetic, canBeBf16 } from './bf16.ts';
import { planBytes } from './bytes.ts';
import { canBeInt16, int16Arithmetic } from './int16.ts';
import { byteTile, int8Arithmetic } from './int8.ts';
import { contractionOf, matchReduction, type ReductionNest } from './match.ts';
import { readsOnly } from './operands.ts';
import { panelBytes, panelsOf } from './panels.ts';
import { canBeQuantized, quantizedArithmetic } from './quantized.ts';
import { separableOf, separableStage } from './separable.ts';
import { sliceNests } from './slices.ts';
import { planContraction, standsAlone, type Plan, type Surroundings } from './plan.ts';
import { splitPhases } from './phases.ts';
import { multiplyStage, packStage, scratchOf } from './stages.ts';
import { transpositionOf, transpositionStage } from './transpose.ts';
import { tileOf } from './tile.ts';
import { transformBytes, weightsStage, winogradBytes, winogradStage, winogradWeightBytes } from './winograd-stage.ts';
import { winogradOf, type WinogradPlan } from './winograd.ts';
import { sizeOfAxes, type Contraction } from './types.ts';

/** Below this many operations, or this few steps of reduction, plain loops are as good. */
const WORTH_IT = 2_000;
const FEW_STEPS = 3;

class Scheduling {
  readonly temps: Buffer[] = [];
  readonly prepare: Stmt[] = [];
  readonly #around: Surroundings;
  readonly #program: readonly Stmt[];

  constructor(around: Surroundings, program: readonly Stmt[]) {
    this.#around = around;
    this.#program = program;
  }

  get #usesAmx(): boolean {
    const { precision, target } = this.#around;
    return (precision === 'bf16' && target.bf16 === 'amx') || (precision === 'int8' && target.int8 === 'amx');
  }

  #elements(dtype: DType, size: number, kept: boolean): Buffer {
    const buffer: Buffer = { name: `s${this.temps.length}`, dtype, size, role: 'temp', ...(kept ? { kept } : {}) };
    this.temps.push(buffer);
    return buffer;
  }

  #temp(bytes: number, kept: boolean): Buffer {
    return this.#elements('uint8', Math.max(64, bytes), kept);
  }

  #plan(c: Contraction): Plan | undefined {
    const steps = sizeOfAxes(c.reduce);
    const work = 2 * sizeOfAxes(c.axes) * steps;
    const usual = tileOf(valueType(c.type), this.#around.target);
    const tile = usual && usual.type === 'float' && this.#usesAmx ? { ...usual, rows: AMX_ROWS } : usual;
    if (!tile || work < WORTH_IT || steps < FEW_STEPS) return undefined;
    const plan = planContraction(c, tile, this.#around);
    const bytes = byteTile(this.#around.target);
    const whole = bytes && planBytes(c, bytes, this.#around);
    if (whole && sizeOfAxes(whole.columns) >= 2) return whole;
    // Without columns every packed element is used once.
    return sizeOfAxes(plan.columns) < 2 || (sizeOfAxes(plan.rows) < 2 && plan.packing !== 'once' && !directOf(plan)) ? undefined : plan;
  }

  /** `before`: where what does not depend on the loops around may run. */
  block(stmts: readonly Stmt[], before: Stmt[] | undefined): Stmt[] {
    const out: Stmt[] = [];
    for (const s of this.#rows(stmts)) {
      if (s.kind === 'for' && s.fixed) {
        out.push(s);
        continue;
      }
      const nest = matchReduction(s);
      const c = nest && contractionOf(nest);
      const plan = c && this.#plan(c);
      if (plan) this.#stages(plan, out, before ?? out);
      else if (nest && (this.#separable(nest, out) || this.#across(nest, out) || this.#along(nest, out))) continue;
      else if (!nest && this.#transposition(s, out)) continue;
      else if (s.kind === 'for' && !s.parallel) out.push({ ...s, body: this.block(s.body, before ?? out) });
      else out.push(s);
    }
    return out;
  }

  /** Statements, nests over the same rows as one stage. */
  #rows(stmts: readonly Stmt[]): Stmt[] {
    const flat = new Map(stmts.map((s) => [flattenLoops([s])[0]!, s]));
    const isApart = (s: Stmt): boolean => this.#isApart(flat.get(s)!);
    return runsOfRows([...flat.keys()], isApart).map((x): Stmt => {
      if ('kind' in x) return flat.get(x)!;
      const nests = inPlace(x, this.#program).filter((s) => s.kind === 'for');
      return rowsStage(nests, Math.max(...x.map((n) => n.longest)), valueType);
    });
  }

  /** Whether there is a better way with a nest than loops, or sums along memory. */
  #isApart(s: Stmt): boolean {
    const nest = matchReduction(s);
    if (!nest) return transpositionOf(s, this.#around.storage) !== undefined;
    if (separableOf(nest)) return true;
    const along = alongOf(nest) !== undefined;
    const nowhere = (like: Buffer, size: number): Buffer => ({ ...like, size });
    const c = contractionOf(nest);
    return (c && this.#plan(c)) !== undefined || !along || acrossOf(nest, nowhere, () => {}, along) !== undefined;
  }

  #transposition(s: Stmt, out: Stmt[]): boolean {
    const t = transpositionOf(s, this.#around.storage);
    const stage = t && transpositionStage(t, dtypeInfo(t.from.dtype).bytes, this.#around.target);
    if (stage) out.push(stage);
    return stage !== undefined;
  }

  /** Writes pooling along rows as a stage; whether it was that. */
  #separable(nest: ReductionNest, out: Stmt[]): boolean {
    const separable = separableOf(nest);
    if (separable) out.push(separableStage(separable, valueType(nest.acc.type)));
    return separable !== undefined;
  }

  /** Writes a reduction across memory as a stage; whether it was one. */
  #across(nest: ReductionNest, out: Stmt[]): boolean {
    if (nest.acc.type === 'index' || nest.acc.type === 'bool') return false;
    const type = valueType(nest.acc.type);
    const across = acrossOf(
      nest,
      (like, elements, kept) => this.#elements(like.dtype, elements, kept),
      (copy, once) => void (once ? this.prepare : out).push(copy),
      alongOf(nest) !== undefined,
    );
    if (!across) return false;
    out.push(acrossStage(across, type, dtypeInfo(nest.acc.type).bytes, this.#around));
    return true;
  }

  /** Writes a reduction along memory as a stage; whether it was one. */
  #along(nest: ReductionNest, out: Stmt[]): boolean {
    const along = alongOf(nest);
    if (along) out.push(alongStage(along, valueType(nest.acc.type)));
    return along !== undefined;
  }

  #arithmetic(plan: Plan): Arithmetic {
    const { precision, target } = this.#around;
    if (plan.bytes && target.int8) return int8Arithmetic(target.int8);
    if (target.int8 && canBeInt16(plan)) return int16Arithmetic;
    if (precision === 'int8' && target.int8 && canBeQuantized(plan)) return quantizedArithmetic(target.int8);
    if (precision !== 'bf16' || !canBeBf16(plan)) return plainArithmetic;
    return target.bf16 === 'amx' ? amxArithmetic : bf16Arithmetic;
  }

  #winograd(plan: WinogradPlan, out: Stmt[]): void {
    const weights = this.#temp(winogradWeightBytes(plan), true);
    this.prepare.push(weightsStage(plan, weights, this.#temp(transformBytes(plan) * this.#around.target.threads, false)));
    out.push(winogradStage(plan, weights, this.#temp(winogradBytes(plan), false)));
  }

  #stages(plan: Plan, out: Stmt[], before: Stmt[]): void {
    const winograd = this.#around.precision === 'winograd' && winogradOf(plan, this.#around);
    if (winograd) return this.#winograd(winograd, out);
    const direct = plan.bytes ? undefined : directOf(plan);
    if (direct) {
      out.push(directStage(plan, direct, this.#temp(directBytes(plan, direct), false)));
      return;
    }
    const arithmetic = this.#arithmetic(plan);
    const panels = sizeOfAxes(plan.columnBatch) * panelsOf(plan);
    const packed = plan.packing === 'within' ? undefined : this.#temp(panels * arithmetic.panelBytes(plan), plan.packing === 'once');
    if (packed) {
      const wide = arithmetic.narrowPanel && this.#temp(panelBytes(plan) * this.#around.target.threads, false);
      const stage = packStage(plan, packed, arithmetic, wide);
      if (plan.packing === 'once') this.prepare.push(stage);
      else (isInput(plan) ? before : out).push(stage);
    }
    const scratch = this.#temp(scratchOf(plan, arithmetic).bytes * plan.jobs.workers, false);
    out.push(multiplyStage(plan, packed, scratch, arithmetic));
  }
}

/** Whether columns come from inputs alone: then no loop around changes them. */
const isInput = (plan: Plan): boolean =>
  readsOnly(plan.columnFactor, (b) => b.role === 'input') && standsAlone(plan.columnFactor, plan.contraction);

/** Replaces the contractions of a program's body. */
export const scheduleContractions = (body: readonly Stmt[], around: Surroundings): Scheduled => {
  const slices = sliceNests(splitPhases(splitDigits(body)), around.target.l2);
  const scheduling = new Scheduling(around, slices.body);
  const made = scheduling.block(slices.body, undefined);
  return { body: made, prepare: scheduling.prepare, temps: [...slices.temps, ...scheduling.temps] };
};
