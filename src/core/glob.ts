/** Patterns in which `*` stands for any run of characters, for names of ops and folders. */

/** Whether all of `name` fits. Takes time in proportion to the lengths, whatever the pattern. */
export const globMatches = (pattern: string, name: string): boolean => {
  const [head = '', ...parts] = pattern.split('*');
  const tail = parts.pop();
  if (tail === undefined) return pattern === name;
  if (name.length < head.length + tail.length || !name.startsWith(head) || !name.endsWith(tail)) return false;
  let at = head.length;
  // The first place each part fits leaves the most room for those after it.
  for (const part of parts) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - tail.length;
};
