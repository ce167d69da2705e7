/**
 * Reads one transaction from JSON bytes into a Transaction. `readJson` is what callers want: the fast reader, generated from the table of fields, and
 * the slow one behind it.
 *
 * Promises: integers are exact, or refused (9007199254740993 too); nothing is read twice, skipped or guessed; on success texts lie in `t.bytes`,
 * which is the record or, for texts with escapes, a copy that holds until the next transaction is read. Never throws because of the bytes. Reads over
 * `end` have no effect: what ends after it is refused.
 */
import { dateTimeMs, DATE_TIME_BYTES_MAX } from '../../schemas/date-time.js';
import type { Field } from '../../schemas/fields.js';
import { problem, validateDocument, type Problem } from '../../schemas/validate.js';
import type { Transaction } from '../transaction.js';
import { fillChecked } from './fill.js';
import { generateReader, part, type Format } from './generate.js';
import { ITEM_BYTES_MAX, readTree, valueEnd } from './json-tree.js';
import { afterCharacter, lastRead, plainJsonByte, unescapeInPlace } from './texts.js';

const { place, got } = lastRead;
const QUOTE = 0x22, MINUS = 0x2d, DOT = 0x2e, BACKSLASH = 0x5c;
/** Not taken because of an escape: worth a second try on a copy, in which escapes are decoded in place. */
const ESCAPED = -2;
let decodesEscapes = false;
/** Where such a copy lies until the next one is made. */
let copy = new Uint8Array(1 << 14);

