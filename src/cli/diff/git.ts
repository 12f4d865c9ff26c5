/** Exit codes as `git bisect run` reads them: 0 good, 1 bad, 125 skip this commit. */
export const gitCode = (code: number): number => (code === 0 ? 0 : code === 1 || code === 6 || code === 7 ? 1 : 125);
