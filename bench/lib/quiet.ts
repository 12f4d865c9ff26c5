/**
 * Waiting until this process uses no processor: worker threads of onnxruntime and OpenBLAS spin for
 * tens of milliseconds after a call, and would take a core from whoever is measured next.
 */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** @param limitMs given up after: a thread that never sleeps is part of what is measured. */
export const untilQuiet = async (limitMs = 300): Promise<void> => {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await pause(4);
    const { user, system } = process.cpuUsage(used);
    if (user + system < 0.25e3 * (performance.now() - start)) return;
  }
};
