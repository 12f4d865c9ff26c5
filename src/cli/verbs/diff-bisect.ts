/** `flagos diff bisect`: the smallest set of nodes that makes the end wrong, and a folder for each that shows it alone. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import { bisectAll, type Suspect } from '../../diff/bisect.ts';
import { parseGate } from '../../diff/gates.ts';
import { defineCommand, required, type Common } from '../args/command.ts';
import { argvOf } from '../args/argv.ts';
import { flag, integer, real, text, usageError, type ValuesOf } from '../args/option.ts';
import { BisectChild, type Ask } from '../diff/bisect-child.ts';
import { callOf, fileName, pluginWords, writeCase } from '../diff/case-folder.ts';
import { callByCall, compareModel } from '../diff/compare.ts';
import { sentence } from '../diff/report/files.ts';
import { Rerouting } from '../diff/reroute-run.ts';
import { count } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions, type LoadedModel } from '../model/source.ts';
import { makeProgress, withProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';
import type { Flagos } from '../../host/flagos.ts';
import { goldenToken } from './diff.ts';

const options = {
  golden: text('<token>', 'who runs what is not under suspicion: default onnxruntime if it is here, else reference'),
  gate: text('<rule>', "when the end is wrong, by somebody else's rule; see flagos diff"),
  tolerance: real(
    '<r>',
    'when the end is wrong: root mean square of the error of an output over that of the output; default 1e-5, and at least ten times the noise',
  ),
  out: text('<folder>', 'where cases go, and what is known so far, so that it can be gone on with; default flagos-cases'),
  timeout: integer('<s>', 'seconds one test may take; default 120', 1),
  'in-process': flag('run tests in this process: a chip that crashes ends the search'),
  ...inputOptions,
  ...modelOptions,
  ...runtimeOptions,
};
const args = { model: required(modelHelp) };
type Values = ValuesOf<typeof options> & Common;

const DEFAULT_TOLERANCE = 1e-5;

/** Makes the tests of a command line. */
const reroutingOf = async (
  flagos: Flagos,
  model: string,
  o: Values,
  io: Io,
): Promise<{ rerouting: Rerouting; loaded: LoadedModel; feeds: ReturnType<typeof makeInputs>['feeds'] }> => {
  if (!o.chip) throw usageError('diff bisect needs --chip: what is under suspicion');
  const golden = goldenToken(o.golden ?? (flagos.runtime.registry.find('onnxruntime') ? 'onnxruntime' : 'reference'), flagos);
  const loaded = await loadModel(model, o, io.cwd, flagos);
  const { feeds } = makeInputs(loaded.model, o, io.cwd);
  const rerouting = new Rerouting({
    flagos,
    model: loaded.model,
    feeds: loaded.model.graph.inputs.map((i) => feeds[i.name]),
    chips: o.chip,
    golden,
    gate: o.gate === undefined ? undefined : parseGate(o.gate),
    tolerance: o.tolerance ?? DEFAULT_TOLERANCE,
  });
  return { rerouting, loaded, feeds };
};

/** Answers known from before, by the nodes of a test: a search can be gone on with. */
const memoryOf = (path: string): { known: Record<string, boolean>; keep(key: string, shows: boolean): void } => {
  const known: Record<string, boolean> = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, boolean>) : {};
  return {
    known,
    keep: (key, shows) => {
      known[key] = shows;
      writeFileSync(path, `${JSON.stringify(known)}\n`);
    },
  };
};
const digest = (...words: readonly string[]): string => createHash('sha256').update(words.join('\n')).digest('hex').slice(0, 16);

