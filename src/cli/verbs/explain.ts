/** `flagos explain`: why a node runs where it runs, and what would change that. */
import { FlagosError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { Decision, Verdict } from '../../opmanager/decision.ts';
import type { FlagosModel } from '../../runtime/model.ts';
import { defineCommand, optional, required } from '../args/command.ts';
import { count, short, table } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { planModel, plannedOptions, type Planned } from '../model/planned.ts';
import { modelHelp } from '../model/source.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';
import { whatWouldChange } from '../what-would-change.ts';

/** Where a time is from: measured here (at these shapes, or near them), shipped with the plugin, or declared. */
const basisOf = ({ measured, performance: p }: Verdict): string => {
  if (!measured) return p.shippedUs === undefined ? 'declared' : 'shipped with its plugin';
  const spread = p.madUs === undefined ? '' : `± ${short(Number(p.madUs.toPrecision(2)))} `;
  const at = p.basis === 'bucket' ? ' near these shapes' : '';
  return `${spread}measured ${p.samples ?? 1} times${at}${p.date === undefined ? '' : `, ${p.date.slice(0, 10)}`}`;
};

const timeOf = (v: Verdict): string =>
  v.expectedUs === undefined ? '' : `${short(Number((v.expectedUs + v.overheadUs).toFixed(2)))} µs (${basisOf(v)})`;

const aboutShapes = { exact: '', bucket: ' near these shapes', class: ' over many shapes' };

const accuracyOf = (v: Verdict): string => {
  const { level, maxEta, cases, basis } = v.accuracy;
  if (v.kind === 'reference') return 'defines it';
  return level === 'unknown'
    ? 'not measured'
    : `${level}${maxEta === undefined ? '' : `, η ${short(Number(maxEta.toPrecision(3)))}`}${cases === undefined ? '' : ` in ${count(cases, 'case')}`}${aboutShapes[basis ?? 'exact']}`;
};

const printDecision = (d: Decision, io: Io): void => {
  const p = io.paint;
  io.out(`${p.bold(d.node)}  ${d.op}\n${p.dim(d.signature)}\n\n`);
  io.out(`${p.cyan('language')}  ${d.language ? `${d.language.provider} (${d.language.kind}): ${d.language.why}` : 'nobody'}\n`);
  io.out(`${p.cyan('kernel')}    ${d.kernel ? `${p.green(d.kernel.id)}: ${d.kernel.why}` : 'none'}\n`);
  if (d.region) io.out(`${p.cyan('region')}    ${d.region.id}${d.region.nodes > 1 ? `, with ${d.region.nodes - 1} more` : ', alone'}\n`);
  io.out('\n');
  io.out(
    table(
      io,
      ['candidate', 'verdict', 'expected', 'accuracy', 'why'],
      d.verdicts.map((v) => [
        v.kernel,
        v.status === 'chosen' ? 'chosen' : (v.reason ?? v.status),
        timeOf(v),
        accuracyOf(v),
        v.detail ?? '',
      ]),
    ),
  );
  const changes = whatWouldChange(d);
  io.out(
    `\n${p.cyan('what would change it')}\n${changes.length === 0 ? '  nothing: there is no other candidate\n' : changes.map((c) => `  ${c}\n`).join('')}`,
  );
};

/** Names a word may mean: the node itself, the node that makes a value of that name, or the only one it is a part of. */
const resolveNode = (word: string, model: FlagosModel): string | undefined => {
  const names = model.placement().map((p) => p.node);
  if (names.includes(word)) return word;
  const maker = model.plans.flatMap((p) => p.special.nodes).find((n) => n.node.outputs.includes(word));
  if (maker) return maker.node.name;
  const lower = word.toLowerCase();
  for (const fits of [
    (n: string) => n.toLowerCase() === lower,
    (n: string) => n.toLowerCase().startsWith(lower),
    (n: string) => n.toLowerCase().includes(lower),
  ]) {
    const found = names.filter(fits);
    if (found.length === 1) return found[0];
  }
  return undefined;
};

const unknownNode = (word: string, model: FlagosModel): FlagosError => {
  const placement = model.placement();
  const names = placement.map((p) => p.node);
  const lower = word.toLowerCase();
  const similar = [
    ...new Set([
      ...placement.filter((p) => p.op.toLowerCase() === lower).map((p) => p.node),
      ...names.filter((n) => n.toLowerCase().includes(lower)),
      ...[nearest(word, names)].filter((n) => n !== undefined),
    ]),
  ];
  return new FlagosError('FLAGOS_E_USAGE', `the plan has no node '${word}'`, {
    hint:
      similar.length > 0
        ? `did you mean ${similar.slice(0, 6).join(', ')}${similar.length > 6 ? ` or one of ${similar.length - 6} more` : ''}?`
        : 'flagos explain <model> lists all nodes',
  });
};

const decisionFor = async (word: string, { model, run }: Planned): Promise<Decision> => {
  let name = resolveNode(word, model);
  if (name === undefined) {
    // Folded nodes say so; anything else may be planned only while running.
    if (model.plans.some((p) => p.special.folded.includes(word))) return model.explain(word);
    await run();
    name = resolveNode(word, model);
  }
  if (name === undefined) throw unknownNode(word, model);
  return model.explain(name);
};

export const explain = defineCommand({
  name: 'explain',
  summary: 'say why a node runs where it runs, and what would change that',
  about:
    'Without a node: a table of all nodes and their kernels. With one (its name, a part of it, or a value it makes): every candidate, the reason each other one was not chosen, what is expected of it, and what would change the choice.',
  args: { model: required(modelHelp), node: optional('name of a node, or of a value it makes') },
  options: { ...plannedOptions, ...runtimeOptions },
  groups: [runtimeGroup],
  examples: [
    [
      'flagos explain npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx --shape input=1x512 --input sr=16000',
      'all nodes of a model and where they run',
    ],
    ['flagos explain model.onnx Conv_12', 'one decision, whole'],
    ['flagos explain model.onnx Conv_12 --prefer vendor --json', 'under another policy, as data'],
  ],
  run: ({ args, options, io }) =>
    withRuntime(options, io, async (flagos) => {
      const planned = await planModel(flagos, args.model, options, io);
      const { model, loaded } = planned;
      if (args.node !== undefined) {
        const decision = await decisionFor(args.node, planned);
        if (options.json) io.out(toJson({ model: loaded.path, decision, whatWouldChange: whatWouldChange(decision) }));
        else printDecision(decision, io);
        return 0;
      }
      const placement = model.placement();
      if (options.json) {
        io.out(toJson({ model: loaded.path, notes: planned.notes, placement, coverage: model.coverage() }));
        return 0;
      }
      for (const note of planned.notes) io.out(io.paint.yellow(`note  ${note}\n`));
      io.out(
        table(
          io,
          ['node', 'op', 'region', 'kernel', 'why'],
          placement.map((p) => [p.node, p.op, String(p.region), p.kernel, model.explain(p.node).language?.why ?? '']),
        ),
      );
      const { line, chips } = model.coverage();
      io.out(
        `\n${table(
          io,
          ['chip', 'nodes it could run', 'routed to it', 'executed'],
          Object.entries(chips).map(([chip, c]) => [chip, String(c.able), String(c.routed), String(c.executed)]),
        )}`,
      );
      io.out(`\n${io.paint.cyan('coverage')} ${line}\n`);
      return 0;
    }),
});
