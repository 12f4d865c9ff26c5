/** The op set: records by domain and name. */
import { FlagosError } from '../core/errors.ts';
import { opName } from '../core/graph.ts';
import type { OpRecord } from './define.ts';

export class OpSet {
  readonly #records = new Map<string, OpRecord>();

  /** @throws FLAGOS_E_PLUGIN_CONFLICT if two records have one name. */
  constructor(records: Iterable<OpRecord>) {
    for (const record of records) {
      const name = opName(record.domain, record.name);
      if (this.#records.has(name)) throw new FlagosError('FLAGOS_E_PLUGIN_CONFLICT', `op ${name} is defined twice`);
      this.#records.set(name, record);
    }
  }

  get records(): readonly OpRecord[] {
    return [...this.#records.values()];
  }

  find(domain: string, op: string): OpRecord | undefined {
    return this.#records.get(opName(domain, op));
  }
}
