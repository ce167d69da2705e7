/**
 * Reads blocks of ClickHouse's Native format as fact-block.ts writes them: columns become cells (cells.ts), and nothing is decoded that nobody asks for. Throws when the bytes
 * end early or hold a type that no fact has.
 */
import { behindText, type Cells, type NameCells, type NumberCells, type TextCells } from './cells.js';
import { columnName, elementsOf } from './column-names.js';
import { noNumber, noText, ReadIntegers, ReadNames, ReadTexts } from './read-cells.js';
import { MARK_EVERY, marksOf, TextMarks } from './text-marks.js';

/** `ends`: behind the last element of each row. */
export interface NativeList { ends: NumberCells; elements: Map<string, Cells> }
/** Columns of nothing but defaults are not there. */
export interface NativeBlock { rows: number; values: Map<string, Cells>; lists: Map<string, NativeList> }

const integerTypes: Record<string, { width: number; signed: boolean }> = {
  UInt8: { width: 1, signed: false }, Int8: { width: 1, signed: true }, UInt16: { width: 2, signed: false }, Int16: { width: 2, signed: true },
  UInt32: { width: 4, signed: false }, Int32: { width: 4, signed: true }, Int64: { width: 8, signed: true },
};
const numberTypes = ['UInt8', 'UInt16', 'UInt32'];
const NAME = 'LowCardinality(String)';

export class NativeReader {
  at = 0;
  private readonly view: DataView;
  private readonly marks: TextMarks;
  /** Of the next column of texts; -1: they are not known yet. */
  private nextMark: number;

  /** `marks`: of the texts in `bytes`, from who wrote them. */
  constructor(private readonly bytes: Uint8Array, marks?: Uint32Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.marks = new TextMarks(marks);
    this.nextMark = marks ? 0 : -1;
  }
  get ended(): boolean {
    return this.at >= this.bytes.length;
  }
  /** The next block; undefined after the last. */
  block(): NativeBlock | undefined {
    if (this.ended) return undefined;
    const columns = this.varint(), rows = this.varint();
    const block: NativeBlock = { rows, values: new Map(), lists: new Map() };
    for (let i = 0; i < columns; i++) {
      const name = this.string(), type = this.string(), elements = elementsOf(type);
      if (elements) block.lists.set(name, this.list(elements, rows));
      else {
        if (type === NAME) this.at += 8;
        block.values.set(name, this.column(type, rows));
      }
    }
    return block;
  }

  private list(elements: readonly (readonly [name: string, type: string])[], rows: number): NativeList {
    for (const [, type] of elements) if (type === NAME) this.at += 8;
    const ends = this.integers('Int64', rows), total = rows === 0 ? 0 : ends.at(rows - 1), cells = new Map<string, Cells>();
    for (const [name, type] of elements) cells.set(name, this.column(type, total));
    return { ends, elements: cells };
  }
  private column(type: string, count: number): Cells {
    if (type === 'String') return this.texts(count);
    if (type === NAME) return this.names(count);
    return this.integers(type.startsWith('DateTime64') ? 'Int64' : type, count);
  }
  private integers(type: string, count: number): NumberCells {
    const form = integerTypes[type];
    if (!form) throw new Error(`a fact has no column of type ${type}`);
    const { at } = this;
    this.skip(form.width * count);
    return new ReadIntegers(this.view, at, form.width, form.signed);
  }
  private texts(count: number): TextCells {
    const { bytes, marks, nextMark } = this, firstMark = nextMark < 0 ? marks.count : nextMark;
    if (nextMark < 0) this.at = this.markTexts(count);
    else {
      const end = nextMark + marksOf(count);
      this.at = marks.places[end]!;
      this.nextMark = end + 1;
    }
    this.skip(0); // throws when the last of them ends after the bytes
    return new ReadTexts(bytes, marks, firstMark);
  }
  /** Goes from text to text; returns where they end. What a few thousand of them cost is most of opening a block. */
  private markTexts(count: number): number {
    const { bytes, marks } = this;
    let { at } = this;
    for (let first = 0; first < count && at <= bytes.length; first += MARK_EVERY) {
      marks.add(at);
      for (let i = Math.min(count - first, MARK_EVERY); i > 0; i--) at = behindText(bytes, at);
    }
    marks.add(at);
    return at;
  }
  private names(count: number): NameCells {
    if (count === 0) return new ReadNames(noText, noNumber);
    const width = this.uint64() & 0xff, dictionary = this.texts(this.uint64()), numbers = this.integers(numberTypes[width]!, this.uint64());
    return new ReadNames(dictionary, numbers);
  }
  private varint(): number {
    let value = 0, factor = 1;
    for (;;) {
      this.skip(1);
      const byte = this.bytes[this.at - 1]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }
  private string(): string {
    const length = this.varint();
    this.skip(length);
    return columnName(this.bytes, this.at - length, length);
  }
  private uint64(): number {
    this.skip(8);
    return this.view.getUint32(this.at - 8, true) + this.view.getUint32(this.at - 4, true) * 2 ** 32;
  }
  private skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new Error(`a block of facts is cut off: ${this.bytes.length} bytes, needs ${this.at}`);
  }
}
