/** Coverage as short texts: for the terminal, and as the page docs/op-coverage.md. */
import type { DType } from '../../core/dtype.ts';
import type { Answer, OpCoverage } from './collect.ts';

/** `float32` → `f32`, `uint8` → `u8`, `bfloat16` → `bf16`, `complex64` → `c64`, `string` → `str`. */
export const shortType = (dtype: DType): string =>
  dtype
    .replace(/^bfloat/, 'bf')
    .replace(/^float/, 'f')
    .replace(/^uint/, 'u')
    .replace(/^int/, 'i')
    .replace(/^complex/, 'c')
    .replace('string', 'str');

const list = (types: readonly (DType | undefined)[]): string => types.map((t) => (t === undefined ? 'all' : shortType(t))).join(' ');

/** Whether all an answer offers is a function on host values. */
const isHost = (answer: Answer): boolean => answer.ok && answer.variants.every((v) => v === 'host');

interface Split {
  readonly kernel: readonly (DType | undefined)[];
  readonly host: readonly (DType | undefined)[];
  readonly none: readonly (DType | undefined)[];
}
export const splitTypes = ({ types }: OpCoverage, chip: string): Split => {
  const of = (wanted: (a: Answer) => boolean): (DType | undefined)[] =>
    types.flatMap(({ dtype, answers }) => (wanted(answers.get(chip)!) ? [dtype] : []));
  return { kernel: of((a) => a.ok && !isHost(a)), host: of(isHost), none: of((a) => !a.ok) };
};

/** What a chip does of an op's types: `✓` all, `host` all by a host function, `–` none, or which. */
export const cellText = (op: OpCoverage, chip: string): string => {
  if (op.control) return 'runtime';
  const { kernel, host, none } = splitTypes(op, chip);
  if (kernel.length + host.length === 0) return '–';
  if (kernel.length === 0 && none.length === 0) return 'host';
  const byHost = host.length > 0 ? [`host: ${list(host)}`] : [];
  if (none.length === 0) return ['✓', ...byHost].join('; ');
  const own = kernel.length === 0 ? [] : [none.length + host.length < kernel.length ? `all but ${list([...none, ...host])}` : list(kernel)];
  return [...own, ...byHost].join('; ');
};

export const typesText = ({ types }: OpCoverage): string => list(types.flatMap(({ dtype }) => dtype ?? [])) || '–';

export interface Totals {
  readonly kernel: number;
  readonly host: number;
  readonly none: number;
}
/** Pairs of op and type, of those the runtime does not run itself. */
export const totals = (ops: readonly OpCoverage[], chip: string): Totals => {
  const parts = ops.filter((op) => !op.control).map((op) => splitTypes(op, chip));
  const count = (of: keyof Split): number => parts.reduce((n, p) => n + p[of].length, 0);
  return { kernel: count('kernel'), host: count('host'), none: count('none') };
};

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
const mdTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  row(head) + row(head.map(() => '---')) + rows.map(row).join('');

/** The page docs/op-coverage.md. */
export const coverageMarkdown = (ops: readonly OpCoverage[], chips: readonly string[]): string => {
  const domains = [...new Set(ops.map((op) => op.domain))].sort();
  const sums = chips.map((chip) => {
    const { kernel, host, none } = totals(ops, chip);
    return [`\`${chip}\``, String(kernel), String(host), String(none)];
  });
  const sections = domains.map((domain) => {
    const own = ops.filter((op) => op.domain === domain);
    const rows = own.map((op) => [op.op, typesText(op), ...chips.map((chip) => cellText(op, chip))]);
    return `\n## ${domain === '' ? 'ai.onnx' : domain}\n\n${mdTable(['op', 'types', ...chips], rows)}`;
  });
  return `# Which chip runs which op

Written by \`npm run docs:coverage\`: every chip is asked about a small call of every op with every element type the op's
record allows for its first input that may have several. \`flagos ops --coverage\` shows the same for the chips of
your machine, plugins included; with \`--json\` also why not, where not.

\`✓\`: all types of the column \`types\`. \`host\`: by a function on host values, the same on every chip that has it.
\`–\`: none. \`runtime\`: control flow, which the runtime runs itself. \`f32\` is float32, \`bf16\` bfloat16, \`i8\` int8,
\`u8\` uint8, \`c64\` complex64, \`str\` string.

Pairs of op and type:

${mdTable(['chip', 'kernels', 'host functions', 'not'], sums)}${sections.join('')}`;
};
