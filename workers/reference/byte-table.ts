/**
 * Texts as bytes → ordinals: open addressing in typed arrays. Ordinals count up from 0 in the order of adding and never change.
 *
 *   slot    = [hash, ordinal + 1]                                     0: free; at most half of the slots are taken
 *   record  = [length, start in the arena, first 8 bytes (2 words)]   by ordinal
 *
 * Looking up allocates nothing and makes no string, and a text of up to 8 bytes is compared without leaving its record. Grows by doubling; never shrinks, never forgets.
 * Callers bound how much they add.
 */
import { utf8 } from '../utf8.js';

const RECORD_WORDS = 4;
const RECORD_BYTES = 8;

export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5, i = start;
  for (const end = start + length - 3; i < end; i += 4) {
    hash = Math.imul(hash ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  for (const end = start + length; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}

export class ByteTable {
  size = 0;
  private records: Int32Array;
  private arena: Uint8Array;
  private used = 0;
  private slots: Int32Array;

  constructor(expected = 8, bytesExpected = expected * 8) {
    let slots = 16;
    while (slots < expected * 2) slots *= 2;
    this.slots = new Int32Array(slots * 2);
    this.records = new Int32Array((slots / 2) * RECORD_WORDS);
    this.arena = new Uint8Array(Math.max(64, bytesExpected));
  }

  /** The ordinal, -1 when the text was never added. */
  find(bytes: Uint8Array, start: number, length: number): number {
    const hash = hashBytes(bytes, start, length), { slots } = this, mask = slots.length - 2;
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const ordinal = slots[slot + 1]! - 1;
      if (ordinal < 0) return -1;
      if (slots[slot] === hash && this.equals(ordinal, bytes, start, length)) return ordinal;
    }
  }

  /** The ordinal of a text, new or old. */
  add(bytes: Uint8Array, start: number, length: number): number {
    const found = this.find(bytes, start, length);
    if (found >= 0) return found;
    if (this.size * 4 === this.slots.length) this.grow();
    if (this.used + length > this.arena.length) this.arena = copied(this.arena, Math.max(this.arena.length * 2, this.used + length));
    const ordinal = this.size++, at = ordinal * RECORD_WORDS;
    this.arena.set(bytes.subarray(start, start + length), this.used);
    this.records[at] = length;
    this.records[at + 1] = this.used;
    this.records[at + 2] = word(bytes, start, length);
    this.records[at + 3] = word(bytes, start + 4, length - 4);
    this.used += length;
    this.place(ordinal, hashBytes(bytes, start, length));
    return ordinal;
  }

  addText(text: string): number {
    if (isShortAscii(text)) return this.add(scratch, 0, text.length);
    const bytes = utf8(text);
    return this.add(bytes, 0, bytes.length);
  }
  /** Where the bytes of a text are: `bytes` from `start(ordinal)`, `length(ordinal)` of them. */
  get bytes(): Uint8Array {
    return this.arena;
  }
  start(ordinal: number): number {
    return this.records[ordinal * RECORD_WORDS + 1]!;
  }
  length(ordinal: number): number {
    return this.records[ordinal * RECORD_WORDS]!;
  }
  text(ordinal: number): string {
    return Buffer.from(this.arena.buffer, this.start(ordinal), this.length(ordinal)).toString('utf8');
  }

  private equals(ordinal: number, bytes: Uint8Array, start: number, length: number): boolean {
    const { records, arena } = this, at = ordinal * RECORD_WORDS;
    if (records[at] !== length || records[at + 2] !== word(bytes, start, length) || records[at + 3] !== word(bytes, start + 4, length - 4)) return false;
    for (let i = RECORD_BYTES, from = records[at + 1]!; i < length; i++) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }
  private place(ordinal: number, hash: number): void {
    const { slots } = this, mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
    slots[slot] = hash;
    slots[slot + 1] = ordinal + 1;
  }
  private grow(): void {
    const old = this.slots, { records } = this;
    this.slots = new Int32Array(old.length * 2);
    this.records = new Int32Array((this.slots.length / 4) * RECORD_WORDS);
    this.records.set(records);
    for (let slot = 0; slot < old.length; slot += 2) if (old[slot + 1] !== 0) this.place(old[slot + 1]! - 1, old[slot]!);
  }
}

/** Up to four bytes of a text, the first one lowest; 0 where it has ended. */
export function word(bytes: Uint8Array, start: number, length: number): number {
  if (length >= 4) return bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24);
  let value = 0;
  for (let i = 0; i < length; i++) value |= bytes[start + i]! << (i * 8);
  return value;
}

/** Short plain texts are added without an array of their own: catalogs have ten thousands of them. */
const scratch = new Uint8Array(64);
function isShortAscii(text: string): boolean {
  if (text.length > scratch.length) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return false;
    scratch[i] = code;
  }
  return true;
}

function copied(bytes: Uint8Array, length: number): Uint8Array {
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}
