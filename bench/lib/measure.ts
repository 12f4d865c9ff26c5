/**
 * Measuring on a machine whose speed wanders: contenders take turns in one process, every round in
 * another order, and what is reported is the median of each and the median of the ratios round by round.
 */
export interface Contender {
  readonly name: string;
  /** One call of what is timed. */
  readonly run: () => unknown;
}

export interface Timing {
  readonly name: string;
  /** Microseconds per call. */
  readonly medianUs: number;
  readonly p95Us: number;
  readonly minUs: number;
  /** Median over rounds of this contender's time over the first one's. */
  readonly ratio: number;
  readonly rounds: number;
}

export interface MeasureOptions {
  readonly rounds?: number;
  /** Time one contender gets in one round, milliseconds: fast calls are repeated to fill it. */
  readonly sliceMs?: number;
  readonly warmupMs?: number;
  /** Rounds are cut, to 3 at the least, so that all contenders together take about this long, milliseconds. */
  readonly budgetMs?: number;
  /** Awaited before each turn, see quiet.ts: threads of one contender must not work beside the next. */
  readonly settle?: () => Promise<void>;
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** Calls `run` for about `ms`, awaiting it if it is asynchronous; microseconds per call. */
const slice = async (run: () => unknown, calls: number): Promise<number> => {
  const start = performance.now();
  for (let i = 0; i < calls; i++) {
    const r = run();
    if (r instanceof Promise) await r;
  }
  return ((performance.now() - start) * 1e3) / calls;
};

export const measure = async (contenders: readonly Contender[], options: MeasureOptions = {}): Promise<Timing[]> => {
  const { sliceMs = 20, warmupMs = 200, budgetMs = Infinity, settle } = options;
  const calls: number[] = [];
  let roundMs = 0;
  for (const { run } of contenders) {
    await settle?.();
    const until = performance.now() + warmupMs;
    let us = await slice(run, 1);
    while (performance.now() < until) us = await slice(run, Math.max(1, Math.min(1000, Math.round(2000 / us))));
    calls.push(Math.max(1, Math.round((sliceMs * 1e3) / us)));
    roundMs += (calls.at(-1)! * us) / 1e3;
  }
  const rounds = Math.min(options.rounds ?? 15, Math.max(3, Math.floor(budgetMs / roundMs)));
  const samples = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const at = (i + round) % contenders.length;
      if (settle) {
        await settle();
        // A call that does not count, so that caches and threads are as they are in a loop.
        if (calls[at]! > 1) await slice(contenders[at]!.run, 1);
      }
      samples[at]!.push(await slice(contenders[at]!.run, calls[at]!));
    }
  }
  return contenders.map(({ name }, i) => {
    const sorted = [...samples[i]!].sort((a, b) => a - b);
    return {
      name,
      rounds,
      medianUs: quantile(sorted, 0.5),
      p95Us: quantile(sorted, 0.95),
      minUs: sorted[0]!,
      ratio: median(samples[i]!.map((t, r) => t / samples[0]![r]!)),
    };
  });
};
