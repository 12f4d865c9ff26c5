/** Plugins found in real folders, and real hostile modules loaded from there: reported, never fatal. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/log.ts';
import { discoverPlugins } from '../../src/host/discovery.ts';
import { createContainer } from '../../src/plugins/container.ts';
import type { Host } from '../../src/plugins/contract.ts';
import { definePlugin } from '../../src/plugins/define.ts';
import { loadPlugins, type PluginCandidate } from '../../src/plugins/load.ts';
import { probeAll } from '../../src/plugins/probe.ts';
import { ProviderRegistry, type PluginSource } from '../../src/plugins/registry.ts';

const host: Host = { logger: silentLogger, threads: 1, env: {} };
const environment: PluginSource = { kind: 'environment', detail: 'FLAGOS_PLUGINS' };

/** Source of a plugin in plain JavaScript; `probe` is the body of its method. */
const source = (name: string, probe = `return { chips: [{ id: 'cpu', description: '${name}', fingerprint: '1' }] };`): string => `
  const provider = { name: '${name}', kind: 'vendor', version: '1.0.0', probe() { ${probe} }, open() {} };
  export default { abi: 1, bind(container) { container.bind(Symbol.for('flagos/kernel-provider')).toConstantValue(provider); } };
`;
const manifest = (provider: string, abi: unknown = 1): object => ({ plugin: './index.mjs', abi, provider });

