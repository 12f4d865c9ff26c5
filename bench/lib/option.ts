/** `--name value` on the command line of a benchmark; the last one counts, so that what a script of package.json gives can be replaced. */
export const option = (name: string, fallback: string): string => {
  const at = process.argv.lastIndexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1]! : fallback;
};
