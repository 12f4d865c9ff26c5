/** Where errors come from: followed along a model, region by region in the order in which they run. */
import type { Region } from '../plugins/contract.ts';
import type { OutputDiff } from './output-diff.ts';

/** `injected`: wrong here on its own inputs; `inherited`: off because its inputs are; `amplified`: right, but makes what it inherits larger. */
export type Role = 'injected' | 'inherited' | 'amplified' | 'clean';

/** Relative error from which a tensor counts as off, in units of the root mean square of its golden. */
const OFF = 1e-3;
/** Growth of the relative error that makes a region an amplifier. */
const AMPLIFIES = 4;

export class Roles {
  /** Relative accumulated error by value name. */
  readonly #off = new Map<string, number>();
  /** Values that carry an error of a region before. */
  readonly #tainted = new Set<string>();

  /** The role of the next region. @param ok whether it is right on its own inputs. */
  of(region: Region, outputs: readonly OutputDiff[], ok: boolean): Role {
    const tainted = region.inputs.some((i) => this.#tainted.has(i.name));
    const before = Math.max(0, ...region.inputs.map((i) => this.#off.get(i.name) ?? 0));
    const after = Math.max(0, ...outputs.map((o) => o.accumulated?.relative ?? 0));
    region.outputs.forEach((o, i) => {
      this.#off.set(o.name, outputs[i]!.accumulated?.relative ?? 0);
      if (!ok || tainted) this.#tainted.add(o.name);
    });
    if (!ok) return 'injected';
    if (after > OFF && before > 0 && after > AMPLIFIES * before) return 'amplified';
    // What is right within a precision it declares has an error of its own, too: without one in its inputs there is nothing to inherit.
    return (after > OFF && before > 0) || (tainted && after > 0) ? 'inherited' : 'clean';
  }
}
