/** `flagos ops`: the op set, from the records themselves. */
import { FlagosError } from '../../core/errors.ts';
import { opName } from '../../core/graph.ts';
import { nearest } from '../../core/nearest.ts';
import type { InputSpec, OpRecord, TypeRule } from '../../ops/define.ts';
import { opSet } from '../../ops/index.ts';
import { tokenMatches } from '../../opmanager/policy.ts';
import { defineCommand, optional } from '../args/command.ts';
import { flag, text, usageError } from '../args/option.ts';
import { count, short, table } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { collectCoverage, type OpCoverage } from '../op-coverage/collect.ts';
import { cellText, coverageMarkdown, totals, typesText } from '../op-coverage/text.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** How an op is said: as expressions (kernels of every chip follow), as a function on the host, or as control flow. */
const kindOf = (r: OpRecord): string => (r.control ? 'control' : r.compute && r.host ? 'compute+host' : r.compute ? 'compute' : 'host');

const ruleText = (rule: TypeRule): string =>
  typeof rule === 'string'
    ? `as ${rule}`
    : rule.length > 6
      ? `${rule.slice(0, 5).join(', ')} and ${rule.length - 5} more`
      : rule.join(', ') || 'any value';

const inputName = (i: InputSpec & { readonly name: string }): string => `${i.name}${i.variadic ? '…' : ''}${i.optional ? '?' : ''}`;

const recordJson = (r: OpRecord): unknown => ({
  name: r.name,
  domain: r.domain,
  since: r.since,
  kind: kindOf(r),
  deterministic: !r.nondeterministic,
  accuracy: r.accuracy,
  inputs: r.inputs.map((i) => ({ name: i.name, types: i.types, role: i.role, optional: i.optional, variadic: i.variadic })),
  outputs: r.outputs.map((o) => ({ name: o.name, type: typeof o.rule === 'string' ? o.rule : 'depends on attributes' })),
  attributes: Object.fromEntries(
    Object.entries(r.attrs).map(([name, a]) => [name, { type: a.type, required: a.required, default: a.default }]),
  ),
});

const defaultText = (value: unknown): string =>
  value === undefined ? 'no default' : `default ${Array.isArray(value) ? `[${value.join(', ')}]` : short(value)}`;

const printRecord = (r: OpRecord, io: Io): void => {
  const p = io.paint;
  io.out(
    `${p.bold(opName(r.domain, r.name))}  since version ${r.since}, ${kindOf(r)}${r.nondeterministic ? ', not deterministic' : ''}\n\n`,
  );
  io.out(
    table(
      io,
      ['input', 'types', ''],
      r.inputs.map((i) => [inputName(i), ruleText(i.types), i.role === 'value' ? 'decides shapes' : '']),
    ),
  );
  io.out(
    `\n${table(
      io,
      ['output', 'type'],
      r.outputs.map((o, i) => [
        `${o.name}${r.variadicOutputs && i === r.outputs.length - 1 ? '…' : ''}`,
        typeof o.rule === 'string' ? o.rule : 'depends on attributes',
      ]),
    )}`,
  );
  const attrs = Object.entries(r.attrs);
  if (attrs.length > 0)
    io.out(
      `\n${table(
        io,
        ['attribute', 'type', ''],
        attrs.map(([name, a]) => [name, a.type, a.required ? 'required' : defaultText(a.default)]),
      )}`,
    );
  const { accuracy } = r;
  io.out(`\n${p.dim(`asked of kernels: ${accuracy.kind}${accuracy.kind === 'ulp' ? `, ${accuracy.ulp} units in the last place` : ''}`)}\n`);
};

