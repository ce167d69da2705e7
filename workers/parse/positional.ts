/**
 * The positional form of transactions in our own envelopes (schemas/envelope.ts), read in place: the hottest reader, of the shards.
 *
 * It trusts the order and the values that EnvelopeWriter wrote, so it checks the structure only: what it can't follow, or what ends after the bytes,
 * is -1.
 */
import { COUPONS_MAX, TENDERS_MAX } from '../../schemas/transaction.js';
import { LINES_MAX, TEXT_FIELDS, type Transaction } from '../transaction.js';
import { readMessagePackTree } from './msgpack-tree.js';
import { integer } from './read-msgpack.js';
import { lastRead } from './texts.js';

const { got } = lastRead;
const NIL = 0xc0;
/** Values before the texts: index, kind, occurredAtMs, total. */
const BEFORE_TEXTS = 4;
const LINES_AT = BEFORE_TEXTS + TEXT_FIELDS, TENDERS_AT = LINES_AT + 1, COUPONS_AT = LINES_AT + 2;

/** Fills `t` from the transaction at `at`; returns the place after it, or -1 when the bytes are no such transaction. */
export function readPositional(bytes: Uint8Array, at: number, t: Transaction): number {
  const head = bytes[at++]!;
  let size = head & 15;
  if (head === 0xdc) {
    size = bytes[at]! << 8 | bytes[at + 1]!;
    at += 2;
  } else if ((head & 0xf0) !== 0x90) return -1;
  if (size <= BEFORE_TEXTS || size > COUPONS_AT + 1) return -1;
  t.bytes = bytes;

  if ((at = integer(bytes, at)) < 0) return -1;
  t.index = got[0]!;
  t.kind = bytes[at++]!;
  if (!(t.kind <= 1) || (at = integer(bytes, at)) < 0) return -1;
  t.occurredAtMs = got[0]!;
  t.total = 0;
  if (bytes[at] === NIL) at++;
  else {
    if ((at = integer(bytes, at)) < 0) return -1;
    t.total = got[0]!;
  }

  const text = t.text, texts = size < LINES_AT ? size - BEFORE_TEXTS : TEXT_FIELDS;
  let field = 0;
  for (; field < texts; field++) {
    const lead = bytes[at++]!;
    if (lead === NIL) {
      text[2 * field + 1] = 0;
      continue;
    }
    let length = 0;
    if ((lead & 0xe0) === 0xa0) length = lead & 31;
    else if (lead === 0xd9) length = bytes[at++]!;
    else if (lead === 0xda) {
      length = bytes[at]! << 8 | bytes[at + 1]!;
      at += 2;
    } else return -1;
    text[2 * field] = at;
    text[2 * field + 1] = length;
    at += length;
  }
  for (; field < TEXT_FIELDS; field++) text[2 * field + 1] = 0;

  t.lineCount = 0;
  t.tenders = undefined;
  t.coupons = undefined;
  if (size > LINES_AT) {
    if (bytes[at] === NIL) at++;
    else if ((at = readLines(bytes, at, t)) < 0) return -1;
  }
  if (size > TENDERS_AT && (at = readRest(bytes, at, size > COUPONS_AT, t)) < 0) return -1;
  return at <= bytes.length ? at : -1;
}

/** Adds the amounts up to the total, which the writer leaves out when there are lines. */
function readLines(bytes: Uint8Array, at: number, t: Transaction): number {
  const { lineNumber, lineKind, skuStart, skuLength, categoryStart, categoryLength, quantity, amount, discount } = t;
  const head = bytes[at++]!;
  let count = head & 15;
  if (head === 0xdc) {
    count = bytes[at]! << 8 | bytes[at + 1]!;
    at += 2;
  } else if ((head & 0xf0) !== 0x90) return -1;
  if (count > LINES_MAX) return -1;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const size = bytes[at++]! - 0x90;
    if (!(size >= 1 && size <= 7)) return -1;
    const lead = bytes[at++]!;
    let length = 0;
    if ((lead & 0xe0) === 0xa0) length = lead & 31;
    else if (lead === 0xd9) length = bytes[at++]!;
    else if (lead !== NIL) return -1;
    skuStart[i] = at;
    skuLength[i] = length;
    at += length;
    let lineQuantity = 0, lineAmount = 0, lineDiscount = 0, number = 0, kind = 0, categoryBytes = 0;
    if (size > 1) {
      if ((at = integer(bytes, at)) < 0) return -1;
      lineQuantity = got[0]!;
      if (size > 2) {
        if ((at = integer(bytes, at)) < 0) return -1;
        lineAmount = got[0]!;
      }
      if (size > 3) {
        if ((at = integer(bytes, at)) < 0) return -1;
        lineDiscount = got[0]!;
      }
      if (size > 4) {
        if ((at = integer(bytes, at)) < 0) return -1;
        number = got[0]!;
      }
      if (size > 5) kind = bytes[at++]!;
      if (size > 6) {
        const lead = bytes[at++]!;
        categoryBytes = lead === 0xd9 ? bytes[at++]! : (lead & 0xe0) === 0xa0 ? lead & 31 : -1;
        if (!(categoryBytes >= 0)) return -1;
        categoryStart[i] = at;
        at += categoryBytes;
      }
    }
    quantity[i] = lineQuantity;
    amount[i] = lineAmount;
    discount[i] = lineDiscount;
    lineNumber[i] = number === 0 ? i + 1 : number;
    lineKind[i] = kind;
    categoryLength[i] = categoryBytes;
    total += lineAmount;
  }
  t.lineCount = count;
  t.total = total;
  return at;
}

/** Tenders and coupons, which are rare: as objects. */
function readRest(bytes: Uint8Array, at: number, hasCoupons: boolean, t: Transaction): number {
  const tenders = readMessagePackTree(bytes, at, bytes.length);
  if (!tenders.ok) return -1;
  if (tenders.value !== null) {
    if (!isList(tenders.value, TENDERS_MAX) || !tenders.value.every(isTender)) return -1;
    t.tenders = tenders.value.map(([kind, amount, redemption]) => (redemption === undefined ? { kind, amount } : { kind, amount, redemption }));
  }
  if (!hasCoupons) return tenders.next;
  const coupons = readMessagePackTree(bytes, tenders.next, bytes.length);
  if (!coupons.ok || !isList(coupons.value, COUPONS_MAX) || !coupons.value.every(coupon => typeof coupon === 'string')) return -1;
  t.coupons = coupons.value;
  return coupons.next;
}

const isList = (value: unknown, itemsMax: number): value is unknown[] => Array.isArray(value) && value.length <= itemsMax;
const isTender = (value: unknown): value is [kind: string, amount: number, redemption?: string] =>
  Array.isArray(value) && typeof value[0] === 'string' && Number.isSafeInteger(value[1]) && (value.length === 2 || typeof value[2] === 'string');
