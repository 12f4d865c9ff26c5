/**
 * Measuring contenders against each other on a machine whose speed wanders: they take turns, every round in
 * another order, for as many rounds as it takes to tell them apart and no more. One that is clearly beaten
 * drops out early, so the budget goes to those that are close.
 */
import type { MaybePromise } from '../core/async.ts';
import { clearlyFaster, intervalOf, timingOf, type Timing } from './timing.ts';

export interface Contender {
  readonly name: string;
  /** One call of what is timed. @param round rises by one with each call, so that buffers can take turns. */
  readonly run: (round: number) => MaybePromise<unknown>;
}

export interface Result {
  readonly name: string;
  /** Microseconds per call, in the order measured. */
  readonly samplesUs: readonly number[];
  readonly timing: Timing;
  /** Whether it was given up before the others, being clearly slower. */
  readonly dropped: boolean;
}

export interface MeasureOptions {
  /** Milliseconds of calls in all. Waiting for quiet comes on top, at the most twice as much again. */
  readonly budgetMs: number;
  /** Calls at least (of those that are not dropped), and at most. */
  readonly least?: number;
  readonly most?: number;
  /** A turn lasts at least this long, milliseconds: short calls are repeated. Default {@link SLICE_MS}. */
  readonly sliceMs?: number;
  /** Nobody is given up: for differences, not for winners. */
  readonly keepAll?: boolean;
  /** Milliseconds; replaced in tests. */
  readonly clock?: () => number;
  /** Awaited before each turn: threads of one contender must not work beside the next. */
  readonly settle?: (() => Promise<void>) | undefined;
  /** Asked between turns; true ends the measuring with what there is. */
  readonly cancelled?: () => boolean;
}

/** A turn lasts at least this long, milliseconds: short calls are repeated, so that the clock's steps do not matter. */
const SLICE_MS = 2;
/** Slower than the best by this factor in both of its first turns: gives up at once. */
const HOPELESS = 4;
/** Of the budget, what all may take with the waiting. */
const WITH_WAITING = 3;
/** Relative width of an interval that is exact enough. */
const EXACT = 0.02;

interface Track {
  readonly contender: Contender;
  readonly samples: number[];
  calls: number;
  round: number;
  dropped: boolean;
}

/** @returns one result per contender, in their order. */
export const measure = async (contenders: readonly Contender[], options: MeasureOptions): Promise<Result[]> => {
  const {
    budgetMs,
    least = 5,
    most = 64,
    keepAll = false,
    sliceMs = SLICE_MS,
    clock = () => performance.now(),
    settle,
    cancelled,
  } = options;
  const tracks = contenders.map((contender): Track => ({ contender, samples: [], calls: 1, round: 0, dropped: false }));
  let spent = 0;
  const begun = clock();
  const turn = async (t: Track, counts: boolean): Promise<void> => {
    await settle?.();
    if (settle && counts) {
      // After a pause caches and threads are cold; a loop of calls is what is measured.
      const start = clock();
      await t.contender.run(t.round++);
      spent += clock() - start;
    }
    const start = clock();
    for (let i = 0; i < t.calls; i++) {
      const made = t.contender.run(t.round++);
      if (made instanceof Promise) await made;
    }
    const ms = clock() - start;
    spent += ms;
    if (counts) t.samples.push((ms / t.calls) * 1e3);
    else t.calls = Math.max(1, Math.min(1000, Math.ceil(sliceMs / Math.max(ms / t.calls, 1e-3))));
  };
  // The first call of each does not count: it finds everything cold, and says how many calls make a turn.
  for (const t of tracks) await turn(t, false);
  const alive = (): Track[] => tracks.filter((t) => !t.dropped);
  const settled = (): boolean => {
    const running = alive();
    if (running.length === 1) return running[0]!.samples.length >= least;
    return running.every(({ samples }) => {
      if (samples.length < least) return false;
      const timing = timingOf(samples);
      const [low, high] = intervalOf(timing);
      return high - low < EXACT * timing.medianUs;
    });
  };
  for (let round = 0; round < most; round++) {
    if (cancelled?.()) break;
    if (round > 0 && ((round >= least && (spent >= budgetMs || clock() - begun >= WITH_WAITING * budgetMs)) || settled())) break;
    const running = alive();
    for (let i = 0; i < running.length; i++) await turn(running[(i + round) % running.length]!, true);
    const timings = running.map((t) => timingOf(t.samples));
    const best = timings.reduce((a, b) => (b.medianUs < a.medianUs ? b : a));
    running.forEach((t, i) => {
      const own = timings[i]!;
      if (own === best || running.length < 2 || keepAll) return;
      const hopeless = t.samples.length > 1 && Math.min(...t.samples) > HOPELESS * best.medianUs;
      if (hopeless || (t.samples.length >= least && clearlyFaster(best, own))) t.dropped = true;
    });
  }
  return tracks.map(({ contender, samples, dropped }) => ({
    name: contender.name,
    samplesUs: samples,
    timing: timingOf(samples),
    dropped,
  }));
};
