/**
 * A unit of verification: one op with one element type on one chip, or a single case of it. What a
 * child process is told, does, and answers.
 */
import { asError, FlagosError } from '../../core/errors.ts';
import { opName } from '../../core/graph.ts';
import type { DType } from '../../core/dtype.ts';
import type { OpenChip } from '../../dispatch/planned.ts';
import type { RuntimeConfig } from '../../host/flagos.ts';
import { verifyCall, type CaseBase, type CaseVerdict, type VerifyTarget } from '../../opmanager/verify/check.ts';
import type { OpSet } from '../../ops/registry.ts';
import { servePool } from '../conformance/pool.ts';
import { openRuntime } from '../runtime-options.ts';
import { capturedCall } from './captured.ts';
import { callsOf, parseCase } from './catalogue.ts';

export interface VerifySetup {
  readonly config: RuntimeConfig;
  readonly chips: readonly string[];
  /** Chip to ask about cases that fail, if it is open. */
  readonly witness: string;
  /** Folder of captured calls; undefined: made-up ones. */
  readonly captured?: string | undefined;
  /** `<kernel> <case id>`: what took a child down before. */
  readonly skip: readonly string[];
}

/** What the second witness says of a case that failed. */
export type Witness = 'sides with the reference' | 'fails too' | 'does not run it';

export interface UnitResult {
  /** `<chip> <op>/<dtype>`, or `<chip> <case id>`. */
  readonly name: string;
  readonly verdicts: readonly (CaseVerdict & { readonly witness?: Witness | undefined })[];
  /** Reasons of calls the chip does not run, with how many. */
  readonly refused: Readonly<Record<string, number>>;
  /** Calls the op itself does not allow with this type. */
  readonly notAllowed: number;
  readonly ms: number;
  /** The child crashed, or took too long. */
  readonly lost?: { readonly status: 'crash' | 'timeout'; readonly reason: string; readonly at: CaseBase | undefined } | undefined;
}

/** Errors that mean a call makes no sense for the op and type. */
const callErrors = new Set(['FLAGOS_E_SHAPE', 'FLAGOS_E_DTYPE', 'FLAGOS_E_VALUE', 'FLAGOS_E_ATTRIBUTE', 'FLAGOS_E_MODEL_INVALID']);

const targetOf = ({ provider, chip, session }: OpenChip): VerifyTarget => ({ provider: provider.name, chip: chip.id, session });

/** Runs a unit on the chips that are open. */
export const runUnit = async (
  name: string,
  chips: readonly OpenChip[],
  ops: OpSet,
  { witness, skip, captured }: Pick<VerifySetup, 'witness' | 'skip' | 'captured'>,
  begin?: (base: CaseBase) => void,
): Promise<UnitResult> => {
  const began = performance.now();
  const [chipId, rest] = [name.slice(0, name.indexOf(' ')), name.slice(name.indexOf(' ') + 1)];
  const chip = chips.find((c) => c.id === chipId);
  if (!chip) throw new FlagosError('FLAGOS_E_CHIP', `there is no chip '${chipId}' here`);
  const single = parseCase(rest);
  const [op, dtype] = single ? [single.op, single.dtype as DType] : (rest.split('/') as [string, DType]);
  const record = ops.records.find((r) => opName(r.domain, r.name) === op);
  if (!record) throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `there is no op '${op}'`);
  const second = chips.find((c) => c.id === witness && c.id !== chipId);
  const verdicts: (CaseVerdict & { witness?: Witness })[] = [];
  const refused: Record<string, number> = {};
  let notAllowed = 0;
  const calls = captured !== undefined && single ? [capturedCall(captured, single.label, ops).call] : callsOf(record, ops, dtype);
  for (const call of calls) {
    if (single && call.label !== single.label) continue;
    try {
      const made = await verifyCall(targetOf(chip), call, dtype, {
        only: single && [single.inputClass],
        skip: ({ id, kernel }) => skip.includes(`${kernel} ${id}`),
        begin,
      });
      if (made.refused !== undefined) refused[made.refused] = (refused[made.refused] ?? 0) + 1;
      for (const v of made.verdicts) {
        if (v.level !== 'fail' || !second) verdicts.push(v);
        else {
          const asked = await verifyCall(targetOf(second), call, dtype, { only: [v.inputClass] });
          const says =
            asked.verdicts.length === 0
              ? 'does not run it'
              : asked.verdicts.some((w) => w.level === 'fail')
                ? 'fails too'
                : 'sides with the reference';
          verdicts.push({ ...v, witness: says });
        }
      }
    } catch (thrown) {
      const error = asError(thrown);
      if (!(error instanceof FlagosError) || !callErrors.has(error.code)) throw thrown;
      notAllowed++;
    }
  }
  return { name, verdicts, refused, notAllowed, ms: Math.round(performance.now() - began) };
};

/** Serves as a child. */
export const serveUnits = (): Promise<void> =>
  servePool<VerifySetup, UnitResult>(async (setup) => {
    const { runtime } = await openRuntime(setup.config, setup.chips);
    return (name, at) => runUnit(name, runtime.chips, runtime.ops, setup, at);
  });
