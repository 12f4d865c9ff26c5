/**
 * Signatures, and the coarser names that stand in for them. A signature is what the planner calls a
 * node: `Conv{group=1;strides=2,2}(float32[1,3,224,224],float32[64,3,7,7])`, see `signatureOf`. What
 * was not measured at those very shapes may have been measured nearby (its bucket), or for the op and
 * its element types in general (its class).
 */

/** Attributes stand in braces and hold no shape; everything in brackets is one. */
const parts = /\{[^}]*\}|\[[^\]]*\]/g;

const roundUp = (extent: string): string => {
  const n = Number(extent);
  return Number.isInteger(n) && n > 0 ? String(2 ** Math.ceil(Math.log2(n))) : extent;
};

/** A signature with every extent rounded up to a power of two; attributes stay. */
export const bucketOf = (signature: string): string =>
  signature.replace(parts, (part) => (part.startsWith('{') ? part : `[${part.slice(1, -1).split(',').map(roundUp).join(',')}]`));

/** Op and element types alone: `Conv(float32,float32)`. What a sweep over many shapes is filed under. */
export const classOf = (signature: string): string => {
  const bare = signature.replace(parts, '');
  const results = bare.indexOf('->');
  return results < 0 ? bare : bare.slice(0, results);
};

/** Op of a signature: what stands before its attributes and types. */
export const opOf = (signature: string): string => /^[^{(]*/.exec(signature)![0];
