/** What ran where: kernel calls on FlagOS ops and on other backends of tfjs, and which chips ran the ops. */
import type { PreparedPlan } from '../../dispatch/prepare.ts';

export interface TfCoverage {
  /** Kernel calls made of FlagOS ops, by kernel. */
  readonly native: Readonly<Record<string, number>>;
  /** Kernel calls another backend of tfjs ran, by kernel, with which backend it was and why. */
  readonly others: Readonly<Record<string, { readonly backend: string; readonly calls: number; readonly why: string }>>;
  /** Ops in plans made so far, by chip (`provider/chip`). */
  readonly ops: Readonly<Record<string, number>>;
  /** For people. */
  readonly line: string;
}

const sum = (numbers: Iterable<number>): number => {
  let n = 0;
  for (const x of numbers) n += x;
  return n;
};

export interface Counter {
  calls: number;
}

export class CoverageCount {
  readonly #native = new Map<string, Counter>();
  readonly #others = new Map<string, { backend: string; calls: number; why: string }>();
  readonly #ops = new Map<string, number>();

  /** Counts a kernel's calls on FlagOS ops. */
  counter(kernel: string): Counter {
    let counter = this.#native.get(kernel);
    if (!counter) this.#native.set(kernel, (counter = { calls: 0 }));
    return counter;
  }

  native(kernel: string): void {
    this.counter(kernel).calls++;
  }

  /** @returns whether it is the first time that the kernel went there. */
  other(kernel: string, backend: string, why: string): boolean {
    const known = this.#others.get(kernel);
    this.#others.set(kernel, { backend, calls: (known?.calls ?? 0) + 1, why });
    return known?.backend !== backend;
  }

  planned({ planned }: PreparedPlan): void {
    for (const { kernel } of planned.decisions.values()) {
      const chip = kernel ? kernel.id.slice(0, kernel.id.indexOf(':')) : 'nobody';
      this.#ops.set(chip, (this.#ops.get(chip) ?? 0) + 1);
    }
  }

  report(): TfCoverage {
    const [native, others] = [sum([...this.#native.values()].map((c) => c.calls)), sum([...this.#others.values()].map((o) => o.calls))];
    const chips = [...this.#ops].sort((a, b) => b[1] - a[1]).map(([chip, n]) => `${n} on ${chip}`);
    const away = [...this.#others].map(([kernel, { backend, calls }]) => `${kernel} ×${calls} on ${backend}`);
    return {
      native: Object.fromEntries([...this.#native].map(([kernel, { calls }]) => [kernel, calls])),
      others: Object.fromEntries(this.#others),
      ops: Object.fromEntries(this.#ops),
      line: `${native + others} kernel calls: ${native} on FlagOS ops${others ? `, ${others} on other backends (${away.join(', ')})` : ''}; ops planned: ${chips.join(', ') || 'none'}`,
    };
  }
}
