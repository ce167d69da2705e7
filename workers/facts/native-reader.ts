/**
 * Reads blocks of ClickHouse's Native format as fact-block.ts writes them: columns become cells (cells.ts), and nothing is decoded that nobody asks for. Throws when the bytes
 * end early or hold a type that no fact has.
 */
import { TextCells, type Cells, type NameCells, type NumberCells } from './cells.js';

/** `ends`: behind the last element of each row. */
export interface NativeList { ends: NumberCells; elements: Map<string, Cells> }
/** Columns of nothing but defaults are not there. */
export interface NativeBlock { rows: number; values: Map<string, Cells>; lists: Map<string, NativeList> }

const integerReaders: Record<string, [width: number, read: (view: DataView, at: number) => number]> = {
  UInt8: [1, (view, at) => view.getUint8(at)],
  Int8: [1, (view, at) => view.getInt8(at)],
  UInt16: [2, (view, at) => view.getUint16(at, true)],
  Int16: [2, (view, at) => view.getInt16(at, true)],
  UInt32: [4, (view, at) => view.getUint32(at, true)],
  Int32: [4, (view, at) => view.getInt32(at, true)],
  Int64: [8, (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)],
};
const LIST = /^Array\(Tuple\((.*)\)\)$/;
const NAME = 'LowCardinality(String)';

export class NativeReader {
  at = 0;
  private readonly view: DataView;
  private readonly text: Buffer;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
      const name = this.string(), type = this.string();
      const list = LIST.exec(type);
      if (list) block.lists.set(name, this.list(list[1]!, rows));
      else {
        if (type === NAME) this.at += 8;
        block.values.set(name, this.column(type, rows));
      }
    }
    return block;
  }

  private list(elementTypes: string, rows: number): NativeList {
    const elements = elementTypes.split(', ').map((element) => element.split(' ') as [name: string, type: string]);
    for (const [, type] of elements) if (type === NAME) this.at += 8;
    const ends = this.integers('Int64', rows), total = rows === 0 ? 0 : ends.at(rows - 1);
    return { ends, elements: new Map(elements.map(([name, type]) => [name, this.column(type, total)])) };
  }
  private column(type: string, count: number): Cells {
    if (type === 'String') return this.texts(count);
    if (type === NAME) return this.names(count);
    return this.integers(type.startsWith('DateTime64') ? 'Int64' : type, count);
  }
  private integers(type: string, count: number): NumberCells {
    const reader = integerReaders[type];
    if (!reader) throw new Error(`a fact has no column of type ${type}`);
    const [width, read] = reader, { view, at } = this;
    this.skip(width * count);
    return { at: (place) => read(view, at + place * width) };
  }
  private texts(count: number): TextCells {
    const starts = new Uint32Array(count), { bytes } = this;
    for (let i = 0; i < count; i++) {
      starts[i] = this.at;
      const short = bytes[this.at]!, length = short < 128 ? short : this.varint();
      if (short < 128) this.at++;
      this.at += length;
    }
    this.skip(0); // throws when the last of them ends after the bytes
    return new TextCells(bytes, starts);
  }
  private names(count: number): NameCells {
    if (count === 0) return { dictionary: this.texts(0), numberAt: () => 0 };
    const width = this.uint64() & 0xff, dictionary = this.texts(this.uint64()), numbers = this.integers(['UInt8', 'UInt16', 'UInt32'][width]!, this.uint64());
    return { dictionary, numberAt: numbers.at };
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
    return this.text.toString('utf8', this.at - length, this.at);
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
