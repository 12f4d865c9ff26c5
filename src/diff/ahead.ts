/**
 * Goldens that need a compiler, compiled while regions before theirs are compared: comparing keeps one core
 * busy and compilers run on the others.
 */
import type { PlannedRegion } from '../dispatch/planner.ts';
import type { Region } from '../plugins/contract.ts';
import { isWide, type OracleParts } from './oracle.ts';
import { numericsOf } from './step.ts';
import { WideRegion } from './wide.ts';

/** Regions looked ahead: enough for every core, few enough not to hold what is not needed yet. */
const AHEAD = 6;

export class WideAhead {
  readonly #parts: Pick<OracleParts, 'wide' | 'wideFrom'>;
  readonly #made = new Map<Region, Promise<WideRegion | undefined>>();

  constructor(parts: Pick<OracleParts, 'wide' | 'wideFrom'>) {
    this.#parts = parts;
  }

  /** Starts what the next ones of these regions need, in the order they will run. */
  begin(regions: readonly PlannedRegion[]): void {
    const { wide } = this.#parts;
    if (!wide) return;
    for (const planned of regions.slice(0, AHEAD)) {
      const { region } = planned;
      if (!planned.chip || this.#made.has(region) || !isWide(region, this.#parts)) continue;
      const made = WideRegion.prepare(region, wide, numericsOf(planned));
      // Whoever takes it hears of a failure.
      made.catch(() => {});
      this.#made.set(region, made);
    }
  }

  /** What was started for a region; undefined if nothing was. Whoever takes it disposes of it. */
  take(region: Region): Promise<WideRegion | undefined> | undefined {
    const made = this.#made.get(region);
    this.#made.delete(region);
    return made;
  }

  /** Releases what nobody took. */
  async dispose(): Promise<void> {
    for (const ended of await Promise.allSettled(this.#made.values())) if (ended.status === 'fulfilled') await ended.value?.dispose();
    this.#made.clear();
  }
}
