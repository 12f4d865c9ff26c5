/** ONNX ops that libtensorflow has kernels for, by name; and those whose kernels must not be asked. */
import { Rows } from 'flagos/plugin';
import { axisOps } from './axes.ts';
import { elementwiseOps } from './elementwise.ts';
import { movementOps } from './movement.ts';
import type { Program } from './program.ts';
import type { Row } from './row.ts';
import { windowOps } from './windows.ts';

const byName: Readonly<Record<string, Row>> = { ...elementwiseOps, ...axisOps, ...movementOps, ...windowOps };

/** Ops whose kernels answer wrongly, with the reason; kernels.test.ts shows that each still does. */
export const knownBugs: Readonly<Record<string, string>> = {
  Elu: 'is computed as exp(x) - 1: small negative numbers lose their digits (-1e-20 becomes 0)',
};

export const rows = new Rows<Program>({ library: 'libtensorflow', rows: byName, knownBugs });
