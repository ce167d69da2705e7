/**
 * Writes an envelope of transactions (schemas/envelope.ts): MessagePack by position, into a buffer that is kept and grows. Nothing is allocated per
 * transaction.
 *
 *   begin(gateway, request, detailed) → add(t) … add(t) → finish()
 *
 * What readPositional reads back has the same fields, texts and content hash.
 */
import { ENVELOPE_MARK, ENVELOPE_TRANSACTIONS } from '../schemas/envelope.js';
import { TEXT_FIELDS, type Transaction } from './transaction.js';

const NIL = 0xc0;
/** Enough for all that is not text: the numbers of a transaction, the numbers of a line, a tender's. */
const TRANSACTION_BYTES = 128, LINE_BYTES = 64, TENDER_BYTES = 32;
const BEGIN_BYTES = 1 << 16;
const encoder = new TextEncoder();

export class EnvelopeWriter {
  /** Transactions added since `begin`. */
  count = 0;
  private bytes = new Uint8Array(BEGIN_BYTES);
  private at = 0;
  private countAt = 0;

  /** Bytes written since `begin`. */
  get size(): number {
    return this.at;
  }

  /** Starts a new envelope. `request` 0: nobody waits for an answer. */
  begin(gateway: string, request: number, detailed: boolean): void {
    this.at = 0;
    this.count = 0;
    this.reserve(64 + 3 * gateway.length);
    const { bytes } = this;
    bytes[0] = ENVELOPE_MARK;
    bytes[1] = ENVELOPE_TRANSACTIONS;
    bytes[2] = 0x94;
    let at = putInteger(bytes, putString(bytes, 3, gateway), request);
    bytes[at++] = detailed ? 0xc3 : 0xc2;
    bytes[at++] = 0xce;
    this.countAt = at;
    this.at = at + 4;
  }

  add(t: Transaction): void {
    const { text, lineCount, tenders, coupons } = t;
    let size = TRANSACTION_BYTES + LINE_BYTES * lineCount, places = 0;
    for (let field = 0; field < TEXT_FIELDS; field++) {
      const length = text[2 * field + 1]!;
      size += length;
      if (length !== 0) places = field + 1;
    }
    for (let i = 0; i < lineCount; i++) size += t.skuLength[i]! + t.categoryLength[i]!;
    if (lineCount > 0) places = TEXT_FIELDS + 1;
    if (tenders !== undefined) places = TEXT_FIELDS + 2;
    if (coupons !== undefined) places = TEXT_FIELDS + 3;
    if (places > TEXT_FIELDS + 1) size += restSize(t);
    this.reserve(size);
    this.count++;

    const { bytes } = this;
    let at = putArrayHead(bytes, this.at, 4 + places);
    at = putInteger(bytes, at, t.index);
    bytes[at++] = t.kind;
    at = putInteger(bytes, at, t.occurredAtMs);
    if (lineCount > 0) bytes[at++] = NIL;
    else at = putInteger(bytes, at, t.total);
    for (let field = 0; field < TEXT_FIELDS && field < places; field++) at = putText(bytes, at, t.bytes, text[2 * field]!, text[2 * field + 1]!);
    if (lineCount > 0) at = putLines(bytes, at, t);
    else if (places > TEXT_FIELDS) bytes[at++] = NIL;
    this.at = places > TEXT_FIELDS + 1 ? putRest(bytes, at, t) : at;
  }

  /** The envelope, in memory of its own that can be transferred. */
  finish(): Uint8Array {
    for (let i = 0; i < 4; i++) this.bytes[this.countAt + i] = this.count >>> 24 - 8 * i;
    return this.bytes.slice(0, this.at);
  }

  /** Forgets what was added since `begin`. */
  clear(): void {
    this.at = this.count = 0;
  }

  private reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + size));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }
}

// Each of these writes at a place where there is room and returns the place after it.

