/**
 * A C program's text, whole or cut into translation units that are compiled at the same time and
 * linked into one library. Compilers take most of a second for the stages of a large region, and use
 * one core each. What many programs have in common (microkernels) is a unit of its own: its object
 * file is made once and kept.
 */
import type { Helper } from '../loops.ts';
import { cPrelude } from './c-prelude.ts';

/** A stage function, and what must stand before it. */
export interface StageText {
  readonly name: string;
  /** Its buffers, as declarations of parameters. */
  readonly buffers: readonly string[];
  /** Statements. */
  readonly text: string;
  readonly helpers: readonly Helper[];
}

export interface ProgramText {
  readonly stages: readonly StageText[];
  /** The functions that call the stages. */
  readonly entries: readonly string[];
}

export interface CUnit {
  readonly text: string;
  /** The same text is part of many programs. */
  readonly shared: boolean;
}

/** Less text than this, about 0.2 s of compiling, is not worth a process of its own. */
const UNIT_CHARS = 12_000;

const SIGNATURE = '(const ctx_t*, i64, i64, i64);';

/**
 * A stage as two functions. GCC believes `restrict` of parameters alone: where buffers were variables, a
 * stored byte would count as a change of everything, and no loop that stores bytes would become vectors.
 */
const stageText = ({ name, buffers, text }: StageText, linkage: 'static' | 'HIDDEN'): string =>
  [
    `static NOINLINE void ${name}_body(${['const i64* restrict p', ...buffers, 'const i64* restrict v'].join(', ')}, i64 lo, i64 hi, i64 worker) {`,
    text,
    '}',
    `${linkage} void ${name}(const ctx_t* c, i64 lo, i64 hi, i64 worker) { ${name}_body(${['c->p', ...buffers.map((_, i) => `c->b[${i}]`), 'c->v'].join(', ')}, lo, hi, worker); }`,
  ].join('\n');

/** Equal helpers once, in the order in which they are first needed. */
const helpersOf = (stages: readonly StageText[]): Helper[] => {
  const seen = new Map<string, Helper>();
  for (const { helpers } of stages)
    for (const h of helpers) {
      const key = typeof h === 'string' ? h : h.definition;
      if (!seen.has(key)) seen.set(key, h);
    }
  return [...seen.values()];
};

/** The whole program as one translation unit. */
export const wholeText = ({ stages, entries }: ProgramText): string =>
  [
    cPrelude,
    ...helpersOf(stages).map((h) => (typeof h === 'string' ? h : h.definition)),
    ...stages.map((s) => stageText(s, 'static')),
    ...entries,
    '',
  ].join('\n');

/** Stages dealt into lists of about the same length, each in the program's order. */
const deal = (stages: readonly StageText[], lists: number): StageText[][] => {
  const load = Array.from({ length: lists }, () => 0);
  const at = new Map<StageText, number>();
  for (const s of [...stages].sort((a, b) => b.text.length - a.text.length)) {
    const least = load.indexOf(Math.min(...load));
    load[least]! += s.text.length;
    at.set(s, least);
  }
  return load.map((_, i) => stages.filter((s) => at.get(s) === i));
};

/**
 * The program as units to be linked; the first holds the entries.
 * @param most how many of them, shared ones not counted.
 */
export const unitsOf = ({ stages, entries }: ProgramText, most: number): CUnit[] => {
  const chars = stages.reduce((n, s) => n + s.text.length, 0);
  const lists = deal(stages, Math.max(1, Math.min(most, Math.floor(chars / UNIT_CHARS))));
  const own = lists.map((list, i): CUnit => {
    const elsewhere = i === 0 ? lists.slice(1).flat() : [];
    const text = [
      cPrelude,
      ...helpersOf(list).map((h) => (typeof h === 'string' ? h : h.declaration)),
      ...elsewhere.map(({ name }) => `HIDDEN void ${name}${SIGNATURE}`),
      ...list.map((s) => stageText(s, i === 0 ? 'static' : 'HIDDEN')),
      ...(i === 0 ? entries : []),
      '',
    ];
    return { text: text.join('\n'), shared: false };
  });
  const shared = helpersOf(stages).flatMap((h): CUnit[] =>
    typeof h === 'string' ? [] : [{ text: [cPrelude, ...h.needs, h.definition, ''].join('\n'), shared: true }],
  );
  return [...own, ...shared];
};
