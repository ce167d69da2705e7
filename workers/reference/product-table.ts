/**
 * The products of one partner: sku → category, department and brand. Built once per content (found again by its hash) from the NDJSON that was published, which was
 * checked then; a line that can't be read here is a bug and throws. Half a million products take seconds: they are built in steps, between which the shard does what it is asked.
 *
 *   slot = [tag (0: free), the sku's first 8 bytes (2 words), where all of them are, category, department, brand, class]      32 bytes
 *   tag  = upper bits of the hash, length of the sku + 1 in the lower 8 (as many as an identifier's length needs)
 *
 * A product's number is its slot. The lines of a receipt lie all over a catalog, so what a look-up costs are its cache misses: a slot is half a line of the processor's cache and
 * says all that evaluation wants to know, also what a partner's plan has found out about the product (its class). At most four fifths of the slots are taken.
 */
import { ID_BYTES_MAX } from '../../schemas/fields.js';
import type { ProductDocument } from '../../schemas/reference.js';
import { hashText, sameFrom, viewOf, word } from '../text-words.js';
import { LINES_MAX, type Transaction } from '../transaction.js';
import { utf8 } from '../utf8.js';
import type { Names } from './names.js';

const NEWLINE = 0x0a;
const WORDS = 8;
const FIRST = 1, SECOND = 2, START = 3, CATEGORY = 4, DEPARTMENT = 5, BRAND = 6, CLASS = 7;
/** So many bytes of a sku stand in its slot. */
const SLOT_BYTES = 8;
/** Bits of a tag that hold the length + 1: as many as the longest identifier needs. */
const LENGTH_BITS = 2 ** (32 - Math.clz32(ID_BYTES_MAX + 1)) - 1;
/** So many classes a plan may keep beside products, and so many plans may do so one after the other: their product is what an integer holds. */
export const CLASSES_MAX = 1 << 20;
const CLAIMS_MAX = 1 << 11;

/** How many bytes lines are counted in while one is read. */
const COUNTED_FOR_READ = 16;

export class ProductTableBuilding {
  private readonly buffer: Buffer;
  private lines = 1;
  private counted = 0;
  private read = 0;
  private table: ProductTable | undefined;

  constructor(readonly hash: string, content: Uint8Array, private readonly names: Names) {
    this.buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  }
  /** Goes on by about so many bytes; the table when it is complete. */
  step(bytes: number): ProductTable | undefined {
    const { buffer } = this;
    if (this.counted < buffer.length) {
      const to = Math.min(buffer.length, this.counted + bytes * COUNTED_FOR_READ);
      for (; this.counted < to; this.counted++) if (buffer[this.counted] === NEWLINE) this.lines++;
      if (bytes < Infinity) return undefined;
    }
    this.table ??= new ProductTable(this.hash, this.lines);
    const newline = this.read + bytes < buffer.length ? buffer.indexOf(NEWLINE, this.read + bytes) : -1, end = newline < 0 ? buffer.length : newline + 1;
    const text = buffer.toString('utf8', this.read, end);
    for (let start = 0; start < text.length;) {
      const stop = text.indexOf('\n', start), lineEnd = stop < 0 ? text.length : stop;
      this.table.add(text.slice(start, lineEnd), this.names);
      start = lineEnd + 1;
    }
    this.read = end;
    return end === buffer.length ? this.table : undefined;
  }
}

/** Of the skus of the lines that are looked up: hashes, tags, and the first 8 bytes. */
const hashes = new Int32Array(LINES_MAX), tags = new Int32Array(LINES_MAX), firsts = new Int32Array(LINES_MAX), seconds = new Int32Array(LINES_MAX);

/** Where a plan keeps the classes of products: that of a product at `at + product × stride`, more than `zero`; all else there is another plan's, or none. */
export interface ProductClasses { readonly words: Int32Array; readonly at: number; readonly stride: number; readonly zero: number }

export class ProductTable {
  private readonly slots: Int32Array;
  /** Number of slots, a power of two, less one. */
  private readonly mask: number;
  /** Nobody reads it: it keeps the compiler from leaving out what was only touched. */
  touched = 0;
  private arena: Uint8Array;
  /** Of the same bytes. */
  private arenaView: DataView;
  private used = 0;
  /** How many plans have had the classes beside the products. */
  private claims = 0;

