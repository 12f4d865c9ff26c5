/**
 * Where the shortest distance codes of lossless WebP point: to pixels near by in the rows above.
 * Source: WebP Lossless Bitstream Specification, section 5.2.2.
 */

/** For codes 1 … 120: rows up in the upper four bits, and 8 minus columns to the right in the lower. */
export const nearPixels = Uint8Array.from(
  atob(
    'GAcXGSgGJykWGiYqOAU3ORUbNjolK0gER0kUHDU7RkokLFhFSzQ8A1dZEx1WWiMtRExVWzM9aAJnaRIeZmoiLlRcQ01lazI+eAF3eVNdER9kbEJOdnohL3V7MT9j' +
      'bVJeAHR8QU8QIGJuMHN9UV9Acn5hb1Bxf2Bw',
  ),
  (c) => c.charCodeAt(0),
);
