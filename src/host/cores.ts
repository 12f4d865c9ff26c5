/**
 * How many threads pay for arithmetic: one for each physical core this process may run on. Two
 * threads on one core share its arithmetic units, so counting hardware threads would only add waiting.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** A text file of the system; undefined if it is not there. */
export type ReadText = (path: string) => string | undefined;

const readSystem: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Absent outside Linux and in some containers: the caller has another way to know.
    return undefined;
  }
};

/** `0-2,8` → 0, 1, 2, 8. */
const cpuList = (text: string): number[] =>
  text.split(',').flatMap((part) => {
    const [first = NaN, last = first] = part.split('-').map(Number);
    return Number.isInteger(first) && Number.isInteger(last) && last >= first && last - first < 65_536
      ? Array.from({ length: last - first + 1 }, (_, i) => first + i)
      : [];
  });

/** Whole processors a container's quota gives, at least 1 (cgroup v2, then v1); undefined without quota. */
const quota = (read: ReadText): number | undefined => {
  const [max, period] = (read('/sys/fs/cgroup/cpu.max') ?? '').split(' ').map(Number);
  const v2 = max! / period!;
  const v1 = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')) / Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us'));
  const processors = [v2, v1].find((p) => Number.isFinite(p) && p > 0);
  return processors === undefined ? undefined : Math.max(1, Math.floor(processors));
};

/** Different cores among the processors this process may use (Linux); undefined if the system does not say. */
const coresFromSystem = (read: ReadText): number | undefined => {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(read('/proc/self/status') ?? '')?.[1];
  if (allowed === undefined) return undefined;
  const cores = cpuList(allowed).map((cpu) => read(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`));
  return cores.length > 0 && cores.every((siblings) => siblings !== undefined) ? new Set(cores).size : undefined;
};

/** Physical cores this process may use, within its container's quota; hardware threads where cores are not known. */
export const usableCores = (read: ReadText = readSystem, hardwareThreads = availableParallelism()): number =>
  Math.max(1, Math.min(coresFromSystem(read) ?? hardwareThreads, quota(read) ?? Infinity));
