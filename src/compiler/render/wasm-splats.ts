/**
 * Vectors that hold one value in all lanes. What a loop in lanes does not change is made once, before the
 * loop (engines do not move loads); what groups of vectors have in common is made once for all of them.
 */
import type { Buffer, LExpr } from '../loops.ts';
import { buffersOf, type For, type Sched } from '../schedule/ir.ts';
import { localsOf } from '../schedule/nests.ts';
import { get, set } from './wasm-types.ts';

/** Where splats are written. */
interface SplatHost {
  readonly lines: string[];
  declare(type: 'v128'): string;
}

/** A loop in lanes that is being written. */
interface LanesLoop {
  /** Names of what changes in it. */
  readonly inner: ReadonlySet<string>;
  readonly stored: ReadonlySet<Buffer>;
  /** What is made before it, and the locals that keep it, by how it is made. */
  readonly before: string[];
  readonly made: Map<string, string>;
}

const declaredIn = (stmts: readonly Sched[], into: Set<string>): Set<string> => {
  for (const s of stmts) {
    if (s.kind === 'for') declaredIn(s.body, into.add(s.v.name));
    else if (s.kind === 'if') declaredIn(s.otherwise, declaredIn(s.then, into));
    else if (s.kind === 'let' || s.kind === 'var' || s.kind === 'set') into.add(s.local.name);
  }
  return into;
};

export class Splats {
  readonly #host: SplatHost;
  #loop: LanesLoop | undefined;
  /** Made already for another group of the same statement. */
  #shared: Map<string, string> | undefined;
  #conditional = false;

  constructor(host: SplatHost) {
    this.#host = host;
  }

  /** Text of a splat that is made by `text`. */
  of(e: LExpr, text: string): string {
    const loop = this.#loop;
    if (loop && this.#isSteady(e, loop)) return this.#kept(text, loop.made, loop.before);
    return this.#shared ? this.#kept(text, this.#shared, this.#host.lines) : text;
  }

  #isSteady(e: LExpr, { inner, stored }: LanesLoop): boolean {
    if ([...localsOf(e)].some((name) => inner.has(name))) return false;
    if (e.kind === 'local') return true;
    // A guard may stand before what it reads.
    return e.kind === 'read' && !this.#conditional && e.at.kind !== 'read' && !stored.has(e.buffer);
  }

  #kept(text: string, made: Map<string, string>, lines: string[]): string {
    let name = made.get(text);
    if (!name) {
      made.set(text, (name = this.#host.declare('v128')));
      lines.push(set(name, text));
    }
    return get(name);
  }

  /** Writes a loop in lanes (with what is left of it). */
  loop(s: For, write: () => void): void {
    const outside = this.#loop;
    const loop = (this.#loop = {
      inner: declaredIn([s], new Set()),
      stored: buffersOf(s.body).writes,
      before: [] as string[],
      made: new Map<string, string>(),
    });
    const start = this.#host.lines.length;
    write();
    this.#host.lines.splice(start, 0, ...loop.before);
    this.#loop = outside;
  }

  /** Writes the same statement for several groups. */
  together<T>(write: () => T): T {
    this.#shared = new Map();
    const made = write();
    this.#shared = undefined;
    return made;
  }

  /** Writes one side of a branch: what is made there is not known elsewhere. */
  within(write: () => void): void {
    const [shared, conditional] = [this.#shared, this.#conditional];
    [this.#shared, this.#conditional] = [undefined, true];
    write();
    [this.#shared, this.#conditional] = [shared, conditional];
  }
}
