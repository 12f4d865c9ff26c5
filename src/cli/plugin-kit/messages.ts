/** What the parent of a conformance run on a plugin and its child say to each other. */
import type { CheckResult, LevelName } from '../../kit/types.ts';
import type { RuntimeConfig } from '../../host/flagos.ts';

/** Plain data: it is sent to each child. */
export interface KitSetup {
  readonly target: string;
  readonly config: RuntimeConfig;
  /** Pattern of ops. */
  readonly filter: string | undefined;
}

/** A level on one chip, without the checks that were done. */
export interface KitOrder {
  readonly chip: string;
  readonly level: LevelName;
  readonly done: readonly string[];
}

export type ToKit = { readonly setup: KitSetup } | { readonly order: KitOrder };
export type FromKit =
  | { readonly loaded: readonly CheckResult[]; readonly chips: readonly KitChip[]; readonly missing: readonly KitMissing[] }
  | { readonly begin: string }
  | { readonly result: CheckResult }
  | { readonly end: true }
  | { readonly failed: { readonly message: string; readonly code: string | undefined; readonly hint: string | undefined } };

export interface KitChip {
  readonly id: string;
  readonly description: string;
  readonly version: string;
}
export interface KitMissing {
  readonly chip: string;
  readonly reason: string;
}
