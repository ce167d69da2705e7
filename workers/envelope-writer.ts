/**
 * Writes an envelope of transactions (schemas/envelope.ts): MessagePack by position, into a buffer that is kept and grows. Nothing is allocated per transaction.
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
  private view = new DataView(this.bytes.buffer);
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
    this.byte(ENVELOPE_MARK);
    this.byte(ENVELOPE_TRANSACTIONS);
    this.byte(0x94);
    this.string(gateway);
    this.integer(request);
    this.byte(detailed ? 0xc3 : 0xc2);
    this.byte(0xce);
    this.countAt = this.at;
    this.at += 4;
  }

  add(t: Transaction): void {
    const { text, bytes, lineCount, tenders, coupons } = t;
    let size = TRANSACTION_BYTES + LINE_BYTES * lineCount, texts = 0;
    for (let field = 0; field < TEXT_FIELDS; field++) {
      const length = text[2 * field + 1]!;
      size += length;
      if (length !== 0) texts = field + 1;
    }
    for (let i = 0; i < lineCount; i++) size += t.skuLength[i]! + t.categoryLength[i]!;
    this.reserve(size);
    this.count++;

    const lines = lineCount > 0 ? TEXT_FIELDS + 1 : 0, rest = coupons !== undefined ? TEXT_FIELDS + 3 : tenders !== undefined ? TEXT_FIELDS + 2 : 0;
    const places = Math.max(texts, lines, rest);
    this.arrayHead(4 + places);
    this.integer(t.index);
    this.byte(t.kind);
    this.integer(t.occurredAtMs);
    if (lineCount > 0) this.byte(NIL);
    else this.integer(t.total);
    for (let field = 0; field < TEXT_FIELDS && field < places; field++) this.text(bytes, text[2 * field]!, text[2 * field + 1]!);
    if (lineCount > 0) this.lines(t);
    else if (places > TEXT_FIELDS) this.byte(NIL);
    if (rest > 0) this.rest(t);
  }

  /** The envelope, in memory of its own that can be transferred. */
  finish(): Uint8Array {
    this.view.setUint32(this.countAt, this.count);
    return this.bytes.slice(0, this.at);
  }

  private lines(t: Transaction): void {
    const { bytes, lineCount, lineNumber, lineKind, skuStart, skuLength, categoryStart, categoryLength, quantity, amount, discount } = t;
    this.arrayHead(lineCount);
    for (let i = 0; i < lineCount; i++) {
      const number = lineNumber[i] === i + 1 ? 0 : lineNumber[i]!, category = categoryLength[i]!;
      const places = category !== 0 ? 7 : lineKind[i] !== 0 ? 6 : number !== 0 ? 5 : discount[i] !== 0 ? 4 : amount[i] !== 0 ? 3 : quantity[i] !== 0 ? 2 : 1;
      this.byte(0x90 | places);
      this.text(bytes, skuStart[i]!, skuLength[i]!);
      if (places > 1) this.integer(quantity[i]!);
      if (places > 2) this.integer(amount[i]!);
      if (places > 3) this.integer(discount[i]!);
      if (places > 4) this.integer(number);
      if (places > 5) this.byte(lineKind[i]!);
      if (places > 6) this.text(bytes, categoryStart[i]!, category);
    }
  }

  private rest({ tenders, coupons }: Transaction): void {
    let size = 8;
    for (const { kind, redemption } of tenders ?? []) size += TENDER_BYTES + 3 * kind.length + 3 * (redemption?.length ?? 0);
    for (const coupon of coupons ?? []) size += 4 + 3 * coupon.length;
    this.reserve(size);
    if (tenders === undefined) this.byte(NIL);
    else {
      this.arrayHead(tenders.length);
      for (const { kind, amount, redemption } of tenders) {
        this.byte(redemption === undefined ? 0x92 : 0x93);
        this.string(kind);
        this.integer(amount);
        if (redemption !== undefined) this.string(redemption);
      }
    }
    if (coupons === undefined) return;
    this.arrayHead(coupons.length);
    for (const coupon of coupons) this.string(coupon);
  }

  private reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + size));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  private byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  private arrayHead(size: number): void {
    if (size < 16) this.bytes[this.at++] = 0x90 | size;
    else {
      this.bytes[this.at++] = 0xdc;
      this.bytes[this.at++] = size >>> 8;
      this.bytes[this.at++] = size;
    }
  }

  /** An integer within ±(2^53-1), in the fewest bytes. */
  private integer(value: number): void {
    const { bytes, view } = this;
    if (value >= 0) {
      if (value < 0x80) bytes[this.at++] = value;
      else if (value < 0x100) {
        bytes[this.at++] = 0xcc;
        bytes[this.at++] = value;
      } else if (value < 0x10000) {
        bytes[this.at++] = 0xcd;
        bytes[this.at++] = value >>> 8;
        bytes[this.at++] = value;
      } else if (value < 2 ** 32) {
        bytes[this.at] = 0xce;
        view.setUint32(this.at + 1, value);
        this.at += 5;
      } else this.wide(0xcf, value);
    } else if (value >= -32) bytes[this.at++] = value + 256;
    else if (value >= -(2 ** 31)) {
      bytes[this.at] = 0xd2;
      view.setInt32(this.at + 1, value);
      this.at += 5;
    } else this.wide(0xd3, value);
  }

  private wide(head: number, value: number): void {
    const low = value >>> 0;
    this.bytes[this.at] = head;
    this.view.setInt32(this.at + 1, (value - low) / 2 ** 32);
    this.view.setUint32(this.at + 5, low);
    this.at += 9;
  }

  private textHead(length: number): void {
    const { bytes } = this;
    if (length < 32) bytes[this.at++] = 0xa0 | length;
    else if (length < 256) {
      bytes[this.at++] = 0xd9;
      bytes[this.at++] = length;
    } else {
      bytes[this.at++] = 0xda;
      bytes[this.at++] = length >>> 8;
      bytes[this.at++] = length;
    }
  }

  /** Bytes of a transaction's text; length 0: absent. */
  private text(from: Uint8Array, start: number, length: number): void {
    if (length === 0) {
      this.bytes[this.at++] = NIL;
      return;
    }
    this.textHead(length);
    const to = this.bytes;
    let at = this.at;
    for (let i = start, end = start + length; i < end; i++) to[at++] = from[i]!;
    this.at = at;
  }

  private string(value: string): void {
    this.textHead(Buffer.byteLength(value));
    this.at += encoder.encodeInto(value, this.bytes.subarray(this.at)).written;
  }
}