describe('plugins on disk', () => {
  let root: string;
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'flagos-plugins-')));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, content: string | object): string => {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
    return full;
  };
  const addPackage = (folder: string, name: string, flagos: unknown, module: string | undefined = source(name.split('/').pop()!)): void => {
    write(`${folder}/package.json`, { name, version: '1.2.3', type: 'module', flagos });
    if (module !== undefined) write(`${folder}/index.mjs`, module);
  };
  const discover = (cwd = '.', asked: readonly string[] = [], dependencies = true): PluginCandidate[] =>
    discoverPlugins({
      cwd: join(root, cwd),
      dependencies,
      requests: asked.map((plugin) => ({ plugin, base: join(root, cwd), source: environment })),
    });
  const load = async (candidates: readonly PluginCandidate[], timeLimitMs = 2000): Promise<ProviderRegistry> => {
    const registry = new ProviderRegistry();
    await loadPlugins(candidates, { registry, container: createContainer(host), timeLimitMs });
    return registry;
  };

  describe('discovery', () => {
    it('finds dependencies with a flagos field, from any folder below the project', async () => {
      const file = write('package.json', {
        dependencies: { acme: '1', plain: '1', absent: '1' },
        devDependencies: { '@scope/beta': '1' },
        optionalDependencies: { gamma: '1' },
      });
      addPackage('node_modules/acme', 'acme', manifest('acme'));
      addPackage('node_modules/plain', 'plain', undefined);
      addPackage('node_modules/@scope/beta', '@scope/beta', manifest('beta'));
      addPackage('node_modules/gamma', 'gamma', manifest('gamma'));
      addPackage('node_modules/unlisted', 'unlisted', manifest('unlisted'));
      write('src/deep/package.json', { type: 'module' });
      const found = discover('src/deep');
      expect(found.map((c) => [c.plugin, c.version, c.source.detail])).toEqual([
        ['acme', '1.2.3', `dependencies of ${file}`],
        ['@scope/beta', '1.2.3', `devDependencies of ${file}`],
        ['gamma', '1.2.3', `optionalDependencies of ${file}`],
      ]);
      const registry = await load(found);
      expect(registry.providers().map((p) => p.name)).toEqual(['acme', 'beta', 'gamma']);
      expect(discover('src/deep', [], false)).toEqual([]);
    });

    it('finds workspaces, linked or not, each once', () => {
      write('package.json', { name: 'root', workspaces: ['vendor/*', './tools/**', 'vendor/none'] });
      addPackage('vendor/one', '@root/one', manifest('one'));
      addPackage('vendor/two', '@root/two', manifest('two'));
      addPackage('tools/a/b/three', '@root/three', manifest('three'));
      addPackage('tools/node_modules/hidden', 'hidden', manifest('hidden'));
      write('vendor/readme.md', 'not a folder');
      mkdirSync(join(root, 'node_modules/@root'), { recursive: true });
      symlinkSync(join(root, 'vendor/one'), join(root, 'node_modules/@root/one'));
      expect(discover().map((c) => c.plugin)).toEqual(['@root/one', '@root/two', '@root/three']);
      expect(discover('.', ['@root/one', './vendor/one']).map((c) => [c.plugin, c.source.kind])).toEqual([
        ['@root/one', 'environment'],
        ['@root/two', 'dependency'],
        ['@root/three', 'dependency'],
      ]);
    });

    it('finds the plugin one is writing, and looks for dependencies in the folders above', () => {
      addPackage('node_modules/acme', 'acme', manifest('acme'));
      write('packages/mine/package.json', { name: 'mine', flagos: manifest('mine'), peerDependencies: {}, devDependencies: { acme: '1' } });
      expect(discover('packages/mine').map((c) => c.plugin)).toEqual(['mine', 'acme']);
    });

    it('finds what is asked for: packages, folders, files, definitions', async () => {
      addPackage('node_modules/acme', 'acme', manifest('acme'));
      addPackage('local', 'local', manifest('local'));
      const file = write('single.mjs', source('single'));
      write('other.mjs', source('other'));
      const given = definePlugin({ abi: 1, name: 'given', bind: () => {} });
      const candidates = [
        ...discover('.', ['acme', './local', './single.mjs', file, pathToFileURL(join(root, 'other.mjs')).href]),
        ...discoverPlugins({ cwd: root, requests: [{ plugin: given, base: root, source: environment }] }),
      ];
      expect(candidates.map((c) => c.plugin)).toEqual([
        'acme',
        'local',
        './single.mjs',
        pathToFileURL(join(root, 'other.mjs')).href,
        'given',
      ]);
      const registry = await load(candidates.slice(0, 4));
      expect(registry.reports().map((r) => [r.location, r.providers, r.error])).toEqual([
        [join(root, 'node_modules/acme'), ['acme'], undefined],
        [join(root, 'local'), ['local'], undefined],
        [file, ['single'], undefined],
        [join(root, 'other.mjs'), ['other'], undefined],
      ]);
    });

    it.each([
      ['missing', 'LOAD', "plugin 'missing' is not installed", 'npm install missing'],
      ['acmee', 'LOAD', "plugin 'acmee' is not installed", "did you mean 'acme'?"],
      ['local', 'LOAD', "plugin 'local' is not installed", 'for the file or folder of that name write ./local'],
      ['@x/../../y', 'LOAD', 'is not installed', 'this is no package name; a path starts with ./, ../ or /'],
      ['./missing', 'LOAD', "plugin './missing': there is no ", 'FLAGOS_PLUGINS names it'],
      ['file://far.example/x', 'LOAD', "plugin 'file://far.example/x': ", 'FLAGOS_PLUGINS names it'],
      ['./local', 'MANIFEST', 'has no package.json with a flagos field', undefined],
      ['plain', 'MANIFEST', 'the package has no flagos field in its package.json', undefined],
      ['./broken', 'MANIFEST', 'its package.json cannot be read', undefined],
    ])('reports that %s cannot be found or is no plugin', async (asked, code, reason, hint) => {
      write('package.json', { dependencies: { acme: '1' } });
      addPackage('node_modules/plain', 'plain', undefined);
      mkdirSync(join(root, 'local'));
      write('broken/package.json', '{ "flagos": ');
      const registry = await load(discover('.', [asked]));
      const [report] = registry.reports();
      expect(report).toMatchObject({ plugin: asked, state: 'failed', source: environment });
      expect(report?.error).toMatchObject({ code: `FLAGOS_E_PLUGIN_${code}`, reason: expect.stringContaining(reason), hint });
    });

    it('reports a project whose package.json is damaged', async () => {
      write('package.json', '{');
      addPackage('node_modules/acme', 'acme', manifest('acme'));
      const registry = await load(discover('.', ['acme']));
      expect(registry.reports().map((r) => r.state)).toEqual(['registered', 'failed']);
      expect(registry.reports()[1]?.error?.code).toBe('FLAGOS_E_PLUGIN_MANIFEST');
    });
  });

  describe('hostile plugins', () => {
    const hostile: [title: string, flagos: unknown, module: string | undefined, code: string, reason: string][] = [
      [
        'throws on import',
        manifest('bad'),
        'throw new Error("no licence found");',
        'LOAD',
        "loading plugin 'bad' failed: no licence found",
      ],
      ['imports what is not there', manifest('bad'), 'import "no-such-package";', 'LOAD', 'no-such-package'],
      ['is not JavaScript', manifest('bad'), 'this is { no module', 'LOAD', "loading plugin 'bad' failed"],
      [
        'waits for ever on import',
        manifest('bad'),
        'await new Promise(() => {});',
        'TIMEOUT',
        "loading plugin 'bad' took longer than 300 ms",
      ],
      [
        'throws in bind',
        manifest('bad'),
        'export default { abi: 1, bind() { throw new TypeError("oops"); } };',
        'LOAD',
        "loading plugin 'bad' failed: oops",
      ],
      [
        'hangs in bind',
        manifest('bad'),
        'export default { abi: 1, bind: () => new Promise(() => {}) };',
        'TIMEOUT',
        'took longer than 300 ms',
      ],
      ['lies about its abi', manifest('bad'), 'export default { abi: 7, bind() {} };', 'ABI', 'is for contract version 7 (definePlugin)'],
      ['is for another abi', manifest('bad', 2), 'throw new Error("must not run");', 'ABI', 'is for contract version 2 (package.json)'],
      [
        'registers a taken name',
        manifest('good'),
        source('good'),
        'CONFLICT',
        "registers provider 'good', which plugin 'good' has registered",
      ],
      ['has no default export', manifest('bad'), 'export const plugin = 1;', 'LOAD', 'has no usable default export: it is missing'],
      ['exports a function', manifest('bad'), 'export default () => {};', 'LOAD', 'has no usable default export: it is a function'],
      ['has no module', manifest('bad'), undefined, 'LOAD', "the module of plugin 'bad' is missing"],
      ['has a manifest that is text', './index.mjs', source('bad'), 'MANIFEST', 'is not an object'],
      ['has a manifest that is null', null, source('bad'), 'MANIFEST', 'is not an object'],
      [
        'leads out of its folder',
        { plugin: '../../outside.mjs', abi: 1, provider: 'bad' },
        source('bad'),
        'MANIFEST',
        'is not inside the package',
      ],
    ];
    it.each(hostile)('one that %s is reported and left out', async (_, flagos, module, code, reason) => {
      write('package.json', { dependencies: { good: '1', bad: '1', last: '1' } });
      addPackage('node_modules/good', 'good', manifest('good'));
      addPackage('node_modules/last', 'last', manifest('last'));
      write('node_modules/bad/package.json', { name: 'bad', flagos });
      if (module !== undefined) write('node_modules/bad/index.mjs', module);
      const registry = await load(discover(), 300);
      expect(registry.providers().map((p) => p.name)).toEqual(['good', 'last']);
      const [, report] = registry.reports();
      expect(report).toMatchObject({ plugin: 'bad', state: 'failed', error: { code: `FLAGOS_E_PLUGIN_${code}` } });
      expect(report?.error?.message).toContain(reason);
    });

    it('one that hangs or throws while probing has no chips, the others have theirs', async () => {
      write('package.json', { dependencies: { slow: '1', bad: '1', good: '1' } });
      addPackage('node_modules/slow', 'slow', manifest('slow'), source('slow', 'return new Promise(() => {});'));
      addPackage('node_modules/bad', 'bad', manifest('bad'), source('bad', 'throw new Error("driver crashed");'));
      addPackage('node_modules/good', 'good', manifest('good'));
      const registry = await load(discover());
      const results = await probeAll(registry.providers(), host, 100);
      expect(results.map((r) => [r.provider.name, r.chips.length, r.error?.code])).toEqual([
        ['slow', 0, 'FLAGOS_E_PLUGIN_TIMEOUT'],
        ['bad', 0, 'FLAGOS_E_PLUGIN_PROBE'],
        ['good', 1, undefined],
      ]);
    });

    it('one that binds more after its time is over changes nothing', async () => {
      const never =
        'let go; export const later = () => go(); export default { abi: 1, async bind(c) { await new Promise((r) => { go = r; }); c.bind(Symbol.for("flagos/kernel-provider")).toConstantValue({}); } };';
      const path = write('late.mjs', never);
      const registry = await load(discover('.', [path]), 100);
      const module: { later: () => void } = await import(/* @vite-ignore */ pathToFileURL(path).href);
      module.later();
      await new Promise((resolve) => setImmediate(resolve));
      expect(registry.providers()).toEqual([]);
      expect(registry.reports()).toHaveLength(1);
    });
  });
});
