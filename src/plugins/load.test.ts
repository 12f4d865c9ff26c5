import { inject, injectable, type Container } from 'inversify';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../core/log.ts';
import { createContainer } from './container.ts';
import {
  HOST,
  KERNEL_PROVIDER,
  POLICY_SOURCE,
  TABLE_STORE,
  type Chip,
  type ChipSession,
  type Host,
  type KernelProvider,
  type ProbeReport,
} from './contract.ts';
import { definePlugin, type PluginDefinition } from './define.ts';
import { givenPlugin, loadPlugins, type PluginCandidate } from './load.ts';
import { ProviderRegistry, type PluginReport, type PluginSource } from './registry.ts';

const host: Host = { logger: silentLogger, threads: 3, env: {} };
const fromArgument: PluginSource = { kind: 'argument', detail: 'this test' };
const builtIn: PluginSource = { kind: 'built-in', detail: 'this test' };

const session = (): ChipSession => ({
  regions: 'single',
  dynamicShapes: false,
  prior: { overheadUs: 1, gflops: 1, gbps: 1 },
  supports: () => ({ ok: true }),
  prepare: () => ({ workspaceBytes: 0, run: () => {}, dispose: () => {} }),
  close: () => {},
});
const provider = (name: string, more: object = {}): KernelProvider => ({
  name,
  kind: 'vendor',
  version: '1.0.0',
  probe: () => ({ chips: [] }),
  open: session,
  ...more,
});
const binds = (...providers: unknown[]): PluginDefinition =>
  definePlugin({
    abi: 1,
    bind: (container) => {
      for (const p of providers) container.bind(KERNEL_PROVIDER).toConstantValue(p);
    },
  });

@injectable()
class Decorated implements KernelProvider {
  readonly name = 'decorated';
  readonly kind = 'vendor';
  readonly version = '1.0.0';
  readonly threads: number;

  constructor(@inject(HOST) given: Host, @inject('scale') scale: number) {
    this.threads = given.threads * scale;
  }

  probe(): ProbeReport {
    return { chips: [{ id: 'cpu', description: `${this.threads} threads`, fingerprint: 'x' }] };
  }

  open(_chip: Chip): ChipSession {
    return session();
  }
}

