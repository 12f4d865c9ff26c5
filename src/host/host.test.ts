import { describe, expect, it } from 'vitest';
import { usableCores } from './cores.ts';
import { createHost } from './host.ts';

describe('createHost', () => {
  it('writes lines of the level and above', () => {
    const lines: string[] = [];
    const host = createHost({ threads: 4, log: 'info', logger: undefined }, { env: { A: 'b' }, write: (line) => lines.push(line) });
    host.logger.log('debug', 'no');
    host.logger.log('info', 'yes', { n: 1 });
    expect(lines).toEqual(['flagos info: yes {"n":1}']);
    expect([host.threads, host.env['A'], Object.isFrozen(host.env)]).toEqual([4, 'b', true]);
  });

  it('can be silent, and can be given a logger', () => {
    const lines: unknown[] = [];
    createHost({ threads: 1, log: 'silent', logger: undefined }, { write: (line) => lines.push(line) }).logger.log('error', 'x');
    expect(lines).toEqual([]);
    const logger = { log: (...line: unknown[]) => lines.push(line) };
    createHost({ threads: 1, log: 'silent', logger }).logger.log('debug', 'x');
    expect(lines).toEqual([['debug', 'x']]);
  });

  it('counts at least one thread here', () => {
    expect(createHost({ threads: 'auto', log: 'silent', logger: undefined }).threads).toBeGreaterThanOrEqual(1);
  });
});

describe('usableCores', () => {
  const machine =
    (files: Record<string, string>) =>
    (path: string): string | undefined =>
      files[path];
  const siblings = (lists: string[]): Record<string, string> =>
    Object.fromEntries(lists.map((list, cpu) => [`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, list]));
  const status = '/proc/self/status';

  it.each<[title: string, files: Record<string, string>, hardwareThreads: number, cores: number]>([
    ['two threads a core', { [status]: 'Cpus_allowed_list:\t0-3', ...siblings(['0,2', '1,3', '0,2', '1,3']) }, 4, 2],
    ['one thread a core', { [status]: 'Name: x\nCpus_allowed_list:\t0-1\n', ...siblings(['0', '1']) }, 2, 2],
    ['bound to one core', { [status]: 'Cpus_allowed_list:\t0,2', ...siblings(['0,2', '1,3', '0,2', '1,3']) }, 4, 1],
    ['bound to a few of many', { [status]: 'Cpus_allowed_list:\t1-2', ...siblings(['0', '1', '2', '3']) }, 4, 2],
    ['a system that does not say', {}, 6, 6],
    ['a system that says half of it', { [status]: 'Cpus_allowed_list:\t0-3', ...siblings(['0', '1']) }, 4, 4],
    ['rubbish', { [status]: 'Cpus_allowed_list:\tall' }, 4, 4],
    ['a quota of one and a half', { '/sys/fs/cgroup/cpu.max': '150000 100000' }, 8, 1],
    ['a quota below one', { '/sys/fs/cgroup/cpu.max': '50000 100000' }, 8, 1],
    ['no quota', { '/sys/fs/cgroup/cpu.max': 'max 100000' }, 8, 8],
    [
      'a quota of the older kind',
      { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' },
      8,
      3,
    ],
    ['no quota of the older kind', { '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' }, 8, 8],
  ])('%s', (_, files, hardwareThreads, cores) => {
    expect(usableCores(machine(files), hardwareThreads)).toBe(cores);
  });
});
