/** What the conformance kit speaks of: the plugin under test, its levels of checks, and what became of each check. */
import type { Chip, ChipSession, Host, KernelProvider } from '../plugins/contract.ts';
import type { OpSet } from '../ops/registry.ts';
import type { PerformanceRow } from '../opmanager/tables/rows.ts';

/** In this order: each level takes for granted what those before it showed. */
export const levels = ['chip', 'contract', 'numerics', 'faults', 'model', 'performance'] as const;
export type LevelName = (typeof levels)[number];

/**
 * `loosened`: right only by the wider tolerance. `skip`: could not be checked here, for the reason given. `na`: there is
 * nothing to check (a synchronous kernel cannot be cancelled).
 */
export type Status = 'pass' | 'loosened' | 'skip' | 'na' | 'fail';

export interface Outcome {
  readonly status: Status;
  /** Why, for all but `pass`; what was found, for some of those. */
  readonly detail?: string;
  /** Measurements, for programs. */
  readonly facts?: Readonly<Record<string, number | string>>;
  /** What was measured of a kernel, for a table. */
  readonly row?: PerformanceRow;
}

export interface CheckResult extends Outcome {
  readonly level: LevelName | 'manifest';
  readonly name: string;
  readonly ms: number;
}

/** A check by its name; what it looks at is chosen when the list is made, so that names alone tell checks apart. */
export interface Check {
  readonly level: LevelName;
  readonly name: string;
  run(): Promise<Outcome>;
}

/** An open chip, and the world around it. */
export interface Subject {
  readonly provider: KernelProvider;
  readonly chip: Chip;
  readonly session: ChipSession;
  readonly host: Host;
  readonly ops: OpSet;
  /** Only ops whose name fits. */
  readonly filter?: RegExp | undefined;
  /** Of the machine, for rows: its name, and whether it does nothing else worth mentioning. */
  readonly machine?: { readonly name: string; readonly quiet: () => boolean } | undefined;
  /** Bytes the process holds, after garbage was collected; absent where nobody can tell. */
  readonly memory?: (() => number) | undefined;
}

export const pass = (detail?: string): Outcome => ({ status: 'pass', ...(detail === undefined ? {} : { detail }) });
export const fail = (detail: string): Outcome => ({ status: 'fail', detail });
export const skip = (detail: string): Outcome => ({ status: 'skip', detail });
