/**
 * The plugin contract, version 1: everything a package needs to bring kernels for a chip.
 *
 * A provider finds chips (`probe`), opens one (`open`), says what it can run there (`supports`,
 * without side effects), prepares it (`prepare`, may be slow), and runs it (`run`, as fast as it can).
 * What it is given to run is a region: a connected set of op nodes, at least one.
 */
import type { DType } from '../core/dtype.ts';
import type { Node, ValueType } from '../core/graph.ts';
import type { Logger } from '../core/log.ts';
import type { Numerics } from '../core/numerics.ts';
import type { Tensor, Value } from '../core/tensor.ts';

/** Version of this contract. A plugin built for another one is refused, with a report. */
export const ABI = 1;

export type ProviderKind = 'flagos' | 'vendor' | 'reference';

export type { Numerics } from '../core/numerics.ts';
export type { OpRawKernel, RawArgument, RawC, RawCall, RawJs, RawPlan, RawTarget } from '../ops/raw/kernel.ts';

/** Why a candidate was not chosen, or cannot run. */
export type ReasonCode =
  | 'NO_KERNEL'
  | 'DTYPE'
  | 'LAYOUT'
  | 'RANK'
  | 'SHAPE'
  | 'SHAPE_UNKNOWN'
  | 'ATTR'
  | 'VERSION'
  | 'KNOWN_BUG'
  | 'LIMIT'
  | 'POLICY'
  | 'ACC_FAIL'
  | 'ACC_UNKNOWN'
  | 'SLOWER'
  | 'TRANSFER'
  | 'REGION'
  | 'COMPILING'
  | 'QUARANTINED'
  | 'LOCKED'
  | 'PROBE'
  | 'ERROR';

