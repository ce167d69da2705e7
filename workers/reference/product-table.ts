/**
 * The products of one partner: sku → category, department and brand. Built once per content (found again by its hash) from the NDJSON that was published, which was
 * checked then; a line that can't be read here is a bug and throws.
 *
 *   slot = [hash, length of the sku + 1 (0: free), its first 8 bytes (2 words), where all of them are, category, department, brand]      32 bytes
 *
 * A product's number is its slot. The lines of a receipt lie all over a catalog, so what a look-up costs are its cache misses: a slot is half a line of the processor's cache and
 * says all that evaluation wants to know. At most four fifths of the slots are taken.
 */
import type { ProductDocument } from '../../schemas/reference.js';
import { utf8 } from '../utf8.js';
import { hashBytes, word } from './byte-table.js';
import type { Names } from './names.js';

const NEWLINE = 0x0a;
const WORDS = 8;
const LENGTH = 1, START = 4, CATEGORY = 5, DEPARTMENT = 6, BRAND = 7;
/** So many bytes of a sku stand in its slot. */
const SLOT_BYTES = 8;

export class ProductTable {
  private readonly slots: Int32Array;
  private arena: Uint8Array;
  private used = 0;

  constructor(readonly hash: string, content: Uint8Array, names: Names) {
    let lines = 1;
    for (let at = content.indexOf(NEWLINE); at >= 0; at = content.indexOf(NEWLINE, at + 1)) lines++;
    let slots = 16;
    while (slots * 4 < lines * 5) slots *= 2;
    this.slots = new Int32Array(slots * WORDS);
    this.arena = new Uint8Array(lines * 8);
    const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8');
    for (let start = 0; start < text.length;) {
      const newline = text.indexOf('\n', start), end = newline < 0 ? text.length : newline;
      if (end > start) this.add(text.slice(start, end), names);
      start = end + 1;
    }
  }
  /** Numbers of products are below it. */
  get size(): number {
    return this.slots.length / WORDS;
  }
  /** Touches where skus with these hashes are looked up, so that the misses overlap; what it returns means nothing. */
  warm(hashes: Int32Array, count: number): number {
    const { slots } = this, mask = slots.length / WORDS - 1;
    let touched = 0;
    for (let i = 0; i < count; i++) touched += slots[(hashes[i]! & mask) * WORDS]!;
    return touched;
  }
  /** Number of the product, -1: unknown. `hash`: hashBytes of the sku. */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const { slots } = this, slot = this.slotOf(hash, bytes, start, length);
    return slots[slot * WORDS + LENGTH] === 0 ? -1 : slot;
  }
  /** Ordinals of names, 0: none. */
  category(product: number): number {
    return this.slots[product * WORDS + CATEGORY]!;
  }
  department(product: number): number {
    return this.slots[product * WORDS + DEPARTMENT]!;
  }
  brand(product: number): number {
    return this.slots[product * WORDS + BRAND]!;
  }
  sku(product: number): string {
    const at = product * WORDS;
    return Buffer.from(this.arena.buffer, this.slots[at + START]!, this.slots[at + LENGTH]! - 1).toString('utf8');
  }

  /** The slot of a sku, or the free one where it would be put. */
  private slotOf(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const { slots } = this, mask = slots.length / WORDS - 1;
    const first = word(bytes, start, length), second = word(bytes, start + 4, length - 4);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS, found = slots[at + LENGTH]!;
      if (found === 0) return slot;
      if (slots[at] === hash && found === length + 1 && slots[at + 2] === first && slots[at + 3] === second && (length <= SLOT_BYTES || this.endsWith(at, bytes, start, length))) return slot;
    }
  }
  private endsWith(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    const { arena } = this, from = this.slots[at + START]!;
    for (let i = SLOT_BYTES; i < length; i++) if (arena[from + i] !== bytes[start + i]) return false;
    return true;
  }
  /** Of a sku that is there twice the last one counts. */
  private add(line: string, names: Names): void {
    if (line.trim() === '') return;
    const product = JSON.parse(line) as ProductDocument, { slots } = this;
    const sku = utf8(product.sku), hash = hashBytes(sku, 0, sku.length), at = this.slotOf(hash, sku, 0, sku.length) * WORDS;
    if (slots[at + LENGTH] === 0) {
      slots.set([hash, sku.length + 1, word(sku, 0, sku.length), word(sku, 4, sku.length - 4), this.keep(sku)], at);
    }
    slots[at + CATEGORY] = names.ordinal(product.category ?? '');
    slots[at + DEPARTMENT] = names.ordinal(product.department ?? '');
    slots[at + BRAND] = names.ordinal(product.brand ?? '');
  }
  private keep(sku: Uint8Array): number {
    const start = this.used;
    this.used += sku.length;
    if (this.used > this.arena.length) {
      const longer = new Uint8Array(this.used * 2);
      longer.set(this.arena);
      this.arena = longer;
    }
    this.arena.set(sku, start);
    return start;
  }
}
