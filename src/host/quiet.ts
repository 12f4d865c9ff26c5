/**
 * Waiting until this process uses no processor: worker threads of onnxruntime and of compiled kernels spin for
 * milliseconds after a call, and would take a core from whoever is measured next.
 */
const pause = (ms: number): Promise<void> => new Promise((go) => void setTimeout(go, ms));

/** A part of one core that counts as idle. */
const IDLE = 0.25;

/** @param limitMs given up after: a thread that never sleeps is part of what is measured. @returns whether it became quiet. */
export const untilIdle = async (limitMs = 300): Promise<boolean> => {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await pause(4);
    const { user, system } = process.cpuUsage(used);
    if (user + system < IDLE * 1e3 * (performance.now() - start)) return true;
  }
  return false;
};
