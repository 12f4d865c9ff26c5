/** A PostgreSQL server of our own, for tests: a cluster in a temporary folder, on a socket there, started and stopped at will. */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';

const DEBIAN = '/usr/lib/postgresql';

/** Folder of the server's programs: Debian keeps them out of PATH. */
const findPrograms = (): string | undefined => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((v) => join(DEBIAN, v, 'bin')), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.find((f) => existsSync(join(f, 'initdb')) && existsSync(join(f, 'pg_ctl')));
};

/** The server refuses to run as root; then it runs as the user Debian's package makes. */
const serverUser = (): { uid: number; gid: number } | undefined | 'none' => {
  if (userInfo().uid !== 0) return undefined;
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    // There is no such user; the reason is said where it is asked.
    return 'none';
  }
};

export class PostgresServer {
  readonly #programs: string;
  readonly #user: { uid: number; gid: number } | undefined;
  readonly #folder: string;

  /** Why there can be none here; undefined if there can. */
  static missing(): string | undefined {
    if (findPrograms() === undefined) return 'no PostgreSQL server is installed (Debian: apt-get install postgresql)';
    return serverUser() === 'none' ? 'it would have to run as root, and there is no user postgres' : undefined;
  }

  constructor() {
    this.#programs = findPrograms()!;
    const user = serverUser();
    this.#user = user === 'none' ? undefined : user;
    this.#folder = mkdtempSync(join(tmpdir(), 'flagos-pg-'));
    if (this.#user) chownSync(this.#folder, this.#user.uid, this.#user.gid);
    this.#run('initdb', '-D', this.#data, '-U', 'flagos', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N');
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  #run(program: string, ...args: string[]): void {
    execFileSync(join(this.#programs, program), args, {
      ...this.#user,
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 60_000,
    });
  }

  start(): void {
    const options = `-k ${this.#folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB -c max_connections=20`;
    this.#run('pg_ctl', '-D', this.#data, '-w', '-l', join(this.#folder, 'log'), '-o', options, 'start');
  }

  /** At once, as if it had been killed. */
  stop(): void {
    this.#run('pg_ctl', '-D', this.#data, '-m', 'immediate', '-w', 'stop');
  }

  get address(): string {
    return `postgres://flagos:secret@localhost/postgres?host=${encodeURIComponent(this.#folder)}`;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
