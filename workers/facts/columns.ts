/**
 * Columns of a block while it is being filled: integers in typed arrays, texts as the bytes that go out, names as numbers of a dictionary. Adding a value allocates
 * nothing; arrays double when they are full and keep their size, so their bound is the largest batch.
 *
 * Each column writes its part of ClickHouse's Native format. Integers go out in the narrowest type that fits the block (ClickHouse widens them: an insert costs no
 * more by it, and the log half); a column of nothing but defaults is left out (ClickHouse fills it in).
 */
import { TextCells } from './cells.js';
import { writeVarint, type NativeWriter } from './native-writer.js';

const CAPACITY = 1024;
/** Shorter texts are copied byte by byte: that is faster than a call. */
const COPY_BY_HAND_MAX = 48;

export class Integers {
  count = 0;
  private values = new Float64Array(CAPACITY);
  /** How wide the values are, and whether there are others than 0: as measured. */
  type = 'UInt8';
  isDefault = true;

  clear(): void {
    this.count = 0;
  }
  push(value: number): void {
    const i = this.count++;
    if (i === this.values.length) this.grow(i + 1);
    this.values[i] = value;
  }
  at(place: number): number {
    return this.values[place]!;
  }
  /** Adds `count` values, which the caller writes into the array that it gets, from the old count on. */
  room(count: number): Float64Array {
    this.count += count;
    if (this.count > this.values.length) this.grow(this.count);
    return this.values;
  }
  /** Before `isDefault`, `type` and `write`. */
  measure(): void {
    const { count, values } = this;
    let smallest = 0, largest = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      if (value > largest) largest = value;
      else if (value < smallest) smallest = value;
    }
    this.isDefault = smallest === 0 && largest === 0;
    this.type = narrowest(smallest, largest);
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

function narrowest(smallest: number, largest: number): string {
  if (smallest < 0) return smallest >= -128 && largest < 128 ? 'Int8' : smallest >= -32768 && largest < 32768 ? 'Int16' : smallest >= -(2 ** 31) && largest < 2 ** 31 ? 'Int32' : 'Int64';
  return largest < 256 ? 'UInt8' : largest < 65536 ? 'UInt16' : largest < 2 ** 32 ? 'UInt32' : 'Int64';
}

/** Milliseconds; always eight bytes, since ClickHouse would read a narrower integer as seconds. */
export class Moments extends Integers {
  override measure(): void {
    super.measure();
    this.type = "DateTime64(3, 'UTC')";
  }
  override write(out: NativeWriter): void {
    this.write64(out);
  }
}

export class Texts extends TextCells {
  count = 0;
  readonly type = 'String';
  length = 0;

  constructor() {
    super(new Uint8Array(CAPACITY * 16), new Uint32Array(CAPACITY));
  }
  clear(): void {
    this.count = this.length = 0;
  }
  push(source: Uint8Array, start: number, length: number): void {
    if (this.length + length + 8 > this.bytes.length) this.grow(length + 8);
    if (this.count === this.starts.length) this.growStarts();
    const { bytes } = this;
    let at = this.length;
    this.starts[this.count++] = at;
    if (length < 128) bytes[at++] = length;
    else at = writeVarint(bytes, at, length);
    if (length > COPY_BY_HAND_MAX) {
      bytes.set(source.subarray(start, start + length), at);
      at += length;
    } else {
      for (let i = start, end = start + length; i < end; i++) bytes[at++] = source[i]!;
    }
    this.length = at;
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
  private growStarts(): void {
    const starts = new Uint32Array(this.starts.length * 2);
    starts.set(this.starts);
    this.starts = starts;
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
  numberAt(place: number): number {
    return this.indexes[place]!;
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
