/**
 * Columns of a block while it is being filled: integers in typed arrays, texts as the bytes that go out, names as numbers of a dictionary. Adding a value allocates
 * nothing; arrays double when they are full and keep their size, so their bound is the largest batch.
 *
 * Each column writes its part of ClickHouse's Native format. Integers go out in the narrowest type that fits the block (ClickHouse widens them: an insert costs no
 * more by it, and the log half); a column of nothing but defaults is left out (ClickHouse fills it in).
 */
import type { ChoiceColumn, ElementColumn, FactColumn, IntegerColumn, ListColumn, MomentColumn, NameColumn, TextColumn } from '../../schemas/fact-table.js';
import { writeVarint, type NativeWriter } from './native-writer.js';

const CAPACITY = 1024;
/** Shorter texts are copied byte by byte: that is faster than a call. */
const COPY_BY_HAND_MAX = 48;

export class Integers {
  count = 0;
  private values = new Float64Array(CAPACITY);
  private smallest = 0;
  private largest = 0;

  clear(): void {
    this.count = 0;
  }
  push(value: number): void {
    const i = this.count++;
    if (i === this.values.length) this.grow(i + 1);
    this.values[i] = value;
  }
  /** Adds `count` values, which the caller writes into the array that it gets, from the old count on. */
  room(count: number): Float64Array {
    this.count += count;
    if (this.count > this.values.length) this.grow(this.count);
    return this.values;
  }
  /** Finds out how wide the values are; before `isDefault`, `type` and `write`. */
  measure(): void {
    const { count, values } = this;
    let smallest = 0, largest = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      if (value > largest) largest = value;
      else if (value < smallest) smallest = value;
    }
    this.smallest = smallest;
    this.largest = largest;
  }
  get isDefault(): boolean {
    return this.smallest === 0 && this.largest === 0;
  }
  get type(): string {
    const { smallest, largest } = this;
    if (smallest < 0) return smallest >= -128 && largest < 128 ? 'Int8' : smallest >= -32768 && largest < 32768 ? 'Int16' : smallest >= -(2 ** 31) && largest < 2 ** 31 ? 'Int32' : 'Int64';
    return largest < 256 ? 'UInt8' : largest < 65536 ? 'UInt16' : largest < 2 ** 32 ? 'UInt32' : 'Int64';
  }
  prefix(): void { /* integers have none */ }
  write(out: NativeWriter): void {
    switch (this.type) {
      case 'UInt8': case 'Int8': return this.write8(out);
      case 'UInt16': case 'Int16': return this.write16(out);
      case 'UInt32': case 'Int32': return this.write32(out);
      default: return this.write64(out);
    }
  }
  write64(out: NativeWriter): void {
    const { count, values } = this;
    out.reserve(count * 8);
    const { view } = out;
    let at = out.length;
    for (let i = 0; i < count; i++, at += 8) {
      const value = values[i]!;
      view.setInt32(at, value | 0, true);
      view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
    }
    out.length = at;
  }
  private write32(out: NativeWriter): void {
    const { count, values } = this;
    out.reserve(count * 4);
    const { view } = out;
    let at = out.length;
    for (let i = 0; i < count; i++, at += 4) view.setInt32(at, values[i]! | 0, true);
    out.length = at;
  }
  private write16(out: NativeWriter): void {
    const { count, values } = this;
    out.reserve(count * 2);
    const { view } = out;
    let at = out.length;
    for (let i = 0; i < count; i++, at += 2) view.setInt16(at, values[i]! | 0, true);
    out.length = at;
  }
  private write8(out: NativeWriter): void {
    const { count, values } = this;
    out.reserve(count);
    const { bytes } = out;
    let at = out.length;
    for (let i = 0; i < count; i++) bytes[at++] = values[i]! | 0;
    out.length = at;
  }
  private grow(least: number): void {
    const values = new Float64Array(Math.max(this.values.length * 2, least));
    values.set(this.values);
    this.values = values;
  }
}

/** Milliseconds; always eight bytes, since ClickHouse would read a narrower integer as seconds. */
export class Moments extends Integers {
  override get type(): string {
    return "DateTime64(3, 'UTC')";
  }
  override write(out: NativeWriter): void {
    this.write64(out);
  }
}

export class Texts {
  count = 0;
  readonly type = 'String';
  /** Each text as it goes out: length, then UTF-8. */
  bytes = new Uint8Array(CAPACITY * 16);
  length = 0;

  clear(): void {
    this.count = this.length = 0;
  }
  push(source: Uint8Array, start: number, length: number): void {
    if (this.length + length + 8 > this.bytes.length) this.grow(length + 8);
    const { bytes } = this;
    let at = this.length;
    if (length < 128) bytes[at++] = length;
    else at = writeVarint(bytes, at, length);
    if (length > COPY_BY_HAND_MAX) {
      bytes.set(source.subarray(start, start + length), at);
      at += length;
    } else {
      for (let i = start, end = start + length; i < end; i++) bytes[at++] = source[i]!;
    }
    this.length = at;
    this.count++;
  }
  measure(): void { /* texts know */ }
  /** Nothing but empty texts: a byte for each. */
  get isDefault(): boolean {
    return this.length === this.count;
  }
  prefix(): void { /* texts have none */ }
  write(out: NativeWriter): void {
    out.raw(this.bytes, this.length);
  }
  private grow(least: number): void {
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + least));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }
}

