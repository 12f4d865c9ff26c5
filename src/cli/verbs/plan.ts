/** `flagos plan`: the plan of a model: regions, kernels, steps, memory. */
import { describeType, typeBytes } from '../../core/graph.ts';
import type { PreparedPlan, Step } from '../../dispatch/prepare.ts';
import { defineCommand, required } from '../args/command.ts';
import { bytes, count, table } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { planModel, plannedOptions } from '../model/planned.ts';
import { modelHelp } from '../model/source.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

const outputsOf = ({ planned }: Step): { name: string; type: string }[] =>
  (planned?.region.outputs ?? []).map((o) => ({ name: o.name, type: describeType(o.type) }));

/** What inner tensors would take if each had memory of its own. */
const unsharedBytes = (plan: PreparedPlan): number =>
  plan.planned.regions.reduce((n, r) => n + r.region.outputs.reduce((m, o) => m + (typeBytes(o.type) ?? 0), 0), 0);

const planJson = (plan: PreparedPlan): unknown => ({
  steps: plan.steps.map((s, i) => ({
    step: i,
    kernel: s.kernel,
    region: s.planned?.id,
    nodes: s.planned?.nodes.map((n) => n.node.name) ?? [],
    outputs: outputsOf(s),
    workspaceBytes: s.prepared.workspaceBytes,
  })),
  regions: plan.planned.regions.length,
  arenaBytes: plan.arenaBytes,
  unsharedBytes: unsharedBytes(plan),
  folded: plan.special.folded,
  waiting: plan.planned.tail.map((n) => n.node.name),
});

const nodesText = (s: Step): string => {
  const ops = s.planned?.nodes.map((n) => n.node.op) ?? [];
  return ops.length > 4 ? `${s.label}: ${ops.slice(0, 3).join(', ')}, …` : `${s.label}${ops.length > 1 ? `: ${ops.join(', ')}` : ''}`;
};

const printPlan = (plan: PreparedPlan, title: string, io: Io): void => {
  const p = io.paint;
  const { planned, special } = plan;
  io.out(
    `\n${p.bold(title)}: ${count(planned.regions.length, 'region')}, ${count(plan.steps.length, 'step')}, ${count(special.folded.length, 'node')} folded\n`,
  );
  const workspace = plan.steps.reduce((n, s) => n + s.prepared.workspaceBytes, 0);
  io.out(p.dim(`arena ${bytes(plan.arenaBytes)} (tensors one by one: ${bytes(unsharedBytes(plan))}), workspaces ${bytes(workspace)}\n`));
  io.out(
    table(
      io,
      ['step', 'kernel', 'nodes', 'makes'],
      plan.steps.map((s, i) => [
        String(i),
        s.kernel,
        nodesText(s),
        outputsOf(s)
          .map((o) => o.type)
          .join(', '),
      ]),
    ),
  );
  if (planned.tail.length > 0)
    io.out(
      p.yellow(
        `${count(planned.tail.length, 'node')} planned while running, when values before them are known: ${planned.tail
          .slice(0, 6)
          .map((n) => n.node.name)
          .join(', ')}${planned.tail.length > 6 ? ', …' : ''}\n`,
      ),
    );
};

export const plan = defineCommand({
  name: 'plan',
  summary: "show a model's plan: regions, kernels, steps, memory",
  about:
    'Plans a model for the given shapes (1 for dimensions nobody gives) and shows every step: which kernel runs which nodes, and what it makes. Nothing runs unless --run is given or an input is.',
  args: { model: required(modelHelp) },
  options: { ...plannedOptions, ...runtimeOptions },
  groups: [runtimeGroup],
  examples: [
    ['flagos plan model.onnx --dim batch=1', 'every step of a model'],
    [
      'flagos plan npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx --shape input=1x512 --input sr=16000 --run',
      'branches and loops too, which are planned when they run',
    ],
    ['flagos plan model.onnx --chip reference --json', 'as data'],
  ],
  run: ({ args, options, io }) =>
    withRuntime(options, io, async (flagos) => {
      const { loaded, model, notes } = await planModel(flagos, args.model, options, io);
      const plans = model.plans;
      if (options.json) {
        io.out(toJson({ model: loaded.path, notes, plans: plans.map(planJson), coverage: model.coverage() }));
        return 0;
      }
      io.out(`${io.paint.bold(loaded.path)}\n`);
      for (const note of notes) io.out(io.paint.yellow(`note  ${note}\n`));
      // Bodies of control flow and parts that waited are plans of their own, made before the one that runs them ends.
      plans.forEach((one, i) => printPlan(one, plans.length === 1 ? 'plan' : `plan ${i + 1} of ${plans.length}`, io));
      io.out(`\n${io.paint.cyan('coverage')} ${model.coverage().line}\n`);
      return 0;
    }),
});
