/**
 * Branches back into expressions. Lowering turns a `select` whose sides need statements of their own
 * into a variable that two branches set; where these statements were only names for index arithmetic
 * (and those are gone by now), the `select` is restored. Names that are used once, and guards, are put
 * where they are used. So guards can be read off reductions, and loops over them can be jammed.
 */
import { mapChildren, type LExpr, type Stmt } from '../loops.ts';
import { substitute } from './ir.ts';

type Values = Map<string, LExpr>;

const truth = (e: LExpr): boolean | undefined => (e.kind === 'const' && typeof e.value === 'boolean' ? e.value : undefined);

const choice = (cond: LExpr, a: LExpr, b: LExpr): LExpr => {
  if (truth(b) === false) return truth(a) ? cond : { kind: 'binary', type: 'bool', op: 'and', a: cond, b: a };
  if (truth(a)) return { kind: 'binary', type: 'bool', op: 'or', a: cond, b };
  return { kind: 'select', type: a.type, cond, a, b };
};

/** What a branch sets a variable to, if that is all it does. */
const assignment = (branch: readonly Stmt[], name: string): LExpr | undefined => {
  const [only] = branch;
  return branch.length === 1 && only?.kind === 'set' && only.local.name === name ? only.value : undefined;
};

/** Comparisons of positions, and what is made of them: cheap, and without effects or reads. */
const isGuard = (e: LExpr): boolean => {
  if (e.kind === 'read' || e.kind === 'cast' || e.kind === 'bitcast') return false;
  if (e.kind === 'local') return e.type === 'index';
  let all = e.type === 'bool' || e.type === 'index';
  mapChildren(e, (c) => {
    all &&= isGuard(c);
    return c;
  });
  return all;
};

const usesIn = (e: LExpr, name: string): number => {
  if (e.kind === 'local') return e.name === name ? 1 : 0;
  let n = 0;
  mapChildren(e, (c) => {
    n += usesIn(c, name);
    return c;
  });
  return n;
};

/** How often statements use a name; in nested loops and branches a use counts as many. */
const usesOf = (stmts: readonly Stmt[], name: string): number =>
  stmts.reduce((n, s): number => {
    switch (s.kind) {
      case 'for':
        return n + 2 * usesOf(s.body, name);
      case 'if':
        return n + usesIn(s.cond, name) + 2 * (usesOf(s.then, name) + usesOf(s.otherwise, name));
      case 'store':
        return n + usesIn(s.at, name) + usesIn(s.value, name);
      case 'let':
      case 'set':
        return n + usesIn(s.value, name);
      case 'var':
        return n + (s.value ? usesIn(s.value, name) : 0);
      default:
        return n;
    }
  }, 0);

/** Whether an expression would have the same value a few statements further on. */
const isSteady = (e: LExpr, variables: ReadonlySet<string>): boolean => {
  if (e.kind === 'local') return !variables.has(e.name);
  // A temporary or output may be written in between.
  if (e.kind === 'read' && e.buffer.role !== 'input') return false;
  let all = true;
  mapChildren(e, (c) => {
    all &&= isSteady(c, variables);
    return c;
  });
  return all;
};

const block = (stmts: readonly Stmt[], known: Values, outer: ReadonlySet<string>): Stmt[] => {
  const values = new Map(known);
  const variables = new Set(outer);
  const use = (e: LExpr): LExpr => (values.size ? substitute(e, values) : e);
  const out: Stmt[] = [];
  stmts.forEach((s, i) => {
    const define = (made: Extract<Stmt, { kind: 'let' }>): void => {
      const rest = stmts.slice(i + 1);
      const isInline = isGuard(made.value) || (isSteady(made.value, variables) && usesOf(rest, made.local.name) <= 1);
      if (isInline && made.local.type !== 'index') values.set(made.local.name, made.value);
      else out.push(made);
    };
    switch (s.kind) {
      case 'for':
        out.push({ ...s, body: block(s.body, values, variables) });
        break;
      case 'let':
        define({ ...s, value: use(s.value) });
        break;
      case 'set':
        out.push({ ...s, value: use(s.value) });
        break;
      case 'store':
        out.push({ ...s, at: use(s.at), value: use(s.value) });
        break;
      case 'var':
        variables.add(s.local.name);
        out.push({ ...s, value: s.value && use(s.value) });
        break;
      case 'if': {
        const [cond, then, otherwise] = [use(s.cond), block(s.then, values, variables), block(s.otherwise, values, variables)];
        const before = out.at(-1);
        if (before?.kind === 'var' && before.value === undefined) {
          const [a, b] = [assignment(then, before.local.name), assignment(otherwise, before.local.name)];
          if (a && b) {
            out.pop();
            variables.delete(before.local.name);
            define({ kind: 'let', local: before.local, value: choice(cond, a, b) });
            break;
          }
        }
        out.push({ ...s, cond, then, otherwise });
        break;
      }
      default:
        out.push(s);
    }
  });
  return out;
};

export const straighten = (stmts: readonly Stmt[]): Stmt[] => block(stmts, new Map(), new Set());
