/**
 * Columns of a block while it is being filled: integers and numbers of names in rows of numbers (number-rows.ts), texts as the bytes that go out (texts.ts).
 *
 * Each column writes its part of ClickHouse's Native format. Integers go out in the narrowest type that fits the block (ClickHouse widens them: an insert costs no
 * more by it, and the log half); a column of nothing but defaults is left out (ClickHouse fills it in). Loops take four values a round: finding an array again in each
 * round costs V8 more than to take a value from it. Without `| 0` it would count in doubles (docs/decisions/013).
 */
import type { NativeWriter } from './native-writer.js';
import type { NumberRows } from './number-rows.js';
import { Texts } from './texts.js';

export class Integers {
  /** How wide the values are, and whether there are others than 0: as measured. */
  type = 'UInt8';
  isDefault = true;

  /** The numbers at `place` of each row. */
  constructor(private readonly rows: NumberRows, private readonly place: number) {}

  at(row: number): number {
    return this.rows.values[row * this.rows.width + this.place]!;
  }
  clear(): void { /* the rows are cleared */ }
  /** Before `isDefault`, `type` and `write`. */
  measure(): void {
    const { values, width, count } = this.rows, two = (2 * width) | 0, three = (3 * width) | 0, four = (4 * width) | 0, end = (count * width) | 0, lastFour = (end - three) | 0;
    let smallest = 0, largest = 0, from = this.place;
    for (; from < lastFour; from = (from + four) | 0) {
      const first = values[from]!, second = values[(from + width) | 0]!, third = values[(from + two) | 0]!, fourth = values[(from + three) | 0]!;
      if (first > largest) largest = first;
      else if (first < smallest) smallest = first;
      if (second > largest) largest = second;
      else if (second < smallest) smallest = second;
      if (third > largest) largest = third;
      else if (third < smallest) smallest = third;
      if (fourth > largest) largest = fourth;
      else if (fourth < smallest) smallest = fourth;
    }
    for (; from < end; from = (from + width) | 0) {
      const value = values[from]!;
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
    const { values, width, count } = this.rows, end = (count * width) | 0;
    out.reserve(count * 8);
    const { view } = out;
    let to = out.length;
    for (let from = this.place; from < end; from = (from + width) | 0, to = (to + 8) | 0) {
      const value = values[from]!;
      view.setInt32(to, value | 0, true);
      view.setInt32(to + 4, Math.floor(value / 2 ** 32), true);
    }
    out.length = to;
  }
  write32(out: NativeWriter): void {
    const { values, width, count } = this.rows, two = (2 * width) | 0, three = (3 * width) | 0, four = (4 * width) | 0, end = (count * width) | 0, lastFour = (end - three) | 0;
    out.reserve(count * 4);
    const { view } = out;
    let from = this.place, to = out.length;
    for (; from < lastFour; from = (from + four) | 0, to = (to + 16) | 0) {
      view.setInt32(to, values[from]! | 0, true);
      view.setInt32(to + 4, values[(from + width) | 0]! | 0, true);
      view.setInt32(to + 8, values[(from + two) | 0]! | 0, true);
      view.setInt32(to + 12, values[(from + three) | 0]! | 0, true);
    }
    for (; from < end; from = (from + width) | 0, to = (to + 4) | 0) view.setInt32(to, values[from]! | 0, true);
    out.length = to;
  }
  write16(out: NativeWriter): void {
    const { values, width, count } = this.rows, two = (2 * width) | 0, three = (3 * width) | 0, four = (4 * width) | 0, end = (count * width) | 0, lastFour = (end - three) | 0;
    out.reserve(count * 2);
    const { view } = out;
    let from = this.place, to = out.length;
    for (; from < lastFour; from = (from + four) | 0, to = (to + 8) | 0) {
      view.setInt32(to, (values[from]! & 0xffff) | (values[(from + width) | 0]! << 16), true);
      view.setInt32(to + 4, (values[(from + two) | 0]! & 0xffff) | (values[(from + three) | 0]! << 16), true);
    }
    for (; from < end; from = (from + width) | 0, to = (to + 2) | 0) view.setInt16(to, values[from]! | 0, true);
    out.length = to;
  }
  write8(out: NativeWriter): void {
    const { values, width, count } = this.rows, two = (2 * width) | 0, three = (3 * width) | 0, four = (4 * width) | 0, end = (count * width) | 0, lastFour = (end - three) | 0;
    out.reserve(count);
    const { view } = out;
    let from = this.place, to = out.length;
    for (; from < lastFour; from = (from + four) | 0, to = (to + 4) | 0) {
      const low = (values[from]! & 0xff) | ((values[(from + width) | 0]! & 0xff) << 8), high = (values[(from + two) | 0]! & 0xff) | (values[(from + three) | 0]! << 8);
      view.setInt32(to, (low & 0xffff) | (high << 16), true);
    }
    for (; from < end; from = (from + width) | 0, to = (to + 1) | 0) view.setInt8(to, values[from]! | 0);
    out.length = to;
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

// Native's version of dictionaries that travel with the block, and the flags before one: own keys, update of the dictionary.
const SHARED_DICTIONARIES_WITH_ADDITIONAL_KEYS = 1;
const DICTIONARY_FLAGS = 0x600;
/** Where an absent text lies. */
export const noText = new DataView(new ArrayBuffer(0));

/** Numbers into a dictionary of this block, at `place` of each row; 0 is ''. Texts get their numbers by one of dictionaries.ts. */
export class Names {
  readonly type = 'LowCardinality(String)';
  readonly dictionary = new Texts();
  private readonly numbers: Integers;

  constructor(private readonly rows: NumberRows, place: number) {
    this.numbers = new Integers(rows, place);
    this.clear();
  }
  clear(): void {
    this.dictionary.clear();
    this.dictionary.push(noText, 0, 0);
  }
  numberAt(row: number): number {
    return this.numbers.at(row);
  }
  /** A new entry; returns its number. */
  enter(source: DataView, start: number, length: number): number {
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
    const { dictionary, numbers, rows: { count } } = this;
    if (count === 0) return;
    const width = dictionary.count <= 256 ? 0 : dictionary.count <= 65536 ? 1 : 2;
    out.uint64(DICTIONARY_FLAGS | width);
    out.uint64(dictionary.count);
    dictionary.write(out);
    out.uint64(count);
    if (width === 0) numbers.write8(out);
    else if (width === 1) numbers.write16(out);
    else numbers.write32(out);
  }
}