function putLines(bytes: Uint8Array, at: number, t: Transaction): number {
  const { lineCount, lineNumber, lineKind, skuStart, skuLength, categoryStart, categoryLength, quantity, amount, discount } = t;
  at = putArrayHead(bytes, at, lineCount);
  for (let i = 0; i < lineCount; i++) {
    const number = lineNumber[i] === i + 1 ? 0 : lineNumber[i]!, category = categoryLength[i]!;
    const places = category !== 0 ? 7 : lineKind[i] !== 0 ? 6 : number !== 0 ? 5 : discount[i] !== 0 ? 4 : amount[i] !== 0 ? 3 : quantity[i] !== 0 ? 2 : 1;
    bytes[at++] = 0x90 | places;
    at = putText(bytes, at, t.bytes, skuStart[i]!, skuLength[i]!);
    if (places > 1) at = putInteger(bytes, at, quantity[i]!);
    if (places > 2) at = putInteger(bytes, at, amount[i]!);
    if (places > 3) at = putInteger(bytes, at, discount[i]!);
    if (places > 4) at = putInteger(bytes, at, number);
    if (places > 5) bytes[at++] = lineKind[i]!;
    if (places > 6) at = putText(bytes, at, t.bytes, categoryStart[i]!, category);
  }
  return at;
}

/** Upper bound of what putRest writes. */
function restSize({ tenders = [], coupons = [] }: Transaction): number {
  let size = 8;
  for (const { kind, redemption } of tenders) size += TENDER_BYTES + 3 * kind.length + 3 * (redemption?.length ?? 0);
  for (const coupon of coupons) size += 4 + 3 * coupon.length;
  return size;
}

/** Tenders and coupons. */
function putRest(bytes: Uint8Array, at: number, { tenders, coupons }: Transaction): number {
  if (tenders === undefined) bytes[at++] = NIL;
  else {
    at = putArrayHead(bytes, at, tenders.length);
    for (const { kind, amount, redemption } of tenders) {
      bytes[at++] = redemption === undefined ? 0x92 : 0x93;
      at = putInteger(bytes, putString(bytes, at, kind), amount);
      if (redemption !== undefined) at = putString(bytes, at, redemption);
    }
  }
  if (coupons === undefined) return at;
  at = putArrayHead(bytes, at, coupons.length);
  for (const coupon of coupons) at = putString(bytes, at, coupon);
  return at;
}

function putArrayHead(bytes: Uint8Array, at: number, size: number): number {
  if (size < 16) bytes[at++] = 0x90 | size;
  else {
    bytes[at++] = 0xdc;
    bytes[at++] = size >>> 8;
    bytes[at++] = size;
  }
  return at;
}

/** An integer within ±(2^53-1), in few bytes. */
function putInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < 0x10000) {
    if (value >= 0x80) {
      bytes[at++] = value < 0x100 ? 0xcc : 0xcd;
      if (value >= 0x100) bytes[at++] = value >>> 8;
    }
    bytes[at++] = value;
    return at;
  }
  if (value < 0 && value >= -32) {
    bytes[at++] = value + 256;
    return at;
  }
  const low = value >>> 0, high = (value - low) / 2 ** 32;
  if (high === 0) bytes[at++] = 0xce;
  else {
    bytes[at++] = value < 0 ? 0xd3 : 0xcf;
    at = putWord(bytes, at, high);
  }
  return putWord(bytes, at, low);
}

function putWord(bytes: Uint8Array, at: number, word: number): number {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
  return at + 4;
}

function putTextHead(bytes: Uint8Array, at: number, length: number): number {
  if (length < 32) bytes[at++] = 0xa0 | length;
  else {
    bytes[at++] = length < 256 ? 0xd9 : 0xda;
    if (length >= 256) bytes[at++] = length >>> 8;
    bytes[at++] = length;
  }
  return at;
}

/** Bytes of a transaction's text; length 0: absent. */
function putText(bytes: Uint8Array, at: number, from: Uint8Array, start: number, length: number): number {
  if (length === 0) {
    bytes[at] = NIL;
    return at + 1;
  }
  at = putTextHead(bytes, at, length);
  for (let i = start, end = start + length; i < end; i++) bytes[at++] = from[i]!;
  return at;
}

function putString(bytes: Uint8Array, at: number, value: string): number {
  at = putTextHead(bytes, at, Buffer.byteLength(value));
  return at + encoder.encodeInto(value, bytes.subarray(at)).written;
}
