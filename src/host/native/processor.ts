/** What the machine says of its processor: which vector registers it has, and how large its caches are. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../../compiler/contraction/types.ts';
import type { Compiler } from './compiler.ts';

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Model and features: whatever decides which instructions `-march=native` uses. */
export const cpuFacts = (): string => {
  const features = /^(?:flags|Features)\s*:.*$/m.exec(read('/proc/cpuinfo'))?.[0] ?? '';
  return `${arch()} ${cpus()[0]?.model ?? ''} ${features}`;
};

/** Bytes of the data caches by level, as far as the system tells. */
const caches = (): Map<number, number> => {
  const root = '/sys/devices/system/cpu/cpu0/cache';
  const sizes = new Map<number, number>();
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    if (!name.startsWith('index') || read(join(root, name, 'type')).trim() === 'Instruction') continue;
    const [, amount, unit] = /^(\d+)([KMG]?)/.exec(read(join(root, name, 'size'))) ?? [];
    if (amount)
      sizes.set(
        Number(read(join(root, name, 'level'))),
        Number(amount) * (unit === 'G' ? 2 ** 30 : unit === 'M' ? 2 ** 20 : unit === 'K' ? 2 ** 10 : 1),
      );
  }
  return sizes;
};

/**
 * Where the system is silent, sizes most processors of the last ten years have at least.
 * @param compiler what of the processor it makes use of.
 */
export const thisProcessor = (threads: number, { vectorBytes, uses }: Pick<Compiler, 'vectorBytes' | 'uses'>): Target => {
  const size = caches();
  return {
    vectorBytes,
    bf16: !uses.includes('avx512bf16') ? undefined : uses.includes('amx_bf16') ? 'amx' : 'dot',
    int8: !uses.includes('avx512vnni') ? undefined : uses.includes('amx_int8') ? 'amx' : 'dot',
    registers: vectorBytes === 64 || arch() === 'arm64' ? 32 : 16,
    l1: size.get(1) ?? 32 << 10,
    l2: size.get(2) ?? 512 << 10,
    l3: size.get(3) ?? 8 << 20,
    threads,
  };
};
