/** A hash of text for names and file keys, where nobody tries to make two texts collide; the same everywhere, without Node. */

const PRIME = 0x01000193;

/** FNV-1a over UTF-16 code units. */
const fnv = (text: string, basis: number): string => {
  let hash = basis;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return (hash >>> 0).toString(16).padStart(8, '0');
};

/** 64 bits as 16 hexadecimal digits: forwards from the standard basis, then on over the first result, which 32 bits alone would not keep apart. */
export const hashOf = (text: string): string => {
  const first = fnv(text, 0x811c9dc5);
  return first + fnv(`${first}${text.length}:${text}`, 0x9747b28c);
};
