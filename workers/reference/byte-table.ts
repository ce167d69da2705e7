/**
 * Texts as bytes → ordinals: open addressing in typed arrays. Ordinals count up from 0 in the order of adding and never change.
 *
 *   slot    = [hash, ordinal + 1]                                     0: free; at most half of the slots are taken
 *   record  = [length, start in the arena, first 8 bytes (2 words)]   by ordinal
 *
 * Looking up allocates nothing and makes no string, and a text of up to 8 bytes is compared without leaving its record. Grows by doubling; never shrinks, never forgets.
 * Callers bound how much they add.
 */
import { hashText, sameFrom, viewOf, word } from '../text-words.js';
import { utf8 } from '../utf8.js';

const RECORD_WORDS = 4;
const RECORD_BYTES = 8;

export class ByteTable {
  size = 0;
  private records: Int32Array;
  private arena: Uint8Array;
  /** Of the same bytes. */
  private arenaView: DataView;
  private used = 0;
  private slots: Int32Array;

  constructor(expected = 8, bytesExpected = expected * 8) {
    let slots = 16;
    while (slots < expected * 2) slots *= 2;
    this.slots = new Int32Array(slots * 2);
    this.records = new Int32Array((slots / 2) * RECORD_WORDS);
    this.arena = new Uint8Array(Math.max(64, bytesExpected));
    this.arenaView = new DataView(this.arena.buffer);
  }

  /** The ordinal, -1 when the text was never added. */
  find(bytes: Uint8Array, start: number, length: number): number {
    const view = viewOf(bytes), first = word(view, start, length), second = word(view, start + 4, length - 4);
    return this.look(hashText(view, start, length, first, second), first, second, view, start, length);
  }

  /** The ordinal of a text, new or old. */
  add(bytes: Uint8Array, start: number, length: number): number {
    const view = viewOf(bytes), first = word(view, start, length), second = word(view, start + 4, length - 4);
    const hash = hashText(view, start, length, first, second), found = this.look(hash, first, second, view, start, length);
    if (found >= 0) return found;
    if (this.size * 4 === this.slots.length) this.grow();
    if (this.used + length > this.arena.length) this.growArena(this.used + length);
    const ordinal = this.size++, at = ordinal * RECORD_WORDS;
    this.arena.set(bytes.subarray(start, start + length), this.used);
    this.records[at] = length;
    this.records[at + 1] = this.used;
    this.records[at + 2] = first;
    this.records[at + 3] = second;
    this.used += length;
    this.place(ordinal, hash);
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

  private look(hash: number, first: number, second: number, view: DataView, start: number, length: number): number {
    const { slots, records } = this, mask = slots.length - 2;
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const ordinal = slots[slot + 1]! - 1;
      if (ordinal < 0) return -1;
      if (slots[slot] !== hash) continue;
      const at = ordinal * RECORD_WORDS;
      if (records[at] === length && records[at + 2] === first && records[at + 3] === second && (length <= RECORD_BYTES || this.endsWith(at, view, start, length))) return ordinal;
    }
  }
  private endsWith(at: number, view: DataView, start: number, length: number): boolean {
    return sameFrom(RECORD_BYTES, this.arenaView, this.records[at + 1]!, view, start, length);
  }
  private place(ordinal: number, hash: number): void {
    const { slots } = this, mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
    slots[slot] = hash;
    slots[slot + 1] = ordinal + 1;
  }
  private growArena(length: number): void {
    const { arena } = this;
    this.arena = new Uint8Array(Math.max(arena.length * 2, length));
    this.arena.set(arena);
    this.arenaView = new DataView(this.arena.buffer);
  }
  private grow(): void {
    const old = this.slots, { records } = this;
    this.slots = new Int32Array(old.length * 2);
    this.records = new Int32Array((this.slots.length / 4) * RECORD_WORDS);
    this.records.set(records);
    for (let slot = 0; slot < old.length; slot += 2) if (old[slot + 1] !== 0) this.place(old[slot + 1]! - 1, old[slot]!);
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