describe('loadPlugins', () => {
  let registry: ProviderRegistry;
  let container: Container;
  const load = async (...candidates: PluginCandidate[]): Promise<PluginReport[]> => [
    ...(await loadPlugins(candidates, { registry, container, timeLimitMs: 200 })),
  ];
  const one = async (definition: unknown, source = fromArgument): Promise<PluginReport> =>
    (await load({ plugin: 'p', source, load: () => definition }))[0]!;
  const names = (): string[] => registry.providers().map((p) => p.name);

  beforeEach(() => {
    registry = new ProviderRegistry();
    container = createContainer(host);
  });

  it('registers providers in order, and in the runtime’s container', async () => {
    const reports = await load(
      givenPlugin('a', fromArgument, binds(provider('a1'), provider('a2'))),
      givenPlugin('b', fromArgument, binds(provider('b'))),
    );
    expect(reports.map((r) => [r.state, r.providers])).toEqual([
      ['registered', ['a1', 'a2']],
      ['registered', ['b']],
    ]);
    expect(names()).toEqual(['a1', 'a2', 'b']);
    expect(registry.find('a2')?.name).toBe('a2');
    expect(registry.ownerOf('a2')).toBe('a');
    expect(registry.find('none')).toBeUndefined();
    expect(container.getAll<KernelProvider>(KERNEL_PROVIDER)).toEqual(registry.providers());
    expect(registry.reports()).toEqual(reports);
  });

  it('injects what the runtime and the plugin bind, through decorators', async () => {
    const report = await one(
      definePlugin({
        abi: 1,
        bind(c) {
          c.bind('scale').toConstantValue(2);
          c.bind(KERNEL_PROVIDER).to(Decorated);
        },
      }),
    );
    expect(report.error).toBeUndefined();
    expect(await registry.find('decorated')?.probe(host)).toEqual({ chips: [{ id: 'cpu', description: '6 threads', fingerprint: 'x' }] });
    expect(container.isBound('scale')).toBe(false);
  });

  it('takes asynchronous bindings and a module', async () => {
    const definition = definePlugin({
      abi: 1,
      async bind(c) {
        await Promise.resolve();
        c.bind(KERNEL_PROVIDER).toDynamicValue(async () => provider('late'));
      },
    });
    expect((await one(Promise.resolve({ default: definition }))).providers).toEqual(['late']);
  });

  it('takes tables and policies, with kernels or without', async () => {
    const table = { name: 'priors', read: () => [] };
    const policy = { name: 'wishes', policy: () => ({ prefer: ['vendor'] }) };
    const report = await one(
      definePlugin({
        abi: 1,
        bind: (c) => {
          c.bind(TABLE_STORE).toConstantValue(table);
          c.bind(POLICY_SOURCE).toConstantValue(policy);
        },
      }),
    );
    expect([report.state, report.providers]).toEqual(['registered', []]);
    expect([container.getAll(TABLE_STORE), container.getAll(POLICY_SOURCE)]).toEqual([[table], [policy]]);
  });

  it.each([
    [TABLE_STORE, {}, 'a table without a name'],
    [TABLE_STORE, { name: 'x', read: 1 }, 'a table without a method read'],
    [TABLE_STORE, { name: 'x', shared: true, read: () => [] }, 'a table without a method append'],
    [POLICY_SOURCE, { name: 'x' }, 'a policy without a method policy'],
  ])('refuses what is no table or policy, and the kernels that came with it (%#)', async (token, value, said) => {
    const report = await one(
      definePlugin({
        abi: 1,
        bind: (c) => {
          c.bind(KERNEL_PROVIDER).toConstantValue(provider('fine'));
          c.bind(token).toConstantValue(value);
        },
      }),
    );
    expect(report.error).toMatchObject({ code: 'FLAGOS_E_PLUGIN_PROVIDER', reason: expect.stringContaining(said) });
    expect([names(), container.isBound(token)]).toEqual([[], false]);
  });

  const never = new Promise<void>(() => {});
  const throwing = (what: unknown): PluginDefinition =>
    definePlugin({
      abi: 1,
      bind: (c) => {
        c.bind(KERNEL_PROVIDER).toConstantValue(provider('half'));
        throw what;
      },
    });
  const wrong: [title: string, definition: unknown, code: string, reason: string][] = [
    ['throws in bind', throwing(new Error('no licence')), 'LOAD', "loading plugin 'p' failed: no licence"],
    ['throws a string', throwing('no licence'), 'LOAD', "loading plugin 'p' failed: no licence"],
    ['throws what cannot be shown', throwing(Object.create(null)), 'LOAD', 'cannot be shown as text'],
    ['rejects in bind', definePlugin({ abi: 1, bind: () => Promise.reject(new Error('later')) }), 'LOAD', 'failed: later'],
    ['hangs in bind', definePlugin({ abi: 1, bind: () => never }), 'TIMEOUT', "loading plugin 'p' took longer than 200 ms"],
    [
      'hangs in a provider',
      definePlugin({
        abi: 1,
        bind: (c) => {
          c.bind(KERNEL_PROVIDER).toDynamicValue(() => never);
        },
      }),
      'TIMEOUT',
      'took longer',
    ],
    [
      'fails to resolve',
      definePlugin({
        abi: 1,
        bind: (c) => {
          c.bind(KERNEL_PROVIDER).to(Decorated);
        },
      }),
      'LOAD',
      'scale',
    ],
    ['binds nothing', definePlugin({ abi: 1, bind: () => {} }), 'PROVIDER', "plugin 'p' binds no KERNEL_PROVIDER"],
    [
      'is for a later contract',
      { abi: 2, register: () => {} },
      'ABI',
      'is for contract version 2 (definePlugin), this flagos has version 1',
    ],
    ['has an abi that is text', { abi: '1', bind: () => {} }, 'ABI', 'names no contract version'],
    ['has no abi', { default: { bind: () => {} } }, 'LOAD', 'it is an object without abi'],
    ['exports a function', { default: () => {} }, 'LOAD', 'has no usable default export: it is a function'],
    ['exports nothing', { other: 1 }, 'LOAD', 'it is missing'],
    ['exports null', { default: null }, 'LOAD', 'it is null'],
    ['registers a provider twice', binds(provider('twin'), provider('twin')), 'CONFLICT', "plugin 'p' registers provider 'twin' twice"],
    ['registers text', binds('acme'), 'PROVIDER', 'registers a string as kernel provider'],
    ['registers null', binds(null), 'PROVIDER', 'registers null as kernel provider'],
    ['has a name with token syntax', binds(provider('vendor:acme')), 'PROVIDER', 'whose name is not made of'],
    ['has a reserved name', binds(provider('Reference')), 'PROVIDER', 'a name that is kept for what is built in'],
    ['claims to be native', binds(provider('x', { kind: 'flagos' })), 'PROVIDER', "whose kind is 'flagos'; that is for what is built in"],
    ['has an unknown kind', binds(provider('x', { kind: 'gpu' })), 'PROVIDER', 'whose kind is none of flagos, vendor, reference'],
    ['has no version', binds(provider('x', { version: undefined })), 'PROVIDER', 'which has no version'],
    ['has no open', binds(provider('x', { open: 1 })), 'PROVIDER', 'which has no method open'],
    ['has one wrong of two', binds(provider('good'), provider('x', { probe: null })), 'PROVIDER', 'which has no method probe'],
    [
      'throws from a getter',
      binds(
        Object.defineProperty({}, 'name', {
          get: () => {
            throw new Error('trap');
          },
        }),
      ),
      'LOAD',
      'trap',
    ],
  ];
  it.each(wrong)('reports a plugin that %s, and registers nothing of it', async (_, definition, code, reason) => {
    const report = await one(definition);
    expect(report.state).toBe('failed');
    expect(report.error?.code).toBe(`FLAGOS_E_PLUGIN_${code}`);
    expect(report.error?.message).toContain(reason);
    expect(names()).toEqual([]);
    expect(container.isBound(KERNEL_PROVIDER)).toBe(false);
  });

  it('keeps the first of two plugins that want one name, and all of the second out', async () => {
    const [, second] = await load(
      givenPlugin('a', fromArgument, binds(provider('acme'))),
      givenPlugin('b', fromArgument, binds(provider('other'), provider('acme'))),
    );
    expect(second?.error?.reason).toBe("plugin 'b' registers provider 'acme', which plugin 'a' has registered");
    expect(names()).toEqual(['acme']);
  });

  it('lets what is built in be native or the reference', async () => {
    const report = await one(binds(provider('flagos', { kind: 'flagos' }), provider('reference', { kind: 'reference' })), builtIn);
    expect(report.error).toBeUndefined();
    expect(names()).toEqual(['flagos', 'reference']);
  });

  it('checks a manifest before it loads, and that it told the truth', async () => {
    let loaded = 0;
    const withManifest = async (manifest: unknown): Promise<PluginReport> =>
      (
        await load({
          plugin: 'p',
          source: fromArgument,
          manifest,
          load: () => {
            loaded++;
            return binds(provider('acme'));
          },
        })
      )[0]!;
    for (const [manifest, code, reason] of [
      ['./index.js', 'MANIFEST', 'is not an object'],
      [null, 'MANIFEST', 'is not an object'],
      [[], 'MANIFEST', 'is not an object'],
      [{ abi: 1, provider: 'acme' }, 'MANIFEST', 'plugin in the flagos field of its package.json is missing'],
      [{ plugins: './x.js', abi: 1, provider: 'acme' }, 'MANIFEST', "has 'plugins' in place of 'plugin'"],
      [{ plugin: '../x.js', abi: 1, provider: 'acme' }, 'MANIFEST', "its module '../x.js' is not inside the package"],
      [{ plugin: '/x.js', abi: 1, provider: 'acme' }, 'MANIFEST', 'is not inside the package'],
      [{ plugin: './x.js', abi: 1, provider: 7 }, 'MANIFEST', 'provider in the flagos field of its package.json is not a text'],
      [{ plugin: './x.js', provider: 'acme' }, 'MANIFEST', 'abi in the flagos field of its package.json is missing'],
      [{ plugin: './x.js', abi: '1', provider: 'acme' }, 'MANIFEST', 'is not a number'],
      [{ abi: 3 }, 'ABI', 'is for contract version 3 (package.json)'],
    ] as const) {
      const { error } = await withManifest(manifest);
      expect([error?.code, error?.message]).toEqual([`FLAGOS_E_PLUGIN_${code}`, expect.stringContaining(reason)]);
    }
    expect(loaded).toBe(0);
    const lie = await withManifest({ plugin: './x.js', abi: 1, provider: 'else' });
    expect(lie.error?.reason).toBe("plugin 'p' says it brings provider 'else', and registers 'acme'");
    expect(lie.providers).toEqual(['else']);
    expect(names()).toEqual([]);
    expect((await withManifest({ plugin: './x.js', abi: 1, provider: 'acme' })).state).toBe('registered');
  });

  it('logs a failure as a warning that names plugin and source', async () => {
    const lines: unknown[] = [];
    container = createContainer({ ...host, logger: { log: (...line) => lines.push(line) } });
    await one(throwing(new Error('boom')));
    expect(lines).toEqual([
      [
        'warn',
        "FLAGOS_E_PLUGIN_LOAD: loading plugin 'p' failed: boom",
        { plugin: 'p', source: 'this test', hint: 'it is left out; everything else works on' },
      ],
    ]);
  });
});
