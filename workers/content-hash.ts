/**
 * Fingerprints of transactions: of their identity (partner, id, kind) and of their content. They are stored for good: what they say about a transaction never changes,
 * whichever form it came in (JSON, MessagePack, envelope) and whichever version of the code calculates it.
 *
 * Content is hashed field by field in the order of the table, two lanes of 32 bits (the steps of MurmurHash3). A field that is added later must not be hashed when
 * it is absent.
 */
import { hash128 } from './hash.js';
import { Kind, Text, TEXT_FIELDS, type Transaction } from './transaction.js';

const lanes = new Int32Array(2);

/** 64 bits over the content: all fields but the index in the request. Lines with and without explicit numbers, total given or left out: the same content. */
export function contentHash(t: Transaction, out: Uint32Array): void {
  const { bytes, text, lineCount } = t;
  lanes[0] = 0x3c6ef372;
  lanes[1] = 0x510e527f;
  word(lineCount << 1 | t.kind);
  number(t.occurredAtMs);
  number(t.total);
  for (let field = 0; field < TEXT_FIELDS; field++) {
    const length = text[2 * field + 1]!;
    if (length !== 0) texts(bytes, text[2 * field]!, length, field);
  }
  for (let i = 0; i < lineCount; i++) {
    word(t.lineNumber[i]! << 2 | t.lineKind[i]!);
    number(t.quantity[i]!);
    number(t.amount[i]!);
    number(t.discount[i]!);
    texts(bytes, t.skuStart[i]!, t.skuLength[i]!, 0);
    if (t.categoryLength[i] !== 0) texts(bytes, t.categoryStart[i]!, t.categoryLength[i]!, 1);
  }
  if (t.tenders !== undefined && t.tenders.length > 0) values(t.tenders.map(({ kind, amount, redemption }) => [kind, amount, redemption ?? null]), 2);
  if (t.coupons !== undefined && t.coupons.length > 0) values(t.coupons, 3);
  out[0] = avalanche(lanes[0] ^ lanes[1]! >>> 7);
  out[1] = avalanche(lanes[1] ^ out[0]!);
}

const identity = new Uint8Array(1024);
const KIND_NAMES = Object.keys(Kind).map(name => Uint8Array.from(`\n${name}`, character => character.charCodeAt(0)));

/** 128 bits over `partner \n id \n kind`, as bytes of UTF-8. */
export function transactionHash(t: Transaction, out: Uint32Array): void {
  let at = copyText(t, Text.partner, 0);
  identity[at++] = 0x0a;
  at = copyText(t, Text.id, at);
  const kind = KIND_NAMES[t.kind]!;
  for (let i = 0; i < kind.length; i++) identity[at++] = kind[i]!;
  hash128(identity, 0, at, out, 0);
}

function copyText(t: Transaction, field: number, at: number): number {
  const { bytes } = t;
  const start = t.text[2 * field]!, end = start + t.text[2 * field + 1]!;
  for (let i = start; i < end; i++) identity[at++] = bytes[i]!;
  return at;
}

function word(k: number): void {
  lanes[0] = firstLane(lanes[0]!, k);
  lanes[1] = secondLane(lanes[1]!, k);
}

/** An integer of up to 53 bits, as two words. */
function number(value: number): void {
  const low = value >>> 0;
  word(low);
  word((value - low) / 2 ** 32);
}

/** A text with its length and what it is, so that texts can't run into one another. */
function texts(bytes: Uint8Array, start: number, length: number, tag: number): void {
  let a = firstLane(lanes[0]!, length << 5 | tag), b = secondLane(lanes[1]!, length << 5 | tag);
  const end = start + length, wordsEnd = end - (length & 3);
  let at = start;
  for (; at < wordsEnd; at += 4) {
    const k = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    a = firstLane(a, k);
    b = secondLane(b, k);
  }
  if (at < end) {
    let k = bytes[at]!;
    if (at + 1 < end) k |= bytes[at + 1]! << 8;
    if (at + 2 < end) k |= bytes[at + 2]! << 16;
    a = firstLane(a, k);
    b = secondLane(b, k);
  }
  lanes[0] = a;
  lanes[1] = b;
}

function values(list: unknown[], tag: number): void {
  const bytes = Buffer.from(JSON.stringify(list));
  texts(bytes, 0, bytes.length, tag);
}

function firstLane(hash: number, k: number): number {
  k = Math.imul(k, 0xcc9e2d51);
  hash ^= Math.imul(k << 15 | k >>> 17, 0x1b873593);
  return Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0;
}

function secondLane(hash: number, k: number): number {
  k = Math.imul(k, 0x239b961b);
  hash ^= Math.imul(k << 16 | k >>> 16, 0xab0e9789);
  return Math.imul(hash << 17 | hash >>> 15, 5) + 0x0bcaa747 | 0;
}

function avalanche(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
