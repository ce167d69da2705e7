/**
 * The products of one partner: sku → category, department and brand, in typed arrays. Built once per content (found again by its hash) from the NDJSON
 * that was published, which was checked then; a line that can't be read here is a bug and throws.
 */
import type { ProductDocument } from '../../schemas/reference.js';
import { ByteTable } from './byte-table.js';
import type { Names } from './names.js';

const NEWLINE = 0x0a;

export class ProductTable {
  /** Ordinals of names by product, 0: none. */
  category: Int32Array;
  department: Int32Array;
  brand: Int32Array;
  private readonly skus: ByteTable;

  constructor(readonly hash: string, content: Uint8Array, names: Names) {
    let lines = 1;
    for (let at = content.indexOf(NEWLINE); at >= 0; at = content.indexOf(NEWLINE, at + 1)) lines++;
    this.skus = new ByteTable(lines, lines * 8);
    this.category = new Int32Array(lines);
    this.department = new Int32Array(lines);
    this.brand = new Int32Array(lines);
    const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8');
    for (let start = 0; start < text.length;) {
      const newline = text.indexOf('\n', start), end = newline < 0 ? text.length : newline;
      if (end > start) this.add(text.slice(start, end), names);
      start = end + 1;
    }
  }
  get size(): number {
    return this.skus.size;
  }
  /** Ordinal of the product, -1: unknown. */
  find(bytes: Uint8Array, start: number, length: number): number {
    return this.skus.find(bytes, start, length);
  }
  sku(product: number): string {
    return this.skus.text(product);
  }

  /** Of a sku that is there twice the last one counts. */
  private add(line: string, names: Names): void {
    if (line.trim() === '') return;
    const product = JSON.parse(line) as ProductDocument;
    const ordinal = this.skus.addText(product.sku);
    this.category[ordinal] = names.ordinal(product.category ?? '');
    this.department[ordinal] = names.ordinal(product.department ?? '');
    this.brand[ordinal] = names.ordinal(product.brand ?? '');
  }
}
