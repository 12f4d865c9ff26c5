/** What is asked of a measuring process, and what one case gave: sent between processes, and kept as JSON. */
export interface Job {
  readonly chip: string;
  readonly threads: number;
  readonly peers: readonly string[];
  /** A regular expression: names or groups of cases. */
  readonly filter: string;
  readonly rounds: number;
  readonly sliceMs: number;
  /** About the most time a case gets, unless three rounds take longer. */
  readonly caseMs: number;
}

export interface PeerResult {
  readonly peer: string;
  /** Median time of one call, microseconds. */
  readonly us?: number;
  /** Peer's time over ours, median over rounds: above 1 we are faster. */
  readonly speed?: number;
  /** Difference of the results, see agree.ts. */
  readonly error?: number;
  /** Why there is no ratio: the peer cannot run it, or the results differ. */
  readonly problem?: string;
}

export interface OpResult {
  readonly chip: string;
  readonly threads: number;
  readonly name: string;
  readonly group: string;
  /** Median time of one call of ours, microseconds. */
  readonly us?: number;
  /** Our rate, where the case says how many operations it has. */
  readonly gflops?: number;
  /** Loading, planning, compiling (or finding it compiled) and the first run, milliseconds. */
  readonly firstMs?: number;
  readonly rounds?: number;
  /** Why ours has no time. */
  readonly problem?: string;
  readonly peers: readonly PeerResult[];
}
