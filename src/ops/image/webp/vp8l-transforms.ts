/** The transforms of lossless WebP, undone. Source: WebP Lossless Bitstream Specification, section 4. */

/** `width` is that of the image after it is undone; `image` holds what it needs by tiles of `2 ** bits`, or the colours of a table. */
export type Transform =
  | { readonly kind: 'green'; readonly width: number }
  | {
      readonly kind: 'predict' | 'colour';
      readonly width: number;
      readonly bits: number;
      readonly tiles: number;
      readonly image: Uint32Array;
    }
  | { readonly kind: 'table'; readonly width: number; readonly bits: number; readonly image: Uint32Array };

/** Adds pixels part by part, each modulo 256. */
const add = (a: number, b: number): number =>
  ((((a & 0xff00ff00) >>> 0) + ((b & 0xff00ff00) >>> 0)) & 0xff00ff00) | (((a & 0xff00ff) + (b & 0xff00ff)) & 0xff00ff);
/** Mean of pixels part by part, rounded down. */
const mean = (a: number, b: number): number => (((a ^ b) & 0xfefefefe) >>> 1) + (a & b);

const shifts = [24, 16, 8, 0];
const part = (argb: number, shift: number): number => (argb >>> shift) & 255;
const clamp = (x: number): number => Math.min(255, Math.max(0, x));
const byPart = (f: (shift: number) => number): number => shifts.reduce((argb, s) => argb | (clamp(f(s)) << s), 0);

/** The one of left and above that is nearer to left + above − corner. */
const nearer = (left: number, above: number, corner: number): number => {
  const [byLeft, byAbove] = [above, left].map((x) => shifts.reduce((sum, s) => sum + Math.abs(part(x, s) - part(corner, s)), 0));
  return byLeft! < byAbove! ? left : above;
};

const black = 0xff000000;
type Predict = (left: number, above: number, corner: number, right: number) => number;
/** Predictions by number; 14 and 15 are not used and stand for black. */
const predictions: readonly Predict[] = [
  () => black,
  (l) => l,
  (_, a) => a,
  (_l, _a, _c, r) => r,
  (_, _a, c) => c,
  (l, a, _, r) => mean(mean(l, r), a),
  (l, _, c) => mean(l, c),
  (l, a) => mean(l, a),
  (_, a, c) => mean(c, a),
  (_, a, _c, r) => mean(a, r),
  (l, a, c, r) => mean(mean(l, c), mean(a, r)),
  nearer,
  (l, a, c) => byPart((s) => part(l, s) + part(a, s) - part(c, s)),
  (l, a, c) => {
    const m = mean(l, a);
    return byPart((s) => part(m, s) + Math.trunc((part(m, s) - part(c, s)) / 2));
  },
  () => black,
  () => black,
];

const undoPrediction = (image: Uint32Array, width: number, height: number, modeAt: (x: number, y: number) => number): Uint32Array => {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const [left, above] = [image[at - 1]!, image[at - width]!];
      // To the right of the last pixel of the row above stands the first one of this row.
      const predicted =
        at === 0
          ? black
          : y === 0
            ? left
            : x === 0
              ? above
              : predictions[modeAt(x, y)]!(left, above, image[at - width - 1]!, image[at - width + 1]!);
      image[at] = add(image[at]!, predicted);
    }
  }
  return image;
};

const signed = (byte: number): number => (byte << 24) >> 24;
const delta = (factor: number, colour: number): number => (signed(factor) * signed(colour)) >> 5;

/** Red and blue were stored less their share of green, blue less its share of red. */
const undoColour = (argb: number, factors: number): number => {
  const green = part(argb, 8);
  const red = (part(argb, 16) + delta(part(factors, 0), green)) & 255;
  const blue = (part(argb, 0) + delta(part(factors, 8), green) + delta(part(factors, 16), red)) & 255;
  return (argb & 0xff00ff00) | (red << 16) | blue;
};

/** Colours by index, several indices a pixel (in green, the lowest bits first) where the table is small. An index outside is transparent black. */
const undoTable = (
  image: Uint32Array,
  height: number,
  { width, bits, image: differences }: Extract<Transform, { kind: 'table' }>,
): Uint32Array => {
  const colours = new Uint32Array(differences.length);
  differences.forEach((d, i) => (colours[i] = i === 0 ? d : add(colours[i - 1]!, d)));
  const [perPixel, each] = [2 ** bits, 8 >> bits];
  const stored = (width + perPixel - 1) >> bits;
  const out = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const packed = part(image[y * stored + (x >> bits)]!, 8);
      out[y * width + x] = colours[(packed >> ((x % perPixel) * each)) & (2 ** each - 1)] ?? 0;
    }
  }
  return out;
};

/** The image before a transform was applied; may be the same array. */
export const undoTransform = (t: Transform, image: Uint32Array, height: number): Uint32Array => {
  if (t.kind === 'green') return image.map((argb) => add(argb, (part(argb, 8) << 16) | part(argb, 8)));
  if (t.kind === 'table') return undoTable(image, height, t);
  const tileAt = (x: number, y: number): number => t.image[(y >> t.bits) * t.tiles + (x >> t.bits)]!;
  if (t.kind === 'predict') return undoPrediction(image, t.width, height, (x, y) => part(tileAt(x, y), 8) & 15);
  return image.map((argb, i) => undoColour(argb, tileAt(i % t.width, Math.floor(i / t.width))));
};