  /** Room for so many products. */
  constructor(readonly hash: string, products: number) {
    let slots = 16;
    while (slots * 4 < products * 5) slots *= 2;
    this.slots = new Int32Array(slots * WORDS);
    this.mask = slots - 1;
    this.arena = new Uint8Array(products * 8);
    this.arenaView = new DataView(this.arena.buffer);
  }
  /** Numbers of products are below it. */
  get size(): number {
    return this.slots.length / WORDS;
  }
  /** Fills lineProduct, lineCategory, lineDepartment and lineBrand. Touches where all skus are looked up before it compares the first one, so that the misses overlap. */
  resolve(t: Transaction): void {
    const { lineCount, skuStart, skuLength, lineProduct, lineCategory, lineDepartment, lineBrand } = t, { slots } = this, view = viewOf(t.bytes);
    for (let i = 0; i < lineCount; i++) {
      const start = skuStart[i]!, length = skuLength[i]!, first = word(view, start, length), second = word(view, start + 4, length - 4);
      const hash = hashText(view, start, length, first, second);
      hashes[i] = hash;
      tags[i] = tagOf(hash, length);
      firsts[i] = first;
      seconds[i] = second;
    }
    this.touch(lineCount);
    for (let i = 0; i < lineCount; i++) {
      const slot = this.slotOf(hashes[i]!, tags[i]!, firsts[i]!, seconds[i]!, view, skuStart[i]!), at = slot * WORDS | 0;
      lineProduct[i] = slots[at] === 0 ? -1 : slot;
      lineCategory[i] = slots[at + CATEGORY]!;
      lineDepartment[i] = slots[at + DEPARTMENT]!;
      lineBrand[i] = slots[at + BRAND]!;
    }
  }
  /** By itself, so that the processor sees all of the misses at once. Both ends of a slot: nothing puts slots at the beginnings of cache lines. */
  private touch(count: number): void {
    const { slots, mask } = this, places = hashes;
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const at = (places[i]! & mask) * WORDS | 0;
      touched ^= slots[at]! ^ slots[at + CLASS]!;
    }
    this.touched = touched;
  }
  /** Number of the product, -1: unknown. */
  find(bytes: Uint8Array, start: number, length: number): number {
    const slot = this.search(viewOf(bytes), start, length);
    return this.slots[slot * WORDS] === 0 ? -1 : slot;
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
    return Buffer.from(this.arena.buffer, this.slots[at + START]!, lengthOf(this.slots[at]!)).toString('utf8');
  }

  /** Room for the classes of another plan: beside the products, or, for all but one of the partners that share them and for who comes too late, apart. */
  classes(beside: boolean): ProductClasses {
    if (!beside || this.claims === CLAIMS_MAX) return { words: new Int32Array(this.size), at: 0, stride: 1, zero: 0 };
    return { words: this.slots, at: CLASS, stride: WORDS, zero: this.claims++ * CLASSES_MAX };
  }

  private search(view: DataView, start: number, length: number): number {
    const first = word(view, start, length), second = word(view, start + 4, length - 4), hash = hashText(view, start, length, first, second);
    return this.slotOf(hash, tagOf(hash, length), first, second, view, start);
  }
  /** The slot of a sku, or the free one (all of it 0) where it would be put. */
  private slotOf(hash: number, tag: number, first: number, second: number, view: DataView, start: number): number {
    const { slots, mask } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS | 0, found = slots[at]!;
      if (found === 0) return slot;
      if (found === tag && slots[at + FIRST] === first && slots[at + SECOND] === second && (lengthOf(tag) <= SLOT_BYTES || this.endsWith(at, view, start, lengthOf(tag)))) return slot;
    }
  }
  private endsWith(at: number, view: DataView, start: number, length: number): boolean {
    return sameFrom(SLOT_BYTES, this.arenaView, this.slots[at + START]!, view, start, length);
  }
  /** Of a sku that is there twice the last one counts. */
  add(line: string, names: Names): void {
    if (line.trim() === '') return;
    const product = JSON.parse(line) as ProductDocument, { slots } = this;
    const sku = utf8(product.sku), view = viewOf(sku), { length } = sku, first = word(view, 0, length), second = word(view, 4, length - 4);
    const hash = hashText(view, 0, length, first, second), tag = tagOf(hash, length), at = this.slotOf(hash, tag, first, second, view, 0) * WORDS;
    if (slots[at] === 0) slots.set([tag, first, second, this.keep(sku)], at);
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
      this.arenaView = new DataView(longer.buffer);
    }
    this.arena.set(sku, start);
    return start;
  }
}

const tagOf = (hash: number, length: number): number => hash & ~LENGTH_BITS | length + 1;
const lengthOf = (tag: number): number => (tag & LENGTH_BITS) - 1;
