/**
 * A look over the bytes of a protobuf message before they are decoded: every length stays inside its
 * message, every field has the wire type of its kind, texts are UTF-8, nesting is bounded, and an
 * estimate of the memory the decoded objects take stays within a budget. The decoder trusts its input
 * on most of these; a damaged file would give it wrong values instead of an error.
 *
 * Source: Protocol Buffers encoding, https://protobuf.dev/programming-guides/encoding.
 */
import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { FlagosError } from '../../core/errors.ts';
import type { Budget } from './limits.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const wireNames = ['varint', '8 bytes', 'length-delimited', 'group', 'end of group', '4 bytes'];

interface Field {
  readonly name: string;
  readonly wire: number;
  readonly repeated: boolean;
  /** Message it holds. */
  readonly child: (() => Table) | undefined;
  readonly text: boolean;
  /** Estimated bytes of one decoded element. */
  readonly cost: number;
}
interface Table {
  readonly name: string;
  readonly fields: ReadonlyMap<number, Field>;
}

/** Estimates, from above: an object with its empty lists, a boxed 64-bit integer, a list slot, a view on bytes. */
const cost = { message: 400, bigint: 40, number: 12, bytes: 120, text: 40 };

const wireOf = (type: ScalarType): number => {
  switch (type) {
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED32;
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return BYTES;
    default:
      return VARINT;
  }
};

const scalarCost = (type: ScalarType): number => {
  if (type === ScalarType.BYTES) return cost.bytes;
  if (type === ScalarType.STRING) return cost.text;
  return type === ScalarType.INT64 || type === ScalarType.UINT64 ? cost.bigint : cost.number;
};

const tables = new WeakMap<DescMessage, Table>();

const fieldOf = (field: DescField): Field => {
  const { message } = field;
  const scalar = field.scalar ?? ScalarType.INT32;
  return {
    name: field.name,
    wire: message ? BYTES : wireOf(scalar),
    repeated: field.fieldKind === 'list',
    child: message ? () => tableOf(message) : undefined,
    // Comments of old exporters are not always UTF-8, and nothing depends on them.
    text: scalar === ScalarType.STRING && field.name !== 'doc_string',
    cost: message ? cost.message : scalarCost(scalar),
  };
};

const tableOf = (message: DescMessage): Table => {
  let table = tables.get(message);
  if (!table) tables.set(message, (table = { name: message.name, fields: new Map(message.fields.map((f) => [f.number, fieldOf(f)])) }));
  return table;
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const isAscii = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return false;
  return true;
};

/** Text of bytes that must be UTF-8; undefined when they are not. */
export const decodeUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
};

/** What is being read, for messages: made only when something is wrong. */
const nameOf = (table: Table, number: number): string => {
  const field = table.fields.get(number);
  return field ? `field '${field.name}' of ${table.name}` : `field ${number} of ${table.name}`;
};

class Checker {
  #pos = 0;
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  readonly #budget: Budget;

  constructor(bytes: Uint8Array, depth: number, budget: Budget) {
    this.#bytes = bytes;
    this.#depth = depth;
    this.#budget = budget;
  }

  #fail(reason: string): never {
    throw new FlagosError('FLAGOS_E_MODEL_FORMAT', `the data is damaged at byte ${this.#pos}: ${reason}`, { details: { byte: this.#pos } });
  }

  /** A varint; above 2^53 its value is rounded, which no caller minds. */
  #varint(end: number, table: Table, number: number): number {
    let value = 0;
    for (let i = 0, scale = 1; i < 10; i++, scale *= 128) {
      if (this.#pos >= end) this.#fail(`it ends within ${nameOf(table, number)}`);
      const byte = this.#bytes[this.#pos++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return this.#fail(`${nameOf(table, number)} is longer than an integer can be`);
  }

  /** Packed numbers of a list: how many. */
  #packed(field: Field, end: number, table: Table, number: number): number {
    const length = end - this.#pos;
    if (field.wire !== VARINT) {
      const size = field.wire === FIXED64 ? 8 : 4;
      if (length % size !== 0) this.#fail(`${nameOf(table, number)} has ${length} bytes, not a multiple of ${size}`);
      return length / size;
    }
    let count = 0;
    let run = 0;
    for (let i = this.#pos; i < end; i++) {
      if (this.#bytes[i]! < 0x80) {
        count++;
        run = 0;
      } else if (++run >= 10) this.#fail(`${nameOf(table, number)} holds an integer longer than 10 bytes`);
    }
    if (run > 0) this.#fail(`${nameOf(table, number)} ends within an integer`);
    return count;
  }

  message(table: Table, end: number, depth: number): void {
    if (depth > this.#depth) this.#fail(`${table.name} is nested more than ${this.#depth} messages deep`);
    while (this.#pos < end) {
      const start = this.#pos;
      const tag = this.#varint(end, table, 0);
      const wire = tag % 8;
      const number = Math.floor(tag / 8);
      if (number === 0 || number >= 2 ** 29) this.#fail(`${table.name} has no field of number ${number}`);
      const field = table.fields.get(number);
      if (wire === 3 || wire === 4 || wire > 5)
        this.#fail(`${nameOf(table, number)} has wire type ${wireNames[wire] ?? wire}, which ONNX does not use`);
      const packed = field !== undefined && wire === BYTES && field.repeated && field.wire !== BYTES;
      if (field && wire !== field.wire && !packed) {
        this.#pos = start;
        this.#fail(`${nameOf(table, number)} is ${wireNames[wire]}, but must be ${wireNames[field.wire]}`);
      }
      const length = wire === BYTES ? this.#varint(end, table, number) : wire === FIXED64 ? 8 : wire === FIXED32 ? 4 : 0;
      if (length > end - this.#pos) this.#fail(`${nameOf(table, number)} has ${length} bytes, but only ${end - this.#pos} are left`);
      const next = this.#pos + length;
      if (wire === VARINT) this.#varint(end, table, number);
      if (field) this.#field(field, packed, table, number, next, depth);
      if (wire !== VARINT) this.#pos = next;
    }
  }

  #field(field: Field, packed: boolean, table: Table, number: number, end: number, depth: number): void {
    const where = (): string => `the structure of the file (at ${nameOf(table, number)})`;
    this.#budget.take(field.cost * (packed ? this.#packed(field, end, table, number) : 1), where);
    if (field.child) this.message(field.child(), end, depth + 1);
    else if (field.text) {
      this.#budget.take(2 * (end - this.#pos), where);
      if (!isAscii(this.#bytes, this.#pos, end) && decodeUtf8(this.#bytes.subarray(this.#pos, end)) === undefined)
        this.#fail(`${nameOf(table, number)} is not UTF-8 text`);
    }
  }
}

/**
 * @param schema the message `bytes` should hold.
 * @param depth messages within messages.
 * @throws FLAGOS_E_MODEL_FORMAT saying what is wrong at which byte; FLAGOS_E_MODEL_UNSUPPORTED past the budget.
 */
export const checkWire = (schema: DescMessage, bytes: Uint8Array, depth: number, budget: Budget): void => {
  new Checker(bytes, depth, budget).message(tableOf(schema), bytes.length, 0);
};
