/** Decisions: for each choice every candidate, and for each one not chosen the reason. */
import type { Numerics, ProviderKind, ReasonCode } from '../plugins/contract.ts';
import type { AccuracyEvidence, PerformanceEvidence } from './evidence.ts';

/** A kernel that might run a node, before selection looked at it. */
export interface Candidate {
  /** `provider/chip:Op.variant`. */
  readonly kernel: string;
  readonly provider: string;
  readonly kind: ProviderKind;
  readonly chip: string;
  readonly variant: string;
  readonly numerics: Numerics | undefined;
  /** Never in a region with neighbours. */
  readonly alone: boolean;
  /** Nothing has to be compiled for it. */
  readonly instant: boolean;
  /** What the chip itself says: undefined if it can, else why not. */
  readonly refusal: { readonly reason: ReasonCode; readonly detail: string } | undefined;
  /** Time by declared priors, microseconds, without the region's start; undefined if it cannot run. */
  readonly priorUs: number | undefined;
  /** Microseconds to start a region on its chip. */
  readonly overheadUs: number;
  /** Names of the variants that are schedules of this one (or, if it is one itself, of the same one). */
  readonly schedules?: readonly string[];
  /** The kernel this is another schedule of. */
  readonly scheduleOf?: string;
}

/** A candidate as selection left it. */
export interface Verdict extends Candidate {
  readonly status: 'chosen' | 'eligible' | 'rejected';
  readonly reason: ReasonCode | undefined;
  readonly detail: string | undefined;
  /** Rank by policy; lower is preferred; undefined: policy forbids it. */
  readonly tier: number | undefined;
  /** What selection expects it to take: measured if there is evidence, else the prior. */
  readonly expectedUs: number | undefined;
  readonly measured: boolean;
  readonly accuracy: AccuracyEvidence;
  readonly performance: PerformanceEvidence;
  /** Of a candidate that only copies keep out: values that, were they in its memory already, would make it the cheaper one. */
  readonly winsIf?: { readonly inputs: readonly string[]; readonly memory: string } | undefined;
}

/** How a single call came to run where it runs: on a kernel with nothing to compile, until the one that was chosen is ready. */
export interface Tier {
  readonly state: 'compiling' | 'moved' | 'stays';
  /** Kernel it runs on until the other is ready. */
  readonly startedOn: string;
  /** Kernel selection chose. */
  readonly movesTo: string;
  /** For people. */
  readonly why: string;
}

/** One choice, whole. */
export interface Decision {
  readonly node: string;
  readonly op: string;
  readonly signature: string;
  /** First level: FlagOS op, vendor op or reference, and on what ground. */
  readonly language: { readonly provider: string; readonly kind: ProviderKind; readonly why: string } | undefined;
  /** Second level: chip and variant of that op. */
  readonly kernel: { readonly id: string; readonly why: string } | undefined;
  /** The region it runs in: number and size. */
  readonly region: { readonly id: number; readonly nodes: number } | undefined;
  /** Of a single call that did not wait for a compiler. */
  readonly tier?: Tier;
  readonly verdicts: readonly Verdict[];
}

export const kernelId = (provider: string, chip: string, op: string, variant: string): string => `${provider}/${chip}:${op}.${variant}`;
