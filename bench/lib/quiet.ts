/**
 * What happens before each turn of a contender, so that it pays for nothing of the one before it: garbage is
 * collected (results of some megabytes make V8 collect while somebody else is measured, on all processors), and
 * the process waits until it uses no processor (worker threads of onnxruntime and OpenBLAS spin for tens of
 * milliseconds after a call, and would take a core).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as (how: { type: 'minor' }) => void;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @param limitMs given up after: a thread that never sleeps is part of what is measured. */
export const untilQuiet = async (limitMs = 300): Promise<void> => {
  collectGarbage({ type: 'minor' });
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await pause(4);
    const { user, system } = process.cpuUsage(used);
    if (user + system < 0.25e3 * (performance.now() - start)) return;
  }
};
