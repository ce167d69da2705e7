/**
 * Fingerprints of transactions: of their identity (partner, id, kind) and of their content. They are stored for good: what they say about a
 * transaction never changes, whichever form it came in (JSON, MessagePack, envelope) and whichever version of the code calculates it.
 *
 * Content is laid out as words, field by field in the order of the table, and hashed two at a time in two lanes (the steps of MurmurHash3_x86_128,
 * with half its lanes). A field that is added later must not leave a word when it is absent.
 */
import { hash128 } from './hash.js';
import { Kind, Text, TEXT_FIELDS, type Transaction } from './transaction.js';

/** The content of one transaction; grows to the largest. */
let words = new Int32Array(1 << 12);

/**
 * 64 bits over the content: all fields but the index in the request. Lines with and without explicit numbers, total given or left out: the same
 * content.
 */
export function contentHash(t: Transaction, out: Uint32Array): void {
  const count = layOut(t);
  words[count] = 0;
  let h1 = 0x3c6ef372, h2 = 0x510e527f;
  for (let i = 0; i < count; i += 2) {
    let k1 = Math.imul(words[i]!, 0x239b961b), k2 = Math.imul(words[i + 1]!, 0xab0e9789);
    k1 = k1 << 15 | k1 >>> 17;
    k2 = k2 << 16 | k2 >>> 16;
    h1 ^= Math.imul(k1, 0xab0e9789);
    h1 = Math.imul((h1 << 19 | h1 >>> 13) + h2, 5) + 0x561ccd1b | 0;
    h2 ^= Math.imul(k2, 0x38b34ae5);
    h2 = Math.imul((h2 << 17 | h2 >>> 15) + h1, 5) + 0x0bcaa747 | 0;
  }
  h1 = avalanche((h1 ^ count) + h2 | 0);
  h2 = avalanche(h2 + h1 | 0);
  out[0] = h1 + h2;
  out[1] = h2;
}

/**
 * Lays the content out in `words`; returns how many there are. Each text comes with its length and what it is, so that texts can't run into one
 * another.
 */
function layOut(t: Transaction): number {
  const { bytes, text, lineCount, lineNumber, lineKind, quantity, amount, discount, skuStart, skuLength, categoryStart, categoryLength } = t;
  reserve(t);
  words[0] = lineCount << 1 | t.kind;
  words[1] = t.occurredAtMs;
  words[2] = highWord(t.occurredAtMs);
  words[3] = t.total;
  words[4] = highWord(t.total);
  let at = 5;
  for (let field = 0; field < TEXT_FIELDS; field++) {
    const length = text[2 * field + 1]!;
    if (length !== 0) at = putText(at, bytes, text[2 * field]!, length, field);
  }
  for (let i = 0; i < lineCount; i++) {
    const lineQuantity = quantity[i]!, lineAmount = amount[i]!, lineDiscount = discount[i]!, category = categoryLength[i]!;
    const fits = lineQuantity <= 0xffffffff && lineAmount <= 0xffffffff && lineAmount >= 0 && lineDiscount <= 0xffffffff;
    words[at++] = lineNumber[i]! << 4 | lineKind[i]! << 2 | (fits ? 0 : 2) | (category === 0 ? 0 : 1);
    words[at++] = lineQuantity;
    words[at++] = lineAmount;
    words[at++] = lineDiscount;
    if (!fits) {
      words[at++] = highWord(lineQuantity);
      words[at++] = highWord(lineAmount);
      words[at++] = highWord(lineDiscount);
    }
    at = putText(at, bytes, skuStart[i]!, skuLength[i]!, 0);
    if (category !== 0) at = putText(at, bytes, categoryStart[i]!, category, 1);
  }
  const { tenders, coupons } = t;
  if (tenders !== undefined && tenders.length > 0) at = putList(at, tenders.map(({ kind, amount, redemption }) => [kind, amount, redemption ?? null]), 30);
  return coupons !== undefined && coupons.length > 0 ? putList(at, coupons, 31) : at;
}

/** What of an integer of up to 53 bits does not fit into its low 32 bits. */
function highWord(value: number): number {
  return (value - (value >>> 0)) / 2 ** 32;
}

/** Four bytes a word, after a word with the length and what text it is (below 32). */
function putText(at: number, bytes: Uint8Array, start: number, length: number, tag: number): number {
  const end = start + length, wordsEnd = end - (length & 3);
  words[at++] = length << 5 | tag;
  let i = start;
  for (; i < wordsEnd; i += 4) words[at++] = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24;
  if (i === end) return at;
  let last = bytes[i]!;
  if (i + 1 < end) last |= bytes[i + 1]! << 8;
  if (i + 2 < end) last |= bytes[i + 2]! << 16;
  words[at] = last;
  return at + 1;
}

function putList(at: number, list: unknown[], tag: number): number {
  const bytes = Buffer.from(JSON.stringify(list));
  grow(at + bytes.length + 2);
  return putText(at, bytes, 0, bytes.length, tag);
}

function reserve({ text, lineCount, skuLength, categoryLength }: Transaction): void {
  let size = 65 + 16 * lineCount;
  for (let field = 0; field < TEXT_FIELDS; field++) size += text[2 * field + 1]! >> 2;
  for (let i = 0; i < lineCount; i++) size += skuLength[i]! + categoryLength[i]! >> 2;
  grow(size);
}

function grow(size: number): void {
  if (size <= words.length) return;
  const grown = new Int32Array(2 * size);
  grown.set(words);
  words = grown;
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

function avalanche(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
