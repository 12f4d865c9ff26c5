/**
 * Words of the contraction template. A contraction is Σₖ A·B over some axes, followed by whatever
 * happens to each sum: matrix products, convolutions, einsums. Every output axis is one of three:
 * only A moves with it (a row, "m"), only B does (a column, "n"), or both do (a batch).
 */
import type { ScalarType } from '../expr.ts';
import type { LExpr, Local, Stmt } from '../loops.ts';

export type { StageWriter } from '../loops.ts';

/** The processor a kernel is written for. */
export interface Target {
  /** Bytes of a vector register: 64 (AVX-512), 32 (AVX2), 16 (NEON, SSE). */
  readonly vectorBytes: 64 | 32 | 16;
  /** Vector registers there are. */
  readonly registers: 32 | 16;
  /** Bytes of cache one core has to itself, nearest first, and of the one all share. */
  readonly l1: number;
  readonly l2: number;
  readonly l3: number;
  /** What it multiplies bfloat16 with, if anything: dot products of pairs (AVX512-BF16), or tiles (AMX). */
  readonly bf16?: 'dot' | 'amx' | undefined;
  /** What it multiplies small integers with, if anything: dot products of pairs and fours (AVX512-VNNI), or tiles besides (AMX). */
  readonly int8?: 'dot' | 'amx' | undefined;
  /** Threads of the pool. */
  readonly threads: number;
}

/** A loop: its counter and how far it counts. */
export interface Axis {
  readonly v: Local;
  readonly extent: number;
}

/** Σ over `reduce` of a·b, and what becomes of it. */
export interface Contraction {
  /** Loops over the output, outermost first. */
  readonly axes: readonly Axis[];
  readonly reduce: readonly Axis[];
  /** Type the sum is held in. */
  readonly type: ScalarType;
  readonly a: LExpr;
  readonly b: LExpr;
  /** Stands for the sum in `finish`. */
  readonly sum: Local;
  /** Run once per output element; ends in its store. */
  readonly finish: readonly Stmt[];
}

/** Rows and columns of results one microkernel call holds in registers. */
export interface Tile {
  /** C type of an element. */
  readonly type: string;
  readonly bytes: number;
  /** C type of a sum, where it is wider than elements. */
  readonly sums?: string;
  readonly vectorBytes: number;
  /** Elements of a vector. */
  readonly lanes: number;
  /** Most rows. */
  readonly rows: number;
  /** Most vectors in a row. */
  readonly vectors: number;
  /** Most columns: vectors · lanes. */
  readonly columns: number;
}

/** Elements in an index space. */
export const sizeOfAxes = (axes: readonly { readonly extent: number }[]): number => axes.reduce((n, a) => n * a.extent, 1);