/** What a plugin may use of the process it runs in. */
export interface Host {
  readonly logger: Logger;
  /** Threads a kernel may use; at least 1. */
  readonly threads: number;
  /** Processor and system, for what was measured to be worth nothing on another: absent where nothing is known. */
  readonly machine?: string;
  /** Its name, for people. */
  readonly name?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A place where kernels run, as found on this machine. */
export interface Chip {
  /** `cpu`, `wasm`, `webgpu`, …: unique within the provider. */
  readonly id: string;
  /** For people. */
  readonly description: string;
  /** Model, features, driver, threads: whatever, when changed, makes old measurements worthless. */
  readonly fingerprint: string;
}

export interface ProbeReport {
  readonly chips: readonly Chip[];
  /** What was looked for and not found, with what could be done about it. */
  readonly missing?: readonly { readonly chip: string; readonly reason: string; readonly hint?: string }[];
}

/** An inner or outer value of a region. */
export interface RegionValue {
  readonly name: string;
  /** Undefined or without shape where it is known only while running. */
  readonly type: ValueType | undefined;
}

/** A connected set of nodes that runs as one unit. */
export interface Region {
  readonly nodes: readonly Node[];
  /** Values that come from outside, constants not among them. */
  readonly inputs: readonly RegionValue[];
  /** Values that are read outside. */
  readonly outputs: readonly RegionValue[];
  /** Values known when planning: weights, folded constants. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Type of any value of the region (inner ones too), as far as known. */
  readonly types: ReadonlyMap<string, ValueType>;
}

export type Support = { readonly ok: true } | { readonly ok: false; readonly reason: ReasonCode; readonly detail: string };
export const supported: Support = { ok: true };
export const refused = (reason: ReasonCode, detail: string): Support => ({ ok: false, reason, detail });

/** One way to run a region on a chip. */
export interface Variant {
  /** Part of the kernel id `provider/chip:Op.variant`; stable over versions. */
  readonly name: string;
  readonly numerics: Numerics;
  /** Runs its op by itself, never in a region with neighbours. */
  readonly alone?: boolean;
  /** Ready as soon as it is asked for, see {@link ChipSession.instant}; default what the session says of itself. */
  readonly instant?: boolean;
  /** Declared speeds, where they differ from those of its session. */
  readonly prior?: Partial<CostPrior>;
  /**
   * Names of further variants that compute the same in the same arithmetic and only cut the work otherwise (blocks,
   * threads): `prepare` takes them, too. Nothing is planned by them of itself: the tuner measures them, and plans, locks
   * and policies may name them. Evidence of this variant's accuracy is theirs.
   */
  readonly schedules?: readonly string[];
}

/** A declared guess of speed, used until measurements exist. */
export interface CostPrior {
  /** Microseconds to start a region, whatever is in it. */
  readonly overheadUs: number;
  /** Arithmetic rate on contractions, 10⁹ operations a second. */
  readonly gflops: number;
  /** Rate of moving operands, 10⁹ bytes a second. */
  readonly gbps: number;
  /** Microseconds that every node of a region adds, whatever it does: an interpreter's way from one to the next. Default 0, as in compiled regions. */
  readonly nodeUs?: number;
  /** Microseconds to make one kernel ready, once: a single call runs elsewhere meanwhile, unless that would take longer. */
  readonly prepareUs?: number;
}

/** Where tensors live. `host` is ordinary memory and is everybody's; any other space is its provider's own. */
export interface MemorySpace {
  readonly id: string;
  /** Declared cost of a copy to or from the host. */
  readonly transfer: { readonly latencyUs: number; readonly gbps: number };
  /** Copies a host tensor into this space. */
  upload(tensor: Tensor): DeviceTensor | Promise<DeviceTensor>;
  /** Copies back to the host. */
  download(tensor: DeviceTensor): Tensor | Promise<Tensor>;
  free(tensor: DeviceTensor): void;
}

/** A tensor in a space other than the host. */
export interface DeviceTensor {
  readonly space: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly handle: unknown;
}

export const hostMemory: Pick<MemorySpace, 'id'> = { id: 'host' };

/** What a kernel is handed: host values, or, if its session has its own memory, tensors of that space. */
export type RunValue = Value | DeviceTensor | undefined;

/** A region ready to run, any number of times, one call at a time. */
export interface Prepared {
  /** Bytes this keeps for itself between inputs and outputs. */
  readonly workspaceBytes: number;
  /** A hash of the code that runs, for kernels made from text: as long as it is the same, so are the bits of the results. Locks keep it. */
  readonly code?: string;
  /**
   * Runs once. `inputs` stand in the order of the region's inputs and must not be changed. `outputs`
   * stand in the order of its outputs: where a host tensor of the known type and shape is given the
   * result goes into it, over whatever is there; an `undefined` place (shape unknown, or not a tensor, or device memory) is
   * filled by the kernel with a value of its own. A synchronous kernel returns nothing.
   */
  run(inputs: readonly RunValue[], outputs: RunValue[]): void | Promise<void>;
  /** As `run`, on the caller's thread and done when it comes back: for callers that cannot wait. Without it they call `run`, and go elsewhere if that is not done at once. */
  runSync?(inputs: readonly RunValue[], outputs: RunValue[]): void;
  dispose(): void | Promise<void>;
}

/** Told how many parts of a kernel are ready while it is prepared: for progress. Calling it is never required. */
export type PrepareWatch = (done: number, total: number) => void;

/** An open chip. */
export interface ChipSession {
  /** Absent: host memory. */
  readonly memory?: MemorySpace;
  /** `connected`: may be offered whole connected subgraphs; `single`: one node at a time. */
  readonly regions: 'single' | 'connected';
  /** Whether regions with shapes known only while running can be prepared. */
  readonly dynamicShapes: boolean;
  readonly prior: CostPrior;
  /** Whether regions are ready as soon as they are asked for: such a chip serves single calls while another one's kernel is made. */
  readonly instant?: boolean;
  /** Whether what it supports depends on what nodes are called; else it is asked once about nodes that differ in nothing but names. */
  readonly byName?: boolean;
  /** Whether this chip can run the region. Pure: same answer for the same region, nothing changed, nothing loaded. */
  supports(region: Region): Support;
  /** The ways it can run a region it supports; without this, one named `default` with the session's own types. */
  variants?(region: Region): readonly Variant[];
  /** Compiles, packs, plans. Throws `FLAGOS_E_UNSUPPORTED` if it turns out that it cannot. */
  prepare(region: Region, variant: string, watch?: PrepareWatch): Prepared | Promise<Prepared>;
  close(): void | Promise<void>;
}

/** Someone who supplies kernels. */
export interface KernelProvider {
  /** `flagos`, `onnxruntime`, `acme`: unique in the process. */
  readonly name: string;
  readonly kind: ProviderKind;
  readonly version: string;
  /** Whatever else, when changed, changes what its kernels compute: measurements made with another one say nothing. */
  readonly fingerprint?: string;
  /** Looks for chips; reports what is missing instead of throwing. */
  probe(host: Host): ProbeReport | Promise<ProbeReport>;
  open(chip: Chip, host: Host): ChipSession | Promise<ChipSession>;
}

/** A table of a plugin's. What is no row of a table (docs/evidence.md) is not read. */
export interface TableSource {
  /** For messages. */
  readonly name: string;
  /** Whether its rows were measured by machines that share it, so that they count like this machine's own; else they are what the plugin ships: priors. */
  readonly shared?: boolean;
  read(): readonly object[] | Promise<readonly object[]>;
  /** Keeps rows; one whose id is there is the same row. Needed where it is shared. */
  append?(rows: readonly object[]): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** A plugin's policy: the fields of a configuration that say who runs what (docs/cli.md). */
export interface PolicySource {
  /** For messages. */
  readonly name: string;
  policy(): object | Promise<object>;
}

export const defaultVariant: Variant = { name: 'default', numerics: { inputs: 'same', accumulate: 'same', notes: ['reassociated'] } };

/** The `flagos` field of a plugin's package.json: readable without running any of its code. */
export interface PluginManifest {
  /** Module to load, relative to the package. */
  readonly plugin: string;
  readonly abi: number;
  /** Provider the plugin brings, for messages when it cannot be loaded. */
  readonly provider: string;
}

/** Tokens a plugin binds in the container it is given. */
export const KERNEL_PROVIDER: unique symbol = Symbol.for('flagos/kernel-provider');
/** A kernel written by hand for an op on a chip of this library: an {@link OpRawKernel}. */
export const RAW_KERNEL: unique symbol = Symbol.for('flagos/raw-kernel');
/** Rows of evidence a plugin brings, or a place where rows are kept: a {@link TableSource}. */
export const TABLE_STORE: unique symbol = Symbol.for('flagos/table-store');
/** A policy a plugin asks for, over the defaults and under everything a user says: a {@link PolicySource}. */
export const POLICY_SOURCE: unique symbol = Symbol.for('flagos/policy-source');
export const HOST: unique symbol = Symbol.for('flagos/host');
export const LOGGER: unique symbol = Symbol.for('flagos/logger');
