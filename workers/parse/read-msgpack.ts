/**
 * Reads one transaction from MessagePack into a Transaction: maps with the contract's names (partners' producers), by a reader generated from the
 * table of fields and the slow one behind it. The positional form of our own envelopes is in positional.ts.
 *
 * Promises: as read-json.ts. A float64 that is an integer is an integer (msgpackr writes integers above 2^32 so); occurredAt is RFC 3339 text,
 * integer milliseconds or a MessagePack timestamp.
 */
import { dateTimeMs, DATE_TIME_BYTES_MAX, DATE_TIME_MS_MAX, DATE_TIME_MS_MIN } from '../../schemas/date-time.js';
import { Moment } from '../../schemas/decoded.js';
import type { Field } from '../../schemas/fields.js';
import { transaction } from '../../schemas/transaction.js';
import { problem, validateDocument } from '../../schemas/validate.js';
import { viewOf } from '../text-words.js';
import type { Transaction } from '../transaction.js';
import { fillChecked } from './fill.js';
import { generateReader, part, type Format } from './generate.js';
import { readMessagePackTree } from './msgpack-tree.js';
import type { Read } from './read-json.js';
import { isText, lastRead } from './texts.js';

const { place, got } = lastRead;
const FIELDS_MAX = Object.keys(transaction.fields).length;

/** To turn eight bytes, most significant first, into a double. */
const doubleBytes = new Uint8Array(8);
const double = new Float64Array(doubleBytes.buffer);

function text(bytes: Uint8Array, at: number, bytesMax: number): number {
  const head = bytes[at++]!;
  let length: number;
  if ((head & 0xe0) === 0xa0) length = head & 31;
  else if (head === 0xd9) length = bytes[at++]!;
  else if (head === 0xda) length = bytes[at++]! << 8 | bytes[at++]!;
  else return -1;
  if (!(length > 0 && length <= bytesMax) || !isText(bytes, at, length)) return -1;
  place[0] = at;
  place[1] = length;
  return at + length;
}

/** Any number of MessagePack into `got`; not rounded: integers past 2^53-1 are not taken. */
function anyNumber(bytes: Uint8Array, at: number): number {
  const head = bytes[at]!;
  if (head < 0x80) {
    got[0] = head;
    return at + 1;
  }
  switch (head) {
    case 0xcc:
      got[0] = bytes[at + 1]!;
      return at + 2;
    case 0xcd:
      got[0] = bytes[at + 1]! << 8 | bytes[at + 2]!;
      return at + 3;
    case 0xce:
      got[0] = unsigned32(bytes, at + 1);
      return at + 5;
    case 0xcf: {
      const high = unsigned32(bytes, at + 1);
      if (!(high < 0x200000)) return -1;
      got[0] = high * 2 ** 32 + unsigned32(bytes, at + 5);
      return at + 9;
    }
    case 0xcb:
      for (let i = 0; i < 8; i++) doubleBytes[7 - i] = bytes[at + 1 + i]!;
      got[0] = double[0]!;
      return at + 9;
    case 0xd0:
      got[0] = bytes[at + 1]! << 24 >> 24;
      return at + 2;
    case 0xd1:
      got[0] = (bytes[at + 1]! << 8 | bytes[at + 2]!) << 16 >> 16;
      return at + 3;
    case 0xd2:
      got[0] = unsigned32(bytes, at + 1) | 0;
      return at + 5;
    case 0xd3: {
      const high = unsigned32(bytes, at + 1) | 0;
      if (high < -0x200000 || high >= 0x200000) return -1;
      got[0] = high * 2 ** 32 + unsigned32(bytes, at + 5);
      return at + 9;
    }
    default:
      if (!(head >= 0xe0)) return -1;
      got[0] = head - 256;
      return at + 1;
  }
}

/** NaN, which nobody takes, where the bytes have ended. */
function unsigned32(bytes: Uint8Array, at: number): number {
  return at + 4 <= bytes.length ? viewOf(bytes).getUint32(at) : NaN;
}