const matching = (name: string | undefined, domain: string | undefined): readonly OpRecord[] => {
  const inDomain = opSet.records.filter((r) => domain === undefined || r.domain === (domain === 'ai.onnx' ? '' : domain));
  if (domain !== undefined && inDomain.length === 0) {
    const domains = [...new Set(opSet.records.map((r) => r.domain || 'ai.onnx'))];
    throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `there are no ops of domain '${domain}'`, { hint: `domains are ${domains.join(', ')}` });
  }
  if (name === undefined) return inDomain;
  const asked = name.toLowerCase();
  const found = inDomain.filter((r) => r.name.toLowerCase() === asked || opName(r.domain, r.name).toLowerCase() === asked);
  if (found.length > 0) return found;
  const names = inDomain.map((r) => opName(r.domain, r.name));
  const near = nearest(name, names);
  const parts = names.filter((n) => n.toLowerCase().includes(asked));
  throw new FlagosError('FLAGOS_E_UNKNOWN_OP', `there is no op '${name}'`, {
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : parts.length > 0
          ? `did you mean ${parts.slice(0, 6).join(', ')}?`
          : 'flagos ops lists all',
  });
};

const coverageJson = (coverage: readonly OpCoverage[], chips: readonly string[]): unknown => ({
  chips,
  ops: coverage.map(({ op, control, types }) => ({
    op,
    control,
    types: types.map(({ dtype, answers }) => ({ dtype: dtype ?? null, chips: Object.fromEntries(answers) })),
  })),
});

const printCoverage = (coverage: readonly OpCoverage[], chips: readonly string[], io: Io): void => {
  io.out(
    table(
      io,
      ['op', 'types', ...chips],
      coverage.map((op) => [op.op, typesText(op), ...chips.map((chip) => cellText(op, chip))]),
    ),
  );
  for (const chip of chips) {
    const { kernel, host, none } = totals(coverage, chip);
    io.out(`${chip}: ${count(kernel, 'pair')} of op and type by kernels, ${host} by host functions, ${none} not\n`);
  }
};

export const ops = defineCommand({
  name: 'ops',
  summary: 'list the ops there are records of, or show one; or which chip runs which',
  about:
    'Lists the op set: each op with the operator-set version of its form, its inputs and outputs, and how it is said (compute: as expressions, from which kernels of every chip come; host: as a function; control: as control flow). With a name: one op, whole. With --coverage: which chip runs which op on which element types, as the chips themselves say; nothing runs.',
  args: { name: optional('an op: Conv, com.microsoft.Gelu') },
  options: {
    domain: text('<domain>', 'only ops of this domain: ai.onnx, ai.onnx.ml, com.microsoft'),
    coverage: flag('which chip runs which op on which types; --chip picks chips'),
    markdown: flag('with --coverage: as the page docs/op-coverage.md'),
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos ops', 'all ops'],
    ['flagos ops Conv', 'inputs, types and attributes of one'],
    ['flagos ops --domain com.microsoft --json', 'those of one domain, as data'],
    ['flagos ops --coverage', 'which chip runs what'],
    ['flagos ops Softmax --coverage --chip flagos/cpu --json', 'one op on one chip, with reasons'],
  ],
  run: async ({ args, options, io }) => {
    const records = [...matching(args.name, options.domain)].sort((a, b) => (opName(a.domain, a.name) < opName(b.domain, b.name) ? -1 : 1));
    if (options.markdown && !options.coverage) throw usageError('--markdown is for --coverage', 'flagos ops --coverage --markdown');
    if (options.coverage) {
      await withRuntime(options, io, async ({ runtime }) => {
        const asked = runtime.chips.filter(
          ({ id, provider, chip }) =>
            options.chip?.some((t) => tokenMatches(t, { provider: provider.name, kind: provider.kind, chip: chip.id, kernel: id })) ?? true,
        );
        const chips = asked.map((c) => c.id);
        const coverage = collectCoverage(records, runtime.ops, asked);
        if (options.markdown) io.out(coverageMarkdown(coverage, chips));
        else if (options.json) io.out(toJson(coverageJson(coverage, chips)));
        else printCoverage(coverage, chips, io);
      });
    } else if (options.json) io.out(toJson({ ops: records.map(recordJson) }));
    else if (args.name !== undefined) records.forEach((r) => printRecord(r, io));
    else {
      io.out(
        table(
          io,
          ['op', 'since', 'kind', 'inputs', 'outputs'],
          records.map((r) => [
            opName(r.domain, r.name),
            String(r.since),
            kindOf(r),
            r.inputs.map(inputName).join(', '),
            r.outputs.map((o) => o.name).join(', '),
          ]),
        ),
      );
      io.out(`${records.length} ops\n`);
    }
    return 0;
  },
});