/** The place after white space. Source that calls it only where there is some: `if (bytes[p] <= 32) p = space(bytes, p)`. */
function space(bytes: Uint8Array, at: number): number {
  for (;;) {
    const byte = bytes[at]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

function text(bytes: Uint8Array, at: number, bytesMax: number): number {
  if (bytes[at] !== QUOTE) return -1;
  const start = ++at;
  for (;;) {
    while (plainJsonByte[bytes[at]!] === 1) at++;
    const byte = bytes[at]!;
    if (byte === QUOTE) break;
    if (byte === BACKSLASH) {
      if (!decodesEscapes) return ESCAPED;
      const after = unescapeInPlace(bytes, start, at);
      return after < 0 || place[1]! > bytesMax ? -1 : after;
    }
    at = afterCharacter(bytes, at);
    if (at < 0) return -1;
  }
  const length = at - start;
  if (length === 0 || length > bytesMax) return -1;
  place[0] = start;
  place[1] = length;
  return at + 1;
}

/** At most 15 digits, so that every step is exact. What stands after the number is checked by the caller, who expects a comma or a bracket. */
function integer(bytes: Uint8Array, at: number): number {
  const negative = bytes[at] === MINUS;
  if (negative) at++;
  let value = bytes[at]! - 48;
  if (!(value >= 0 && value <= 9)) return -1;
  const stop = at + 15, leadingZero = value === 0;
  at++;
  for (let digit; (digit = bytes[at]! - 48) >= 0 && digit <= 9; at++) {
    if (at === stop || leadingZero) return -1;
    value = value * 10 + digit;
  }
  got[0] = negative && value !== 0 ? -value : value;
  return at;
}

function thousandths(bytes: Uint8Array, at: number): number {
  const start = at;
  at = integer(bytes, at);
  if (at < 0 || at - start > 12 || bytes[start] === MINUS) return -1;
  let value = got[0]! * 1000;
  if (bytes[at] === DOT) {
    let scale = 100;
    const first = ++at;
    for (let digit; (digit = bytes[at]! - 48) >= 0 && digit <= 9; at++) {
      value += digit * scale;
      scale = scale === 100 ? 10 : scale === 10 ? 1 : 0;
    }
    if (at === first || at - first > 3) return -1;
  }
  got[0] = value;
  return at;
}

function dateTime(bytes: Uint8Array, at: number): number {
  at = text(bytes, at, DATE_TIME_BYTES_MAX);
  if (at < 0) return at;
  const ms = dateTimeMs(bytes, place[0]!, place[1]!);
  got[0] = ms;
  return Number.isNaN(ms) ? -1 : at;
}

function tree(bytes: Uint8Array, at: number, end: number, field: Field): number {
  const read = readTree(bytes, at, end);
  if (!read.ok || read.duplicates.length > 0 || validateDocument(field, read.value).length > 0) return -1;
  part.value = read.value;
  return read.next;
}

const jsonFormat: Format = {
  text, integer, thousandths, dateTime, tree,
  functions: { space },
  record: {
    begin: `if (bytes[p] !== 123) return -1;
  p++;
  if (bytes[p] <= 32) p = space(bytes, p);
  for (;;) {`,
    afterValue: `if (bytes[p] <= 32) p = space(bytes, p);
    if (bytes[p] === 44) {
      p++;
      if (bytes[p] <= 32) p = space(bytes, p);
      continue;
    }
    if (bytes[p] !== 125) return -1;
    p++;
    break;`,
    end: '}',
  },
  list: {
    begin: `if (bytes[p] !== 91) return -1;
  p++;
  if (bytes[p] <= 32) p = space(bytes, p);
  for (;;) {`,
    afterItem: `if (bytes[p] <= 32) p = space(bytes, p);
    if (bytes[p] === 44) {
      p++;
      if (bytes[p] <= 32) p = space(bytes, p);
      continue;
    }
    if (bytes[p] !== 93) return -1;
    p++;
    break;`,
    end: '}',
  },
  keyBytes: name => new TextEncoder().encode(`"${name}"`),
  keyOffset: 1,
  toValue: `if (bytes[p] !== 58) { p = space(bytes, p); if (bytes[p] !== 58) return -1; }
        p++;
        if (bytes[p] <= 32) p = space(bytes, p);`,
};

/** The fast reader: the place after the transaction that begins at `start`, negative when it isn't taken. */
export const readJsonFast = generateReader(jsonFormat);

/** Reads a transaction with escapes in its texts from a copy, decoding them in place. */
function readEscaped(bytes: Uint8Array, start: number, end: number, t: Transaction): number {
  const stop = valueEnd(bytes, start, end), size = stop - start;
  if (stop < 0 || size > ITEM_BYTES_MAX) return -1;
  if (copy.length < size) copy = new Uint8Array(2 * size);
  copy.set(bytes.subarray(start, stop));
  decodesEscapes = true;
  const next = readJsonFast(copy, 0, size, t);
  decodesEscapes = false;
  return next < 0 ? -1 : start + next;
}

/**
 * What the slow readers say about one item. `next`: the place after it, -1 when its bytes can't be read to the end. `problems`: empty when `t` is
 * filled.
 */
export interface Read { next: number; problems: Problem[]; /** the decoded input */ value: unknown; /** where the bytes went wrong */ position: number }

/** Fast, then on a copy if there are escapes. Negative: readJsonSlow tells why, or fills `t` after all. */
export function readJson(bytes: Uint8Array, start: number, end: number, t: Transaction): number {
  const next = readJsonFast(bytes, start, end, t);
  return next === ESCAPED ? readEscaped(bytes, start, end, t) : next;
}

/**
 * The slow reader: any value at `start`, checked against the table, with everything that is wrong. `complete` may add to the document before it is
 * checked.
 */
export function readJsonSlow(bytes: Uint8Array, start: number, end: number, t: Transaction, complete?: (value: unknown) => void): Read {
  const read = readTree(bytes, start, end);
  if (!read.ok) {
    const { reason, detail, position } = read;
    return { next: -1, problems: [problem('', reason, `${detail}, at byte ${position}`)], value: undefined, position: start + position };
  }
  complete?.(read.value);
  return { next: read.next, problems: fillChecked(read.value, read.duplicates, t), value: read.value, position: start };
}