// Native's version of dictionaries that travel with the block, and the flags before one: own keys, update of the dictionary.
const SHARED_DICTIONARIES_WITH_ADDITIONAL_KEYS = 1;
const DICTIONARY_FLAGS = 0x600;

/** Numbers into a dictionary of this block; 0 is ''. Texts get their numbers by one of dictionaries.ts. */
export class Names {
  count = 0;
  readonly type = 'LowCardinality(String)';
  readonly dictionary = new Texts();
  private indexes = new Uint32Array(CAPACITY);
  /** Goes up with each block, so that lookups forget the numbers of the last one. */
  generation = 0;

  constructor() {
    this.clear();
  }
  clear(): void {
    this.count = 0;
    this.generation++;
    this.dictionary.clear();
    this.dictionary.push(this.dictionary.bytes, 0, 0);
  }
  push(index: number): void {
    const i = this.count++;
    if (i === this.indexes.length) this.grow();
    this.indexes[i] = index;
  }
  /** A new entry; returns its number. */
  enter(source: Uint8Array, start: number, length: number): number {
    this.dictionary.push(source, start, length);
    return this.dictionary.count - 1;
  }
  measure(): void { /* names know */ }
  get isDefault(): boolean {
    return this.dictionary.count === 1;
  }
  prefix(out: NativeWriter): void {
    out.uint64(SHARED_DICTIONARIES_WITH_ADDITIONAL_KEYS);
  }
  write(out: NativeWriter): void {
    if (this.count === 0) return;
    const { dictionary, count, indexes } = this;
    const width = dictionary.count <= 256 ? 0 : dictionary.count <= 65536 ? 1 : 2;
    out.uint64(DICTIONARY_FLAGS | width);
    out.uint64(dictionary.count);
    dictionary.write(out);
    out.uint64(count);
    out.reserve(count * 4);
    const { bytes, view } = out;
    let at = out.length;
    if (width === 0) for (let i = 0; i < count; i++) bytes[at++] = indexes[i]!;
    else if (width === 1) for (let i = 0; i < count; i++, at += 2) view.setUint16(at, indexes[i]!, true);
    else for (let i = 0; i < count; i++, at += 4) view.setUint32(at, indexes[i]!, true);
    out.length = at;
  }
  private grow(): void {
    const indexes = new Uint32Array(this.indexes.length * 2);
    indexes.set(this.indexes);
    this.indexes = indexes;
  }
}

type ElementOf<C> = C extends IntegerColumn ? Integers : C extends TextColumn ? Texts : C extends NameColumn ? Names : never;

/** A list in each row: its elements column by column, and where each row's end. */
export class Lists<C extends Record<string, ElementColumn>> {
  readonly columns: { [K in keyof C]: ElementOf<C[K]> };
  private readonly elements: [name: string, column: Integers | Texts | Names][];
  private readonly ends = new Integers();
  /** Elements of all rows so far: the place of the next one. */
  total = 0;

  constructor(column: { columns: C }) {
    const create = ({ form }: ElementColumn): Integers | Texts | Names => (form === 'integer' ? new Integers() : form === 'text' ? new Texts() : new Names());
    this.columns = Object.fromEntries(Object.entries(column.columns).map(([name, element]) => [name, create(element)])) as typeof this.columns;
    this.elements = Object.entries(this.columns);
  }
  clear(): void {
    this.ends.clear();
    this.total = 0;
    for (const [, column] of this.elements) column.clear();
  }
  /** The row has `length` elements, whose values have been added. */
  endRow(length: number): void {
    this.ends.push(this.total += length);
  }
  measure(): void {
    for (const [, column] of this.elements) column.measure();
  }
  get isDefault(): boolean {
    return this.total === 0;
  }
  get type(): string {
    return `Array(Tuple(${this.elements.map(([name, { type }]) => `${name} ${type}`).join(', ')}))`;
  }
  prefix(out: NativeWriter): void {
    for (const [, column] of this.elements) column.prefix(out);
  }
  write(out: NativeWriter): void {
    this.ends.write64(out);
    for (const [, column] of this.elements) column.write(out);
  }
}

export type BlockColumn = Integers | Texts | Names | Lists<Record<string, ElementColumn>>;
export type ColumnOf<C extends FactColumn> = C extends MomentColumn | ChoiceColumn ? Integers : C extends ListColumn ? Lists<C['columns']> : ElementOf<C>;

/** The columns of a table of fields, ready to be filled. */
export function createColumns<T extends Record<string, FactColumn>>(table: T): { [K in keyof T]: ColumnOf<T[K]> } {
  const create = (column: FactColumn): BlockColumn => {
    switch (column.form) {
      case 'integer': case 'choice': return new Integers();
      case 'moment': return new Moments();
      case 'text': return new Texts();
      case 'name': return new Names();
      case 'list': return new Lists(column);
    }
  };
  return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, create(column)])) as { [K in keyof T]: ColumnOf<T[K]> };
}

/** A block of Native: the number of columns and rows, then each column with its name and type. */
export function writeBlock(out: NativeWriter, columns: readonly (readonly [name: string, column: BlockColumn])[], rows: number): void {
  for (const [, column] of columns) column.measure();
  const filled = columns.filter(([, column]) => !column.isDefault);
  out.varint(filled.length);
  out.varint(rows);
  for (const [name, column] of filled) {
    out.ascii(name);
    out.ascii(column.type);
    column.prefix(out);
    column.write(out);
  }
}
