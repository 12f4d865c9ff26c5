/** The child process of a conformance run on a plugin: loads it, and runs the checks of a level when told to. */
import { hostname, loadavg } from 'node:os';
import { asError } from '../../core/errors.ts';
import { LOAD } from '../../host/tune.ts';
import { findPlugin, type FoundPlugin } from '../../host/plugin-subject.ts';
import { checksOf, runCheck } from '../../kit/checks.ts';
import { levels, type CheckResult, type LevelName, type Subject } from '../../kit/types.ts';
import { opSet } from '../../ops/index.ts';
import { openChip, probeProvider } from '../../plugins/probe.ts';
import type { FromKit, KitChip, KitMissing, KitOrder, KitSetup, ToKit } from './messages.ts';

const memory = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().rss;
};

const manifest = (name: string, error: Error | undefined): CheckResult =>
  error
    ? { level: 'manifest', name, status: 'fail', detail: error.message.split('\n')[0]!, ms: 0 }
    : { level: 'manifest', name, status: 'pass', ms: 0 };

interface Loaded {
  readonly checks: readonly CheckResult[];
  readonly chips: readonly KitChip[];
  readonly missing: readonly KitMissing[];
  subject(chip: string): Promise<Subject>;
}

const loadSubject = async ({ target, config, filter }: KitSetup): Promise<Loaded> => {
  const { report, providers, host }: FoundPlugin = await findPlugin(target, config);
  const checks = [manifest('its package and module are what the contract asks for', report.error)];
  const probes = await Promise.all(providers.map((p) => probeProvider(p, host)));
  for (const p of probes) checks.push(manifest(`provider '${p.provider.name}' answers when it is probed`, p.error));
  const chips = probes.flatMap((p) =>
    p.chips.map((c) => ({ id: `${p.provider.name}/${c.id}`, description: c.description, version: p.provider.version })),
  );
  const missing = probes.flatMap((p) =>
    p.missing.map((m) => ({ chip: `${p.provider.name}/${m.chip}`, reason: m.hint === undefined ? m.reason : `${m.reason}; ${m.hint}` })),
  );
  const open = new Map<string, Promise<Subject>>();
  const subject = async (id: string): Promise<Subject> => {
    const probe = probes.find((p) => p.chips.some((c) => `${p.provider.name}/${c.id}` === id))!;
    const chip = probe.chips.find((c) => `${probe.provider.name}/${c.id}` === id)!;
    const session = await openChip(probe.provider, chip, host);
    return {
      provider: probe.provider,
      chip,
      session,
      host,
      ops: opSet,
      filter: filter === undefined ? undefined : new RegExp(filter),
      memory,
      machine: { name: hostname(), quiet: () => loadavg()[0]! < LOAD },
    };
  };
  return {
    checks,
    chips,
    missing,
    subject: (id) => {
      const known = open.get(id) ?? subject(id);
      open.set(id, known);
      return known;
    },
  };
};

const work = async (loaded: Loaded, { chip, level, done }: KitOrder, send: (m: FromKit) => void): Promise<void> => {
  const finished = new Set(done);
  // Opening a chip and asking it what it supports run its code too.
  const opening = 'the chip opens and lists what it supports';
  send({ begin: opening });
  const checks = checksOf(level, await loaded.subject(chip));
  if (level === 'chip' && !finished.has(opening)) send({ result: { level, name: opening, status: 'pass', ms: 0 } });
  for (const check of checks) {
    if (finished.has(check.name)) continue;
    send({ begin: check.name });
    send({ result: await runCheck(check) });
  }
  send({ end: true });
};

/** Serves the parent over the channel Node opened for `fork`; resolves when the parent closes it. */
export const serveKit = (): Promise<void> =>
  new Promise((resolve) => {
    let loaded: Promise<Loaded> | undefined;
    const send = (message: FromKit): void => void process.send?.(message);
    const handle = async (message: ToKit): Promise<void> => {
      if ('setup' in message) {
        loaded = loadSubject(message.setup);
        const { checks, chips, missing } = await loaded;
        send({ loaded: checks, chips, missing });
      } else if (loaded) await work(await loaded, message.order, send);
    };
    process.on('message', (message: ToKit) => {
      handle(message).catch((thrown: unknown) => {
        const error = asError(thrown);
        const { code, hint, reason } = error as { code?: string; hint?: string; reason?: string };
        send({ failed: { message: reason ?? error.message, code, hint } });
      });
    });
    process.once('disconnect', resolve);
  });

export const isLevel = (text: string): text is LevelName => (levels as readonly string[]).includes(text);
