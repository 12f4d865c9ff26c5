/**
 * A vendor with a row for each op it has: a row looks at a call's facts and refuses it, or adds it to a program of
 * the library's. What is said of a region and what is made of it come from the same rows, so they cannot disagree.
 */
import { FlagosError } from '../core/errors.ts';
import { opName } from '../core/graph.ts';
import { refused, supported, type Region, type Support } from './contract.ts';
import { Facts, Refused } from './facts.ts';

/** @param program undefined: only say whether it can be done, by throwing {@link Refused} if not. */
export type Row<P> = (facts: Facts, program?: P) => void;

export interface RowsParts<P> {
  /** For messages: what has, or has not, an op. */
  readonly library: string;
  /** By name of the op, with its domain before it where it has one: `Conv`, `com.microsoft.NhwcConv`. */
  readonly rows: Readonly<Record<string, Row<P>>>;
  /** Ops the library computes wrongly, with the reason, by name: they are refused. */
  readonly knownBugs: Readonly<Record<string, string>>;
}

export class Rows<P> {
  readonly #parts: RowsParts<P>;

  constructor(parts: RowsParts<P>) {
    this.#parts = parts;
  }

  /** The row of an op, whether or not it is refused for a bug. */
  find(domain: string, op: string): Row<P> | undefined {
    const name = opName(domain, op);
    return Object.hasOwn(this.#parts.rows, name) ? this.#parts.rows[name] : undefined;
  }

  #of(region: Region): [Row<P>, Facts][] {
    const { library, knownBugs } = this.#parts;
    return region.nodes.map((node): [Row<P>, Facts] => {
      const row = this.find(node.domain, node.op);
      if (!row) throw new Refused('NO_KERNEL', `${library} has no ${node.op}`);
      const name = opName(node.domain, node.op);
      if (Object.hasOwn(knownBugs, name)) throw new Refused('KNOWN_BUG', `${node.op}: ${knownBugs[name]}`);
      return [row, new Facts(node, region)];
    });
  }

  /** What a session says of a region. */
  supports(region: Region): Support {
    try {
      for (const [row, facts] of this.#of(region)) row(facts);
      return supported;
    } catch (thrown) {
      if (thrown instanceof Refused) return refused(thrown.reason, thrown.message);
      throw thrown;
    }
  }

  /** The row of every node, to make a program by. @throws FLAGOS_E_UNSUPPORTED where {@link supports} says no. */
  take(region: Region): readonly [Row<P>, Facts][] {
    const support = this.supports(region);
    if (!support.ok) throw new FlagosError('FLAGOS_E_UNSUPPORTED', support.detail, { details: { reason: support.reason } });
    return this.#of(region);
  }
}
