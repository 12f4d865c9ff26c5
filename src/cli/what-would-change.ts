/** For a decision: what would make each other candidate the chosen one. */
import type { ReasonCode } from '../plugins/contract.ts';
import type { Decision, Verdict } from '../opmanager/decision.ts';

type Advice = (v: Verdict, chosen: Verdict | undefined) => string | undefined;

const token = (v: Verdict): string => (v.kind === 'vendor' ? `vendor:${v.provider}` : `${v.provider}/${v.chip}`);

const onlyKernelCan: Advice = (v) => `${v.kernel}: a version of ${v.provider} that can (${v.detail ?? 'it cannot now'})`;
const shapes: Advice = (v) => `${v.kernel}: other shapes, types or attributes (${v.detail ?? 'it cannot run these'})`;

const advice: Readonly<Partial<Record<ReasonCode, Advice>>> = {
  POLICY: (v) => `${v.kernel}: --prefer ${token(v)}, or --per-op for this op`,
  SLOWER: (v, chosen) => {
    const limit = chosen?.expectedUs === undefined ? undefined : chosen.expectedUs + chosen.overheadUs;
    return `${v.kernel}: ${limit === undefined ? 'a faster measurement' : `a measurement under ${limit.toFixed(1)} µs`}, or --prefer ${token(v)}`;
  },
  REGION: (v) => `${v.kernel}: neighbours that run there too, or --prefer ${token(v)}`,
  TRANSFER: (v) =>
    v.winsIf
      ? `${v.kernel}: would win if ${v.winsIf.inputs.join(' and ')} were already in ${v.winsIf.memory}, or --prefer ${token(v)}`
      : `${v.kernel}: operands and readers that are there already, or --prefer ${token(v)}`,
  ACC_UNKNOWN: (v) => `${v.kernel}: a measurement of its accuracy, or --unknown-accuracy trust`,
  ACC_FAIL: (v) => `${v.kernel}: a lower --min-accuracy (it was measured ${v.accuracy.level})`,
  COMPILING: (v) => `${v.kernel}: waiting until it is compiled`,
  QUARANTINED: (v) => `${v.kernel}: the end of its quarantine (${v.detail ?? 'it failed'})`,
  LOCKED: (v) => `${v.kernel}: another entry in the lock file`,
  NO_KERNEL: onlyKernelCan,
  VERSION: onlyKernelCan,
  KNOWN_BUG: onlyKernelCan,
  PROBE: onlyKernelCan,
  ERROR: onlyKernelCan,
  DTYPE: shapes,
  LAYOUT: shapes,
  RANK: shapes,
  SHAPE: shapes,
  ATTR: shapes,
  LIMIT: shapes,
  SHAPE_UNKNOWN: (v) => `${v.kernel}: shapes that are known before running (${v.detail ?? ''})`,
};

/** One sentence for each candidate that was not chosen. */
export const whatWouldChange = ({ verdicts }: Decision): string[] => {
  const chosen = verdicts.find((v) => v.status === 'chosen');
  return verdicts.flatMap((v) => {
    if (v === chosen || v.reason === undefined) return [];
    return advice[v.reason]?.(v, chosen) ?? [];
  });
};
