/** What a page does in `wasm-threads.long.test.ts`: programs on two threads and on one, on the page's main thread. */
import { programKinds, Random } from '../../src/compiler/programs.test-util.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ThreadPool } from '../../src/plugins/flagos/thread-pool.ts';
import { runWasm } from '../../src/plugins/flagos/wasm.test-util.ts';
import { findWebThreads } from '../../src/plugins/flagos/web-threads.ts';

export interface PageReport {
  readonly missing: string | undefined;
  /** Programs, stages of them that were divided, and those whose results were other bits. */
  readonly programs: number;
  readonly divided: number;
  readonly different: readonly string[];
}

const bytes = (a: ArrayBufferView): string => new Uint8Array(a.buffer, a.byteOffset, a.byteLength).join();

export const work = async (each: number): Promise<PageReport> => {
  const found = findWebThreads();
  if ('missing' in found) return { missing: found.missing, programs: 0, divided: 0, different: [] };
  const pool = new ThreadPool(found.threads);
  pool.enter(2, silentLogger);
  let [programs, divided] = [0, 0];
  const different: string[] = [];
  for (const [kind, make] of Object.entries(programKinds))
    for (let seed = 0; seed < each; seed++) {
      const program = make(new Random(seed));
      if (!program) continue;
      const [one, two] = [await runWasm(program), await runWasm(program, undefined, pool)];
      programs++;
      divided += two.sharedStages;
      if (two.results.some((r, i) => bytes(r) !== bytes(one.results[i]!))) different.push(`${kind} ${seed}`);
    }
  pool.leave();
  return { missing: undefined, programs, divided, different };
};