export const diffBisect = defineCommand({
  name: 'diff bisect',
  summary: 'find the smallest set of ops that makes the end wrong, and write a case for each',
  about:
    'Runs the model again and again with fewer and fewer nodes on the chip asked for, and all others elsewhere, until what is left is minimal: by provider, kernel, op and node. Tests run in a child process, so a chip may crash or hang. Each guilty node becomes a folder with a model of one node, its inputs, and a command. Exit code 1 if something was found.',
  args,
  options,
  groups: [runtimeGroup],
  examples: [['flagos diff bisect model.onnx --chip vendor:acme', 'which of its kernels are to blame']],
  run: async ({ args: { model }, options: o, io }) =>
    withRuntime(o, io, async (flagos) => {
      const { rerouting, loaded, feeds } = await reroutingOf(flagos, model, o, io);
      const out = resolve(io.cwd, o.out ?? 'flagos-cases');
      mkdirSync(out, { recursive: true });
      const memory = memoryOf(join(out, 'bisect.json'));
      const progress = makeProgress(io, o.progress);
      const suspects = await withProgress(progress, 'which nodes run there', () => rerouting.suspects());
      const child =
        o['in-process'] || io.self === undefined
          ? undefined
          : new BisectChild(io.self, [model, ...argvOf(options, o)], (o.timeout ?? 120) * 1000);
      const crashes: string[] = [];
      let tests = 0;
      const shows = async (some: readonly Suspect[]): Promise<boolean> => {
        const nodes = some.map((s) => s.node);
        const key = digest(loaded.path, model, ...argvOf(options, o), ...nodes);
        if (key in memory.known) return memory.known[key]!;
        progress.update(`test ${++tests}: ${count(nodes.length, 'node')} of ${suspects.length}`);
        let answer: boolean;
        if (!child) answer = await rerouting.shows(nodes);
        else {
          const outcome = await child.ask({ nodes });
          if (typeof outcome === 'string') crashes.push(`${outcome} with ${nodes.length === 1 ? nodes[0]! : count(nodes.length, 'node')}`);
          else if ('error' in outcome) crashes.push(outcome.error);
          answer = typeof outcome === 'string' || 'error' in outcome || outcome.shows;
        }
        memory.keep(key, answer);
        return answer;
      };
      try {
        const found = await withProgress(progress, 'looking', () => bisectAll(suspects, shows));
        const guilty = found.flatMap((f) => f.culprits);
        const cases: { node: string; folder: string; says: string }[] = [];
        if (guilty.length > 0 && crashes.length === 0) {
          const names = new Set(guilty.map((g) => g.node));
          await compareModel({
            ...callByCall,
            flagos,
            model: loaded.model,
            path: loaded.path,
            feeds,
            progress,
            dispatcher: rerouting.dispatcher(names),
            only: ({ region }) => region.nodes.some((n) => names.has(n.name)),
            watch: (region, t) => {
              const [node] = t.planned.region.nodes;
              if (!node || !names.has(node.name) || t.planned.region.nodes.length !== 1) return;
              const folder = join(out, fileName(node.name));
              const says = sentence(region);
              writeCase(folder, {
                ...callOf(t),
                chips: o.chip ?? [],
                plugins: pluginWords(o.plugin, io.cwd),
                from: loaded.path,
                title: `${node.op} is wrong on ${(o.chip ?? []).join(', ')}`,
                says,
              });
              cases.push({ node: node.name, folder, says });
            },
          });
        }
        if (o.json) io.out(toJson({ suspects: suspects.length, tests, found, cases, crashes }));
        else {
          io.out(`${count(suspects.length, 'node')} under suspicion, ${count(tests, 'test')}\n`);
          found.forEach((f) =>
            io.out(io.paint.red(`minimal set: ${f.culprits.map((c) => `${c.node} (${c.op} on ${c.kernel})`).join(', ')}\n`)),
          );
          for (const c of cases) io.out(`  ${c.says}\n  ${io.paint.cyan(`flagos diff repro ${c.folder}`)}\n`);
          for (const c of new Set(crashes)) io.out(io.paint.red(`${c}\n`));
          if (found.length === 0) io.out(io.paint.green('the end is right\n'));
        }
        return crashes.length > 0 ? 3 : found.length > 0 ? 1 : 0;
      } finally {
        child?.end();
      }
    }),
});

/** Internal verb: the child that runs tests. */
export const diffBisectWorker = defineCommand({
  name: 'diff-bisect-worker',
  summary: 'runs tests of a bisection for a parent process',
  args,
  options,
  groups: [runtimeGroup],
  examples: [],
  internal: true,
  run: async ({ args: { model }, options: o, io }) => {
    if (!process.send) throw usageError('diff-bisect-worker is started by flagos diff bisect only');
    return withRuntime(o, io, async (flagos) => {
      const { rerouting } = await reroutingOf(flagos, model, o, io);
      await new Promise<void>((end) => {
        process.on('message', ({ nodes }: Ask) => {
          rerouting.shows(nodes).then(
            (shows) => process.send!({ shows }),
            (error: unknown) => process.send!({ error: error instanceof FlagosError ? error.message : String(error) }),
          );
        });
        process.on('disconnect', end);
      });
      return 0;
    });
  },
});
