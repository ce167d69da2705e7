/**
 * Fingerprints of transactions: of their identity (partner, id, kind) and of their content. They are stored for good: what they say about a
 * transaction never changes, whichever form it came in (JSON, MessagePack, envelope) and whichever version of the code calculates it.
 *
 * Content is laid out as words, field by field in the order of the table, and hashed two at a time in two lanes (the steps of MurmurHash3_x86_128,
 * with half its lanes). A field that is added later must not leave a word when it is absent.
 */
import { reconciliationOf } from '../schemas/commands.js';
import { hash128OfView } from './hash.js';
import { lastWord, viewOf } from './text-words.js';
import { Kind, LINES_MAX, Text, TEXT_FIELDS, type Transaction } from './transaction.js';

/** Most bytes that readers take as a text of a transaction, and of a line. */
const TEXT_BYTES_MAX = 0xffff, LINE_TEXT_BYTES_MAX = 0xff;
const TEXT_WORDS_MAX = 1 + (TEXT_BYTES_MAX + 1) / 4, LINE_TEXT_WORDS_MAX = 1 + (LINE_TEXT_BYTES_MAX + 1) / 4;
/** Most words of the numbers at the beginning and in a line. */
const HEAD_WORDS = 5, LINE_WORDS_MAX = 7;
/** Of tenders and coupons as JSON: a hundred of each, with texts of 128 bytes at most, each of which may be written as six. */
const LIST_WORDS_MAX = 1 << 16;

/** The content of one transaction. Of the largest size from the beginning, so that optimized code knows its address; memory that is never touched costs nothing. */
const words = new Int32Array(HEAD_WORDS + TEXT_FIELDS * TEXT_WORDS_MAX + LINES_MAX * (LINE_WORDS_MAX + 2 * LINE_TEXT_WORDS_MAX) + 2 * LIST_WORDS_MAX);

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
  const { text, lineCount, lineNumber, lineKind, quantity, amount, discount, skuStart, skuLength, categoryLength } = t, view = viewOf(t.bytes);
  words[0] = lineCount << 1 | t.kind;
  words[1] = t.occurredAtMs;
  words[2] = highWord(t.occurredAtMs);
  words[3] = t.total;
  words[4] = highWord(t.total);
  let at = HEAD_WORDS;
  for (let field = 0, fields = text.length / 2; field < fields; field++) {
    const length = text[2 * field + 1]!;
    if (length !== 0) at = putText(at, view, text[2 * field]!, length, field);
  }
  for (let i = 0; i < lineCount; i++) {
    const lineQuantity = quantity[i]!, lineAmount = amount[i]!, lineDiscount = discount[i]!, category = categoryLength[i]!;
    const fits = lineQuantity <= 0xffffffff && lineAmount <= 0xffffffff && lineAmount >= 0 && lineDiscount <= 0xffffffff;
    words[at] = lineNumber[i]! << 4 | lineKind[i]! << 2 | (fits ? 0 : 2) | (category === 0 ? 0 : 1);
    words[at + 1] = lineQuantity;
    words[at + 2] = lineAmount;
    words[at + 3] = lineDiscount;
    at += 4;
    if (!fits) {
      words[at++] = highWord(lineQuantity);
      words[at++] = highWord(lineAmount);
      words[at++] = highWord(lineDiscount);
    }
    at = putText(at, view, skuStart[i]!, skuLength[i]!, 0);
    if (category !== 0) at = putText(at, view, t.categoryStart[i]!, category, 1);
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
function putText(at: number, view: DataView, start: number, length: number, tag: number): number {
  const rest = length & 3, end = start + length, wordsEnd = end - rest;
  words[at++] = length << 5 | tag;
  for (let i = start; i < wordsEnd; i += 4) words[at++] = view.getInt32(i, true);
  if (rest !== 0) words[at++] = lastWord(view, end, rest);
  return at;
}

function putList(at: number, list: unknown[], tag: number): number {
  const bytes = Buffer.from(JSON.stringify(list));
  if (bytes.length > 4 * (LIST_WORDS_MAX - 2)) throw new RangeError(`tenders or coupons of ${bytes.length} bytes`);
  return putText(at, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length, tag);
}

const NEWLINE = 0x0a;
/** Partner and id, each with up to three bytes more that are written over, and the kind. */
const identity = new DataView(new ArrayBuffer(2 * (TEXT_BYTES_MAX + 3) + 16));
/** Behind the kinds of transactions: the reconciliation of a purchase is remembered by its hash, too. */
export const RECONCILIATION = Object.keys(Kind).length;
const names = [...Object.keys(Kind), reconciliationOf.purchase];
/** After the id, as words: a newline and the name; zeros after it do not matter. */
const KIND_NAMES = names.map(name => new DataView(Uint8Array.from(`\n${name}`.padEnd(16, '\0'), character => character.charCodeAt(0)).buffer));
const KIND_LENGTHS = names.map(name => 1 + name.length);

/** 128 bits over `partner \n id \n kind`, as bytes of UTF-8. */
export function transactionHash(t: Transaction, out: Uint32Array): void {
  const { text } = t, view = viewOf(t.bytes), kind = KIND_NAMES[t.kind]!;
  let at = copyText(view, text[2 * Text.partner]!, text[2 * Text.partner + 1]!, 0);
  identity.setUint8(at, NEWLINE);
  at = copyText(view, text[2 * Text.id]!, text[2 * Text.id + 1]!, at + 1);
  for (let i = 0; i < 16; i += 4) identity.setInt32(at + i, kind.getInt32(i));
  hash128OfView(identity, 0, at + KIND_LENGTHS[t.kind]!, out, 0);
}

/** Four bytes at a time; what is too much is written over by what comes after it. Returns where it ends. */
function copyText(view: DataView, start: number, length: number, to: number): number {
  const rest = length & 3, end = to + length, wordsEnd = end - rest, distance = start - to;
  for (let at = to; at < wordsEnd; at += 4) identity.setInt32(at, view.getInt32(at + distance, true), true);
  if (rest !== 0) identity.setInt32(wordsEnd, lastWord(view, start + length, rest), true);
  return end;
}

function avalanche(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}
