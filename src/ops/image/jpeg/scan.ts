/**
 * Scans: the coefficients of one or more components, coded at once (sequential) or in several passes
 * over bands of frequencies and bits of precision (progressive). Source: ITU-T T.81, annexes F.2 and G.2.
 */
import { BrokenImage, byteAt } from '../pixels.ts';
import { zigzag, type Component, type Frame, type State } from './frame.ts';
import { BitReader, type HuffmanTable } from './huffman.ts';

interface Coder {
  readonly component: Component;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
  predicted: number;
}

/** Band of frequencies `first` … `last`, and bit positions: values so far known down to bit `high`, now down to `low`. */
interface Pass {
  readonly first: number;
  readonly last: number;
  readonly high: number;
  readonly low: number;
}

const need = (table: HuffmanTable | undefined): HuffmanTable => {
  if (!table) throw new BrokenImage('a scan names a Huffman table that is not there');
  return table;
};

class ScanReader {
  readonly #bits: BitReader;
  readonly #pass: Pass;
  readonly #progressive: boolean;
  /** Blocks still to come that have nothing more in this band. */
  #emptyBlocks = 0;

  constructor(bits: BitReader, pass: Pass, progressive: boolean) {
    this.#bits = bits;
    this.#pass = pass;
    this.#progressive = progressive;
  }

  restart(coders: readonly Coder[]): void {
    this.#bits.restart();
    this.#emptyBlocks = 0;
    for (const c of coders) c.predicted = 0;
  }

  block(coder: Coder, at: number): void {
    const { first, high } = this.#pass;
    if (!this.#progressive) {
      this.#dcFirst(coder, at, 0);
      this.#acFirst(coder, at, 1, 63, 0);
    } else if (first === 0) {
      if (high === 0) this.#dcFirst(coder, at, this.#pass.low);
      else if (this.#bits.bit()) coder.component.coefficients[at]! |= 1 << this.#pass.low;
    } else if (high === 0) this.#acFirst(coder, at, first, this.#pass.last, this.#pass.low);
    else this.#acRefine(coder, at);
  }

  #dcFirst(coder: Coder, at: number, low: number): void {
    const size = this.#bits.symbol(need(coder.dc));
    if (size > 15) throw new BrokenImage('a coefficient of too many bits');
    coder.predicted += this.#bits.signed(size);
    coder.component.coefficients[at] = coder.predicted << low;
  }

  #acFirst({ component, ac }: Coder, at: number, first: number, last: number, low: number): void {
    if (this.#emptyBlocks > 0) {
      this.#emptyBlocks--;
      return;
    }
    const table = need(ac);
    for (let k = first; k <= last; k++) {
      const symbol = this.#bits.symbol(table);
      const [run, size] = [symbol >> 4, symbol & 15];
      if (size === 0) {
        if (run < 15) {
          // A run below 15 without a value ends the block; in progressive mode it ends 2^run blocks and more.
          this.#emptyBlocks = this.#progressive ? (1 << run) + this.#bits.bits(run) - 1 : 0;
          return;
        }
        k += 15;
        continue;
      }
      k += run;
      if (k > last) throw new BrokenImage('a run past the end of a block');
      component.coefficients[at + zigzag[k]!] = this.#bits.signed(size) << low;
    }
  }

  /** One more bit for every coefficient already known, and new ones of that size in between. */
  #acRefine({ component, ac }: Coder, at: number): void {
    const { first, last, low } = this.#pass;
    const { coefficients } = component;
    const unit = 1 << low;
    const refine = (position: number): void => {
      const old = coefficients[position]!;
      if (this.#bits.bit() && (old & unit) === 0) coefficients[position] = old + (old > 0 ? unit : -unit);
    };
    let k = first;
    if (this.#emptyBlocks === 0) {
      const table = need(ac);
      for (; k <= last; k++) {
        const symbol = this.#bits.symbol(table);
        const [run, size] = [symbol >> 4, symbol & 15];
        if (size > 1) throw new BrokenImage('a refinement of more than one bit');
        if (size === 0 && run < 15) {
          this.#emptyBlocks = (1 << run) + this.#bits.bits(run);
          break;
        }
        const value = size === 0 ? 0 : this.#bits.bit() ? unit : -unit;
        let zeros = run;
        for (; k <= last; k++) {
          const position = at + zigzag[k]!;
          if (coefficients[position] !== 0) refine(position);
          else if (zeros-- === 0) break;
        }
        if (value !== 0) {
          if (k > last) throw new BrokenImage('a run past the end of a block');
          coefficients[at + zigzag[k]!] = value;
        }
      }
    }
    if (this.#emptyBlocks > 0) {
      for (; k <= last; k++) if (coefficients[at + zigzag[k]!] !== 0) refine(at + zigzag[k]!);
      this.#emptyBlocks--;
    }
  }
}

const readHeader = (b: Uint8Array, start: number, frame: Frame, state: State): { coders: Coder[]; pass: Pass } => {
  const count = byteAt(b, start);
  const coders = Array.from({ length: count }, (_, i): Coder => {
    const [id, tables] = [byteAt(b, start + 1 + 2 * i), byteAt(b, start + 2 + 2 * i)];
    const component = frame.components.find((c) => c.id === id);
    if (!component) throw new BrokenImage(`a scan of component ${id}, which the frame does not have`);
    return { component, dc: state.dc[tables >> 4], ac: state.ac[tables & 15], predicted: 0 };
  });
  const at = start + 1 + 2 * count;
  const pass = { first: byteAt(b, at), last: byteAt(b, at + 1), high: byteAt(b, at + 2) >> 4, low: byteAt(b, at + 2) & 15 };
  if (
    count < 1 ||
    count > 4 ||
    (frame.progressive && (pass.last > 63 || pass.first > pass.last || pass.low > 13 || (pass.first > 0 && count > 1)))
  )
    throw new BrokenImage('a scan that makes no sense');
  return { coders, pass };
};

/** Reads a scan whose header begins at `start` and whose data begins at `data`; gives where the data ends. @throws BrokenImage */
export const readScan = (b: Uint8Array, start: number, data: number, state: State): number => {
  const { frame } = state;
  if (!frame) throw new BrokenImage('a scan before its frame');
  const { coders, pass } = readHeader(b, start, frame, state);
  const bits = new BitReader(b, data);
  const reader = new ScanReader(bits, pass, frame.progressive);
  const [only] = coders;
  const alone = coders.length === 1;
  // A component alone is coded block by block as far as it reaches, several in units of h by v blocks each.
  const unitsWide = alone ? only!.component.blocksWide : Math.ceil(frame.width / (8 * frame.h));
  const unitsHigh = alone ? only!.component.blocksHigh : Math.ceil(frame.height / (8 * frame.v));
  for (let unit = 0; unit < unitsWide * unitsHigh; unit++) {
    if (state.restartInterval > 0 && unit > 0 && unit % state.restartInterval === 0) reader.restart(coders);
    const [row, column] = [Math.floor(unit / unitsWide), unit % unitsWide];
    for (const coder of coders) {
      const { h, v, storedWide } = coder.component;
      for (let j = 0; j < (alone ? 1 : v); j++) {
        for (let i = 0; i < (alone ? 1 : h); i++) {
          const [y, x] = alone ? [row, column] : [row * v + j, column * h + i];
          reader.block(coder, (y * storedWide + x) * 64);
        }
      }
    }
  }
  return bits.position;
};