/** An integer within ±(2^53-1) into `got`. */
export function integer(bytes: Uint8Array, at: number): number {
  const head = bytes[at]!;
  if (head < 0x80) {
    got[0] = head;
    return at + 1;
  }
  if (head === 0xcd) {
    got[0] = bytes[at + 1]! << 8 | bytes[at + 2]!;
    return at + 3;
  }
  if (head === 0xcc) {
    got[0] = bytes[at + 1]! | 0;
    return at + 2;
  }
  if (head === 0xce && at + 5 <= bytes.length) {
    got[0] = unsigned32(bytes, at + 1);
    return at + 5;
  }
  at = anyNumber(bytes, at);
  if (at < 0 || !Number.isSafeInteger(got[0])) return -1;
  got[0]! += 0;
  return at;
}

function thousandths(bytes: Uint8Array, at: number): number {
  if (bytes[at]! < 0x80) {
    got[0] = bytes[at]! * 1000;
    return at + 1;
  }
  at = anyNumber(bytes, at);
  if (at < 0) return -1;
  const value = got[0]!, whole = Math.round(value * 1000);
  if (!(value >= 0) || !Number.isSafeInteger(whole) || whole / 1000 !== value) return -1;
  got[0] = whole + 0;
  return at;
}

function dateTime(bytes: Uint8Array, at: number): number {
  const head = bytes[at]!;
  if (head === 0xd6) {
    if (bytes[at + 1] !== 0xff) return -1;
    got[0] = unsigned32(bytes, at + 2) * 1000;
    at += 6;
  } else if ((head & 0xe0) === 0xa0 || head === 0xd9) {
    at = text(bytes, at, DATE_TIME_BYTES_MAX);
    if (at < 0) return -1;
    got[0] = dateTimeMs(bytes, place[0]!, place[1]!);
  } else at = integer(bytes, at);
  return at >= 0 && got[0]! >= DATE_TIME_MS_MIN && got[0]! <= DATE_TIME_MS_MAX ? at : -1;
}

function tree(bytes: Uint8Array, at: number, end: number, field: Field): number {
  const read = readMessagePackTree(bytes, at, end);
  if (!read.ok || read.duplicates.length > 0 || validateDocument(field, read.value).length > 0) return -1;
  part.value = read.value;
  return read.next;
}

const messagePackFormat: Format = {
  text, integer, thousandths, dateTime, tree,
  functions: {},
  record: {
    begin: `let fields = bytes[p] - 128;
  if (fields >= 0 && fields < 16) p++;
  else if (bytes[p] === 222) { fields = bytes[p + 1] << 8 | bytes[p + 2]; p += 3; }
  else return -1;
  if (fields > ${FIELDS_MAX}) return -1;
  while (fields-- > 0) {`,
    afterValue: '',
    end: '}',
  },
  list: {
    begin: `let items = bytes[p] - 144;
  if (items >= 0 && items < 16) p++;
  else if (bytes[p] === 220) { items = bytes[p + 1] << 8 | bytes[p + 2]; p += 3; }
  else return -1;
  while (items-- > 0) {`,
    afterItem: '',
    end: '}',
  },
  keyBytes: name => Uint8Array.of(0xa0 | name.length, ...new TextEncoder().encode(name)),
  keyOffset: 0,
  toValue: '',
};

/** The fast reader: the place after the transaction that begins at `start`, negative when it isn't taken. */
export const readMessagePack = generateReader(messagePackFormat);

/** The slow reader: any value at `start`, checked against the table, with everything that is wrong. */
export function readMessagePackSlow(bytes: Uint8Array, start: number, end: number, t: Transaction, complete?: (value: unknown) => void): Read {
  const read = readMessagePackTree(bytes, start, end);
  if (!read.ok) {
    const { reason, detail, position } = read;
    return { next: -1, problems: [problem('', reason, `${detail}, at byte ${position}`)], value: undefined, position: start + position };
  }
  const value = read.value as Record<string, unknown> | null;
  if (typeof value === 'object' && value !== null && typeof value.occurredAt === 'number') value.occurredAt = new Moment(value.occurredAt);
  complete?.(value);
  return { next: read.next, problems: fillChecked(value, read.duplicates, t), value, position: start };
}
