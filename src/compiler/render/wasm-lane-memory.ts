/** Neighbouring elements (or elements at a fixed distance) between memory and the four lanes of a vector. */
import type { Buffer } from '../loops.ts';
import { roundedBfloat16 } from './wasm-lanes.ts';
import type { VectorCode } from './wasm-math.ts';
import { elementBytes, holdsCodes, isUnsigned, op } from './wasm-types.ts';

export const LANES = 4;

/** Elements that belong to the lanes of one vector. */
export interface LaneAccess {
  readonly buffer: Buffer;
  /** Elements from one lane's to the next. */
  readonly stride: number;
  /** Address and immediate offset of the element so many after the first lane's. */
  readonly address: (elements: number) => { readonly base: string; readonly offset: string };
}

/** The vector of the elements' values; undefined where there are no instructions for it. */
export const loadLanes = ({ buffer, stride, address }: LaneAccess, code: VectorCode): string | undefined => {
  const bytes = elementBytes(buffer);
  if (stride !== 1) {
    if (bytes !== 4 || stride < 0) return undefined;
    return laneByLane((l) => address(l * stride));
  }
  const { base, offset } = address(0);
  if (bytes === 4) return `(v128.load${offset} ${base})`;
  if (bytes === 2) {
    if (buffer.dtype === 'float16' && holdsCodes(buffer)) return halves(`(v128.load16x4_u${offset} ${base})`, code);
    if (buffer.dtype === 'bfloat16' && holdsCodes(buffer)) return op('i32x4.shl', `(v128.load16x4_u${offset} ${base})`, '(i32.const 16)');
    return `(v128.load16x4_${isUnsigned(buffer.dtype) ? 'u' : 's'}${offset} ${base})`;
  }
  if (bytes !== 1 || holdsCodes(buffer)) return undefined;
  const sign = isUnsigned(buffer.dtype) ? 'u' : 's';
  const wide = op(`i32x4.extend_low_i16x8_${sign}`, op(`i16x8.extend_low_i8x16_${sign}`, `(v128.load32_zero${offset} ${base})`));
  return buffer.dtype === 'bool' ? op('i32x4.ne', wide, code.bits(0)) : wide;
};

/** Four elements of four bytes, each from a place of its own. @param address of a lane's element. */
export const laneByLane = (address: (lane: number) => { readonly base: string; readonly offset: string }): string => {
  const first = address(0);
  return [1, 2, 3].reduce((vector, l) => {
    const { base, offset } = address(l);
    return `(v128.load32_lane${offset} ${l} ${base} ${vector})`;
  }, `(v128.load32_zero${first.offset} ${first.base})`);
};

/** Every second element of eight, from the first or the second on. */
export const everySecond = (lo: string, hi: string, first: number): string =>
  op(`i8x16.shuffle ${first ? '4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31' : '0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27'}`, lo, hi);

/** Four float16 codes as float32: as in the function `f16_to_f32`. */
const halves = (codes: string, { keep, bits, float }: VectorCode): string => {
  const h = keep(codes);
  const m = keep(op('i32x4.shl', op('v128.and', h, bits(0x7fff)), '(i32.const 13)'));
  const special = op('v128.and', op('i32x4.ge_s', m, bits(0x0f800000)), bits(0x7f800000));
  const sign = op('i32x4.shl', op('v128.and', h, bits(0x8000)), '(i32.const 16)');
  const finite = op('f32x4.mul', m, float(2 ** 112));
  return op('v128.or', sign, op('v128.bitselect', op('v128.or', m, bits(0x7f800000)), finite, op('i32x4.ne', special, bits(0))));
};

/** Whether {@link storeLanes} can store to elements at such a distance. */
export const canStoreLanes = (buffer: Buffer, stride: number): boolean => {
  const bytes = elementBytes(buffer);
  return bytes !== 8 && (stride === 1 || bytes === 4) && (!holdsCodes(buffer) || buffer.dtype === 'bfloat16');
};

/** Instructions that store the lanes. */
export const storeLanes = ({ buffer, stride, address }: LaneAccess, lanes: string, code: VectorCode): string[] => {
  const { keep, bits } = code;
  if (stride !== 1) {
    const kept = keep(lanes);
    return [0, 1, 2, 3].map((l) => {
      const { base, offset } = address(l * stride);
      return `(v128.store32_lane${offset} ${l} ${base} ${kept})`;
    });
  }
  const { base, offset } = address(0);
  const bytes = elementBytes(buffer);
  if (bytes === 4) return [`(v128.store${offset} ${base} ${lanes})`];
  if (bytes === 2) {
    const codes = holdsCodes(buffer);
    const kept = codes ? roundedBfloat16(keep(lanes), code) : lanes;
    const half = codes ? '2 3 6 7 10 11 14 15' : '0 1 4 5 8 9 12 13';
    const packed = op(`i8x16.shuffle ${half} 0 0 0 0 0 0 0 0`, keep(kept), bits(0));
    return [`(v128.store64_lane${offset} 0 ${base} ${packed})`];
  }
  const kept = buffer.dtype === 'bool' ? op('v128.and', lanes, bits(1)) : lanes;
  const packed = op('i8x16.shuffle 0 4 8 12 0 0 0 0 0 0 0 0 0 0 0 0', keep(kept), bits(0));
  return [`(v128.store32_lane${offset} 0 ${base} ${packed})`];
};
