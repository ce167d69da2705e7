/**
 * Texts as bytes → ordinals: open addressing in typed arrays over an arena of bytes. Ordinals count up from 0 in the order of adding and never change.
 *
 * Looking up allocates nothing and makes no string. Grows by doubling; never shrinks, never forgets. Callers bound how much they add.
 */
import { utf8 } from '../utf8.js';

export function hashBytes(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = start, end = start + length; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}

export class ByteTable {
  size = 0;
  private arena: Uint8Array;
  private used = 0;
  private starts: Int32Array;
  private hashes: Int32Array;
  /** Ordinal + 1 by slot, 0: free. At most half of the slots are taken. */
  private slots: Int32Array;

  constructor(expected = 8, bytesExpected = expected * 8) {
    let slots = 16;
    while (slots < expected * 2) slots *= 2;
    this.slots = new Int32Array(slots);
    this.hashes = new Int32Array(slots / 2);
    this.starts = new Int32Array(slots / 2 + 1);
    this.arena = new Uint8Array(Math.max(64, bytesExpected));
  }

  /** The ordinal, -1 when the text was never added. */
  find(bytes: Uint8Array, start: number, length: number): number {
    const hash = hashBytes(bytes, start, length), { slots, hashes } = this, mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const ordinal = slots[slot]! - 1;
      if (ordinal < 0) return -1;
      if (hashes[ordinal] === hash && this.equals(ordinal, bytes, start, length)) return ordinal;
    }
  }

  /** The ordinal of a text, new or old. */
  add(bytes: Uint8Array, start: number, length: number): number {
    const found = this.find(bytes, start, length);
    if (found >= 0) return found;
    if (this.size === this.hashes.length) this.grow();
    if (this.used + length > this.arena.length) this.arena = copied(this.arena, Math.max(this.arena.length * 2, this.used + length));
    const ordinal = this.size++;
    this.arena.set(bytes.subarray(start, start + length), this.used);
    this.used += length;
    this.starts[ordinal + 1] = this.used;
    this.hashes[ordinal] = hashBytes(bytes, start, length);
    this.place(ordinal);
    return ordinal;
  }

  addText(text: string): number {
    if (isShortAscii(text)) return this.add(scratch, 0, text.length);
    const bytes = utf8(text);
    return this.add(bytes, 0, bytes.length);
  }
  /** Where the bytes of a text are: `bytes` from `start(ordinal)` to `start(ordinal + 1)`. */
  get bytes(): Uint8Array {
    return this.arena;
  }
  start(ordinal: number): number {
    return this.starts[ordinal]!;
  }
  text(ordinal: number): string {
    return Buffer.from(this.arena.buffer, this.starts[ordinal]!, this.starts[ordinal + 1]! - this.starts[ordinal]!).toString('utf8');
  }

  private equals(ordinal: number, bytes: Uint8Array, start: number, length: number): boolean {
    const { arena } = this, from = this.starts[ordinal]!;
    if (this.starts[ordinal + 1]! - from !== length) return false;
    for (let i = 0; i < length; i++) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }
  private place(ordinal: number): void {
    const { slots } = this, mask = slots.length - 1;
    let slot = this.hashes[ordinal]! & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = ordinal + 1;
  }
  private grow(): void {
    const slots = this.slots.length * 2, { hashes, starts } = this;
    this.slots = new Int32Array(slots);
    this.hashes = new Int32Array(slots / 2);
    this.hashes.set(hashes);
    this.starts = new Int32Array(slots / 2 + 1);
    this.starts.set(starts);
    for (let ordinal = 0; ordinal < this.size; ordinal++) this.place(ordinal);
  }
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
