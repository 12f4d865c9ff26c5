/** How much statements have to do, counted in operations: what decides whether threads pay. */
import { childrenOf, type LExpr, type Stmt } from '../loops.ts';

/** Operations an elementary function comes to, as long as one lane of a vector takes. */
const FUNCTION = 48;
const functions: ReadonlySet<string> = new Set([
  'exp',
  'log',
  'tanh',
  'sigmoid',
  'erf',
  'expm1',
  'log1p',
  'sin',
  'cos',
  'tan',
  'pow',
  'atan2',
]);

/** Loads and arithmetic on elements; positions are the loops' business. */
const ofExpression = (e: LExpr): number => {
  if (e.type === 'index' || e.kind === 'const' || e.kind === 'local') return 0;
  if (e.kind === 'read') return 1;
  // Guards are what loops are bounded by in the end.
  const isGuard = e.type === 'bool' || e.kind === 'select';
  const own = (e.kind === 'unary' || e.kind === 'binary') && functions.has(e.op) ? FUNCTION : isGuard ? 0 : 1;
  return childrenOf(e).reduce((n, c) => n + ofExpression(c), own);
};

export const operationsOf = (stmts: readonly Stmt[]): number =>
  stmts.reduce((n, s): number => {
    switch (s.kind) {
      case 'for':
        return n + s.extent * operationsOf(s.body);
      case 'if':
        return n + operationsOf(s.then) + operationsOf(s.otherwise);
      case 'store':
        return n + 1 + ofExpression(s.value);
      case 'let':
      case 'set':
      case 'var':
        return n + (s.value ? ofExpression(s.value) : 0);
      case 'call':
        return n + s.work;
    }
  }, 0);
