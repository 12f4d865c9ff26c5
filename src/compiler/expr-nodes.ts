/** Scalar expressions as data: their nodes. What they mean, and the functions that write them, stand in `expr.ts`. */
import type { DType } from '../core/dtype.ts';
import type { TensorExpr } from './tensor-expr.ts';

export type ScalarType = DType | 'index';

export const unaryOps = [
  'neg',
  'abs',
  'sign',
  'exp',
  'expm1',
  'log',
  'log1p',
  'sqrt',
  'rsqrt',
  'reciprocal',
  'floor',
  'ceil',
  'round',
  'trunc',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'erf',
  'sigmoid',
  'not',
  'bitnot',
  'isnan',
  'isinf',
  'popcount',
] as const;
export type UnaryOp = (typeof unaryOps)[number];

export const binaryOps = [
  'add',
  'sub',
  'mul',
  'div',
  'rem',
  'floordiv',
  'floormod',
  'pow',
  'min',
  'max',
  'atan2',
  'and',
  'or',
  'xor',
  'bitand',
  'bitor',
  'bitxor',
  'shl',
  'shr',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
] as const;
export type BinaryOp = (typeof binaryOps)[number];

export type ReduceOp = 'sum' | 'prod' | 'max' | 'min' | 'and' | 'or';

export interface ConstExpr {
  readonly kind: 'const';
  readonly type: ScalarType;
  readonly value: number | bigint | boolean;
}
export interface VarExpr {
  readonly kind: 'var';
  readonly type: 'index';
  readonly name: string;
}
export interface LoadExpr {
  readonly kind: 'load';
  readonly type: ScalarType;
  readonly tensor: TensorExpr;
  readonly index: readonly Expr[];
}
export interface UnaryExpr {
  readonly kind: 'unary';
  readonly type: ScalarType;
  readonly op: UnaryOp;
  readonly x: Expr;
}
export interface BinaryExpr {
  readonly kind: 'binary';
  readonly type: ScalarType;
  readonly op: BinaryOp;
  readonly a: Expr;
  readonly b: Expr;
  /** Of (x − m)·f + b: kernels may as well calculate x·f + (b − m·f). Says something to the error analysis only. */
  readonly folds?: true;
}
export interface SelectExpr {
  readonly kind: 'select';
  readonly type: ScalarType;
  readonly cond: Expr;
  readonly a: Expr;
  readonly b: Expr;
}
export interface CastExpr {
  readonly kind: 'cast';
  readonly type: ScalarType;
  readonly x: Expr;
  readonly saturate: boolean;
}
export interface BitcastExpr {
  readonly kind: 'bitcast';
  readonly type: ScalarType;
  readonly x: Expr;
}
export interface ReduceAxis {
  readonly v: VarExpr;
  readonly extent: number;
}
export interface ReduceExpr {
  readonly kind: 'reduce';
  readonly type: ScalarType;
  readonly op: ReduceOp;
  readonly axes: readonly ReduceAxis[];
  readonly body: Expr;
}

export type Expr = ConstExpr | VarExpr | LoadExpr | UnaryExpr | BinaryExpr | SelectExpr | CastExpr | BitcastExpr | ReduceExpr;

/** Direct subexpressions. */
export const childrenOf = (e: Expr): readonly Expr[] => {
  switch (e.kind) {
    case 'const':
    case 'var':
      return [];
    case 'load':
      return e.index;
    case 'unary':
    case 'cast':
    case 'bitcast':
      return [e.x];
    case 'binary':
      return [e.a, e.b];
    case 'select':
      return [e.cond, e.a, e.b];
    case 'reduce':
      return [e.body];
  }
};
